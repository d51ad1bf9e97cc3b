"""Custom fields: what a company adds to its customers, stores, contacts and deals without code."""
