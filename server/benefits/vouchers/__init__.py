"""Vouchers: the codes by which benefits are redeemed, typed by people and guessed by others."""
