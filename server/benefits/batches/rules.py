"""What a batch is and how far it has come. Pure: no HTTP, no database.

::

    submitted ──> approved ──> issuing ──> issued
        │  ▲          │
        │  └──────────┘  its rows have changed: what was approved is not there any more
        └──> refused

An approval is of a hash over every row, so that nothing else can be issued on it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

import msgspec

from server.benefits.rules import Program
from server.customers.rules import identifiers
from server.kit.errors import Conflict, Invalid, Refusal
from server.kit.text import clean

ROWS_MAX: Final = 5_000
"""How many rows a batch takes."""


class BatchState(StrEnum):
    """How far a batch has come."""

    SUBMITTED = "submitted"
    """Waits for somebody of the platform."""
    APPROVED = "approved"
    """May be issued as it is; the worker begins."""
    ISSUING = "issuing"
    """Some rows have their outcome."""
    ISSUED = "issued"
    """Every row has its outcome."""
    REFUSED = "refused"
    """The platform has declined it."""


class RowRefusal(StrEnum):
    """Why a row was never asked for."""

    UNKNOWN = "customer_unknown"
    """No customer within sight is meant by it."""
    AMBIGUOUS = "customer_ambiguous"
    """Several are."""
    REPEATED = "row_repeated"
    """A row above it is for the same customer."""
    WITHDRAWN = "row_withdrawn"
    """It was taken out before it was issued."""


class BatchEmpty(Invalid):
    """No row of a batch names a customer."""

    code = "batch_empty"


class BatchTooLarge(Invalid):
    """A batch has more rows than one may have."""

    code = "batch_too_large"


class BatchChanged(Conflict):
    """The rows are not those that were looked at."""

    code = "batch_changed"


class BatchDecided(Conflict):
    """The batch was approved, refused or issued already."""

    code = "batch_decided"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a row means, as it is written there; the surest of them counts."""

    customer_id: UUID | None = None
    uscc: str | None = None
    phone: str | None = None
    name: str | None = None

    @property
    def key(self) -> tuple[str, str] | None:
        """Give by what it is looked up; None when it says nothing that can be."""
        for column in ("customer_id", "uscc", "phone", "name"):
            value = getattr(self, column)
            if value is not None:
                return column, str(value)
        return None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a batch to be."""

    place: int
    """Its line in the file, or its place in the list; from 1."""
    given: str
    """What stood there."""
    customer_id: UUID | None
    code: str | None
    """Why it is refused; null while it may be issued."""


COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "customer_id": ("客户编号(勿改)", "客户编号", "id"),
    "uscc": ("统一社会信用代码", "信用代码"),
    "phone": ("电话", "手机", "手机号", "联系电话"),
    "name": ("客户名称", "客户", "公司名称", "店名"),
}
"""What columns of a spreadsheet are called."""


def named(cells: Mapping[str, str]) -> Named:
    """Read whom a row means, in the form that records have; what is no phone or code is nothing."""
    return Named(
        customer_id=_id(cells.get("customer_id", "")),
        uscc=_normal(identifiers.uscc, cells.get("uscc", "")),
        phone=_normal(identifiers.phone, cells.get("phone", "")),
        name=clean(cells.get("name", "")) or None,
    )


def _id(text: str) -> UUID | None:
    """Read an id; anything else is none."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _normal(read: Callable[[str], str], text: str) -> str | None:
    """Bring a code or phone into its form; nonsense is nothing."""
    try:
        return read(text) if text.strip() else None
    except Refusal:
        return None


def settled(
    asked: Iterable[tuple[int, str, Named]], found: Mapping[tuple[str, str], Sequence[UUID]]
) -> list[Row]:
    """Say for each row which customer it is for, or why for none.

    :param asked: place, what stood there, whom it means.
    :param found: by what was looked up, the customers within sight that are known by it.
    """
    rows, taken = [], set()
    for place, given, meant in asked:
        held = found.get(meant.key, ()) if meant.key else ()
        customer_id = held[0] if len(held) == 1 else None
        code: RowRefusal | None = None
        if customer_id is None:
            code = RowRefusal.AMBIGUOUS if held else RowRefusal.UNKNOWN
        elif customer_id in taken:
            customer_id, code = None, RowRefusal.REPEATED
        else:
            taken.add(customer_id)
        rows.append(Row(place=place, given=given, customer_id=customer_id, code=code))
    return rows


def request_id(batch_id: UUID, place: int) -> UUID:
    """Give the id under which a row is requested: the same however often it is tried."""
    return uuid5(batch_id, str(place))


def content_hash(program: Program, agent_id: UUID, tokens: Iterable[tuple[int, str]]) -> str:
    """Give the fingerprint of what would be issued: each row's place and customer's token.

    :param tokens: in any order; rows that are refused have none.
    """
    content = ["tonglu.batch.v1", program.id, agent_id, program.amount_minor, program.currency]
    return hashlib.sha256(msgspec.json.encode([*content, sorted(tokens)])).hexdigest()


def ensure_size(rows: int) -> None:
    """Refuse a batch of nothing, or of too much.

    :raises BatchEmpty: there is no row.
    :raises BatchTooLarge: there are too many.
    """
    if not rows:
        raise BatchEmpty("Name at least one customer.", field="customers")
    if rows > ROWS_MAX:
        raise BatchTooLarge(
            f"A batch has at most {ROWS_MAX} rows; make several.", field="customers"
        )


def ensure_undecided(state: BatchState) -> None:
    """Refuse to decide twice.

    :raises BatchDecided: it is not waiting any more.
    """
    if state is not BatchState.SUBMITTED:
        raise BatchDecided(f"This batch is {state} already.")


def ensure_unchanged(looked_at: str, held: str) -> None:
    """Refuse a decision about other rows than those that there are.

    :raises BatchChanged: look at it again.
    """
    if looked_at != held:
        raise BatchChanged("The rows have changed; look at the batch again.")
