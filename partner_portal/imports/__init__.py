"""Spreadsheets in and out: upload, mapping, preview, progress, what was not taken; and export."""
