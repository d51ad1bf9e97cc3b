"""Understand the rows of a file as customers; reading and keeping them is the imports' room."""
