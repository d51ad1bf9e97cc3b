"""Pages of reconciliation: the two sides see the same, each from its own."""
