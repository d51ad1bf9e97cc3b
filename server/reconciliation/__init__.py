"""Reconciliation over HTTP: agents' files come in, are compared, and both sides see the answer."""
