"""Bring real spreadsheets in: read safely, map columns, tell what is wrong, write in chunks."""
