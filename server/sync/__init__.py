"""Push, pull and live hints: what devices send and what they receive."""
