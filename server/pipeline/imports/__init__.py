"""Rows of sheets become deals."""
