"""Notifications: who is told what, in the product and through channels outside of it."""
