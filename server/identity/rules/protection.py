"""Decide whether a device may keep a company's records the way it keeps them. Pure."""

from server.kit.errors import Forbidden


class StoreUnprotected(Forbidden):
    """The company wants encrypted stores under a lease alone, and this device has none."""

    code = "store_unprotected"


def ensure_protected(*, lease_only: bool, is_protected: bool) -> None:
    """Refuse a device that did not say that its store is encrypted, where that is wanted.

    :param lease_only: what the company's owner decided.
    """
    if lease_only and not is_protected:
        raise StoreUnprotected(
            "Your company wants encrypted stores alone: update the app, then sync.",
            field="is_protected",
        )
