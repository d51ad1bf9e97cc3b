"""What a company's own words about phones that nobody may call are, over HTTP and to the pages."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from server.customers.opt_outs.rules import OptOutReason
from server.kit.text import PRINTABLE

Why = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]


class WordState(StrEnum):
    """What has become of a word."""

    IN_FORCE = "in_force"
    WAITING = "waiting"
    """The person had told of as many on that day as one may; a manager decides."""
    WITHDRAWN = "withdrawn"


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody may be called again after all."""

    why: Why


class WordView(msgspec.Struct, frozen=True, kw_only=True):
    """Who said of whom that nobody may call them."""

    id: UUID
    phone: str
    """With its middle hidden."""
    reason: OptOutReason
    customer_id: UUID | None
    """Whom the call was with, where it was told in one."""
    customer_name: str | None
    told_by: UUID
    told_at: datetime
    state: WordState
    decided_by: UUID | None
    """The manager who put it in force, or took it back."""
    decided_at: datetime | None
    why: str | None
