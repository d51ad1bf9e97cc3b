"""The company's own objects: define one, list its records, write one of a customer."""
