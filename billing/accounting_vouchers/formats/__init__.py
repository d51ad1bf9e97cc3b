"""Vouchers as files of accounting packages. Each writer is pure: the same vouchers, same bytes."""
