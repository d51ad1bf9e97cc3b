"""The ledger: accounts with bounds, transfers between two of them, the entries that these leave."""
