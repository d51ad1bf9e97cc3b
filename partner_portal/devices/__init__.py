"""Devices: which there are, how fresh they are, enrol one, end one, and the lease of all."""
