"""P12: a spreadsheet as people have it, from upload to the last row committed."""
