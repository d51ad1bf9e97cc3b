"""How a company sells: the stages of a process, their gates, and what is open at each.

Device and server decide alike whether a deal may move, so that a phone in a basement can say what
is missing; the server's word counts.
"""
