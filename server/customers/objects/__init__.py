"""Custom objects: sorts of records that a company adds without code, beneath its customers."""
