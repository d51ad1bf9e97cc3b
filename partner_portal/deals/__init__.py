"""The board, one deal with its steps, and lists behind its figures."""
