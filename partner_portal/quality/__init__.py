"""How good customers' records are, for who mends them."""
