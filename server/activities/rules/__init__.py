"""Decide about activities. Pure: no HTTP, no database."""
