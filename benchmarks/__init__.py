"""Measurements of the product against the bare stack doing the same calls in the same run."""
