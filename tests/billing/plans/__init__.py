"""Tests of plans, metering and invoices."""
