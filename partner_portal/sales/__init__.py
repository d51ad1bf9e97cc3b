"""What is sold: prices for managers, quotes to make and approve."""
