"""Contracts with customers: what they say, when they are paid, and what becomes of them."""
