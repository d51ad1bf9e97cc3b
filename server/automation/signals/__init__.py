"""Signals: what systems outside tell of customers, signed, and taken once."""
