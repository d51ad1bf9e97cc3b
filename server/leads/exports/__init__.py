"""Write leads as a sheet, which the import takes back without a change."""
