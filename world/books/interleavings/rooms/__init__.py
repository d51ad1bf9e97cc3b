"""The rooms of the books, each set up so that its use cases get in each other's way."""
