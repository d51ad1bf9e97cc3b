"""The simulator: real protocol, engine and service under one seed, with no clock and no network."""
