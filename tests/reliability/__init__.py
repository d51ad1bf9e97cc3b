"""Real processes, killed at random points: what was acknowledged stays, nothing is doubled."""
