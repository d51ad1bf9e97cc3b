"""The schedules that every run of the tests plays."""

SEEDS = range(230)
"""About 15 seconds on one core."""
