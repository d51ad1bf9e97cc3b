"""Budgets: value that may be promised, from the platform to a program and on to an agent."""
