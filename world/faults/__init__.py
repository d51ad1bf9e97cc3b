"""Real processes under seeded faults: a bad network, kill -9, and processes that stand still."""
