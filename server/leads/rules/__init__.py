"""What is decided about leads, with no database: verdicts, tags, routes, hand-offs, budgets."""
