"""Plays: a company's own rules. What must come about, and what is done about it then."""
