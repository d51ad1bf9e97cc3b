"""Decide about identity. Pure: keys, time and randomness are given; no HTTP, no database."""
