"""Saved views of the customer list: filter, order and columns under a name, own or shared."""
