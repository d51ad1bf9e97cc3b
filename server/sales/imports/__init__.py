"""Rows of sheets become products and prices."""
