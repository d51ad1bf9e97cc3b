"""The company's own statements: looked at, confirmed or disputed line by line, signed, fetched."""
