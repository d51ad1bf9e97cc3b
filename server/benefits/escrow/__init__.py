"""Escrow: devices hold units of their agent's allocation, and promise benefits while offline."""
