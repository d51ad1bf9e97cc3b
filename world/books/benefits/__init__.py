"""Benefits under a seed: used, taken back, withdrawn and over, by many at once, through kills."""
