"""Understand the rows of a file as leads; reading and keeping them is the imports' room."""
