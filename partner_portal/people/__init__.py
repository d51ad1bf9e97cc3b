"""People of an agent company and their teams: add, invite, change, let go."""
