"""Exchange: one currency for another by four legs, at a rate of two whole numbers."""
