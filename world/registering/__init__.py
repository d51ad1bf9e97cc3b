"""Rivals register one made-up shop, in any order and with any clock: one of them wins."""
