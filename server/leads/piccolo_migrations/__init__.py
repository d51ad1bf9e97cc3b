"""Migrations of leads."""
