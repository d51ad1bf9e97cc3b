"""Who may have a program's benefits: versioned rules, explained for each customer, tried first."""
