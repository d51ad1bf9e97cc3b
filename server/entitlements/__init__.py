"""Entitlements: what a company may use, asked where something more is to be used."""
