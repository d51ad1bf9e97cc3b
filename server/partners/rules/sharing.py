"""Decide what of an agent's the platform may see: the sharing contract, field by field. Pure.

A contract names fields of this list; what code releases to the platform asks for its field here,
and what is in no contract is not released. What books and cases need is no matter of a contract.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from server.kit.errors import Conflict


class ContractVersionTaken(Conflict):
    """Another version of the sharing contract was offered meanwhile."""

    code = "contract_version_taken"


class ContractReplaced(Conflict):
    """A newer version of the sharing contract is on offer."""

    code = "contract_replaced"


class Shared(StrEnum):
    """Something of an agent's that the platform sees if their contract says so."""

    CUSTOMERS_BY_STATUS = "customers.by_status"
    """How many customers are in which status; none under the threshold."""
    CUSTOMERS_BY_CITY = "customers.by_city"
    """Its share in the counts of all agents by city."""
    CUSTOMERS_BY_INDUSTRY = "customers.by_industry"
    """Its share in the counts of all agents by industry."""
    DEVICES = "devices.count"
    """How many devices work."""
    PENDING = "devices.pending"
    """How many edits wait on them."""
    LAST_SYNC = "devices.last_sync_at"
    """When one was last heard."""


STANDARD: Final = frozenset(Shared)
"""What holds from the admission on, until the owner has accepted another contract."""


class Version(msgspec.Struct, frozen=True):
    """A version of an agent's contract."""

    version: int
    fields: frozenset[Shared]
    is_accepted: bool


_ADMISSION: Final = Version(0, STANDARD, is_accepted=True)


def in_force(versions: Iterable[Version]) -> Version:
    """Give the contract that holds: the last that was accepted, else the standard one."""
    accepted = [each for each in versions if each.is_accepted]
    return max(accepted, key=lambda each: each.version, default=_ADMISSION)


def ensure_next(last: int, asked: int) -> None:
    """Refuse an offer that does not follow the last one.

    :raises ContractVersionTaken: somebody else has made one meanwhile.
    """
    if asked != last + 1:
        raise ContractVersionTaken(
            f"The last version on offer is {last}; look at it, then offer {last + 1}.",
            field="version",
        )


def ensure_last(last: int, asked: int) -> None:
    """Refuse to accept what is not on offer any more.

    :raises ContractReplaced: a newer version is.
    """
    if asked != last:
        raise ContractReplaced(f"Version {last} is on offer; look at that one.", field="version")
