"""Reconciliation: two books of the same benefits, line by line, and why they differ."""
