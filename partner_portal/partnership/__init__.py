"""What an agent has agreed with the platform, and what the platform sees of it by that."""
