"""The channel: what the platform sees of its agents' work, as counts under privacy thresholds."""
