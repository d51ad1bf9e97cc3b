"""Redemptions: what becomes of a benefit: used, given back, withdrawn, over; whole or in parts."""
