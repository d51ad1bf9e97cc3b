"""Tenants: the agent companies that use the product, and their teams."""
