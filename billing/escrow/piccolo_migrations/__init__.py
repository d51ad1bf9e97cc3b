"""Migrations of this room, run by the owner in the order of their names."""
