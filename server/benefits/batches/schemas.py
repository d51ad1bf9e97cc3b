"""What batches are over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from server.benefits.batches.rules import ROWS_MAX, BatchState
from server.benefits.schemas import Reason
from server.customers.schemas import Filters

FILE_BYTES_MAX: Final = 4 * 2**20
"""How large a batch's spreadsheet may be."""

Customers = Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=ROWS_MAX)]


class NewBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Benefits for those customers that are named, or that a filter leaves."""

    id: UUID
    """Made by the asker: asking twice makes one."""
    program_id: UUID
    customers: Customers | None = None
    filters: Filters | None = None
    """A segment: who is in it is settled now, not when the batch is issued."""


class Withdraw(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to be taken out before they are issued."""

    places: Annotated[list[int], msgspec.Meta(min_length=1, max_length=ROWS_MAX)]


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at when a batch is approved."""

    content_hash: str


class BatchRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a batch is declined."""

    reason: Reason


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as both sides see it."""

    id: UUID
    agent_id: UUID
    program_id: UUID
    program_name: str
    state: BatchState
    rows: int
    open_rows: int
    """How many of them are to be issued, or were asked for."""
    amount_minor: int
    """What they would come to together."""
    currency: str
    content_hash: str
    made_at: datetime
    decided_at: datetime | None
    reason: str | None
    finished_at: datetime | None


class BatchRowView(msgspec.Struct, frozen=True, kw_only=True):
    """A row of one's own batch."""

    id: UUID
    place: int
    given: str
    customer_id: UUID | None
    customer_name: str | None
    code: str | None
    """`issued`, or why not; null while it waits."""


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of one's own, with how many rows came to what."""

    batch: BatchView
    outcomes: dict[str, int]
    """By code, how many rows; what waits stands under `waiting`."""
