"""Issuance: a benefit for a customer, as a hold on the account of a budget."""
