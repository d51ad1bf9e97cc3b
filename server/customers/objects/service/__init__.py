"""Make, change and archive custom objects; write their records, and take them out."""
