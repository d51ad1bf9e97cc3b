"""Statements of agents' months: the platform draws them up, owners answer, both sides sign."""
