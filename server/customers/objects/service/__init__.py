"""Make, change and archive custom objects, and write their records."""
