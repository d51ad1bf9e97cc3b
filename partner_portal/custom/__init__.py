"""Pages on which managers give the company's records fields of their own."""
