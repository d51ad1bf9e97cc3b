"""Rules that act by themselves: versioned, explainable, tried on the past before they are on."""
