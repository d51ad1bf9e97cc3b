"""Spreadsheets of sales and refunds: looked at, handed in, recorded row by row by the worker."""
