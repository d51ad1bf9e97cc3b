"""What may be sold how. Pure: no HTTP, no database."""
