"""Commissions: what agents earn by published plans, what is taken back, what is paid out."""
