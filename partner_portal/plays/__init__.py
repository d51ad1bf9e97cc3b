"""The company's own rules: what must come about, what is done then, and what it did."""
