"""The books: money, ledger, budgets and issuance, joined to the transaction of the caller."""
