"""Custom fields: what a company adds to its records and its own objects without code."""
