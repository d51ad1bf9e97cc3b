"""The simulator itself, a sample of its schedules, and those that once failed."""
