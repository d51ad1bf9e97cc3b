"""The schedules that every run of the tests plays."""

SEEDS = range(190)
"""About 12 seconds on one core."""

WAITING = range(40)
"""So many more of those in which ops wait for their records: few of them do."""
