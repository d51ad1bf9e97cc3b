"""Partners: agent companies as the platform sees them, with their tier and city."""
