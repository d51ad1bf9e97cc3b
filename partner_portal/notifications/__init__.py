"""What one was told, and how one wants to be told outside of the product."""
