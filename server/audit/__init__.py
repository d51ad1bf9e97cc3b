"""The append-only trail: what was done by whom, and what the platform looked at."""
