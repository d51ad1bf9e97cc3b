"""Bring real spreadsheets in: read safely, map columns, tell what is wrong, write in chunks.

What a row becomes is said by the room of the record; see `targets.py`.
"""
