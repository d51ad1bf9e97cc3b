"""Tests of accounting vouchers."""
