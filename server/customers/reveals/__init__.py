"""Phones that are hidden from somebody, shown by one deliberate act that leaves a line."""
