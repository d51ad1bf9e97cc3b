"""Migrations of imports."""
