"""Periods of the books: opened in a row, closed softly and for good, each close with its trial."""
