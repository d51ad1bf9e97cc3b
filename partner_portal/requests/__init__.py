"""Requests for help as the company's people see them."""
