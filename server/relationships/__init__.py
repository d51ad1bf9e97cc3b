"""Relationships: who matters at a customer, how well we know them, and what is missing."""
