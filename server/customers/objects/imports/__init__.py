"""Rows of sheets become records of custom objects."""
