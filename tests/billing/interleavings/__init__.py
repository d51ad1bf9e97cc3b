"""Tests of use cases of the books that meet."""
