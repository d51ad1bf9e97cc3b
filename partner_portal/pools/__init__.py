"""Pages of the public pools: look, pick, give up; for managers, the pools and their rules."""
