"""Escrow: units of an agent's allocation that a device holds, to promise benefits while offline."""
