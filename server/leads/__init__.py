"""Leads before they are customers: sources, campaigns, intake, cleansing, routing, hand-off."""
