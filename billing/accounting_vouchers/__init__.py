"""Accounting vouchers (凭证): what closed periods moved, in the accounts of a package's chart."""
