"""What columns, cells and rows of a file mean. Pure."""
