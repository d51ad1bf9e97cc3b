"""How the company sells: its processes, their next versions, and deals that move on to one."""
