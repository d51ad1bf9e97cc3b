"""Who has asked not to be called: kept for all companies together, as keyed hashes (S45)."""
