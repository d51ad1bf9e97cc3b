"""Tests of plans at the edge of the product."""
