"""The product's server: API, rules, rows. Rooms are listed top to bottom in docs/architecture.md."""
