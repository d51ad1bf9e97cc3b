"""The conflict inbox: two values for one field, and a person who decides."""
