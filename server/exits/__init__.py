"""What becomes of all that is an agent's when it leaves: one successor state for each thing."""
