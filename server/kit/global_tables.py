"""Every table that is not one tenant's, who may do what with it, and why.

A test compares this with the catalogue.
"""

from typing import Final

import msgspec


class GlobalTable(msgspec.Struct, frozen=True):
    """A table without a tenant policy: role to privileges, and why it stands outside."""

    grants: dict[str, frozenset[str]]
    reason: str


def _table(reason: str, **grants: str) -> GlobalTable:
    """Write a line of the list: grants as ``tonglu_app="SELECT INSERT"``."""
    return GlobalTable({role: frozenset(given.split()) for role, given in grants.items()}, reason)


GLOBAL_TABLES: Final[dict[str, GlobalTable]] = {
    "outbox": _table(
        "Work to be done after a commit, for every tenant; the application may only add.",
        tonglu_app="INSERT",
        tonglu_platform="INSERT",
        tonglu_job="SELECT UPDATE DELETE INSERT",
    ),
    "login_name": _table(
        "A login name is looked up before its tenant is known, and is unique over all tenants.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "refresh_family": _table(
        "A refresh token is found by its family before its tenant is known.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "web_session": _table(
        "A cookie is found by its hash before its tenant is known.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "enrolment_code": _table(
        "A device presents its code before its tenant is known.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "throttle_counter": _table(
        "Tries are counted before anybody is known; keys are keyed hashes.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
}
