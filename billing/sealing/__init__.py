"""Sealing: a Merkle log of all entries, written behind the books: signed heads and proofs."""
