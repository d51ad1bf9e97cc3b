"""The product's server: API, rules, rows. docs/architecture.md lists its rooms."""
