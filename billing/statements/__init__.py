"""Statements of an agent's month: drawn up once, answered line by line, signed by both sides."""
