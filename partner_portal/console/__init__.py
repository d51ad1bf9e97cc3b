"""The platform's console: the channel in totals, its agents, and what was issued."""
