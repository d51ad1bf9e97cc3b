"""What statements are over HTTP, beyond what the books say of them."""

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from billing.money import Currency
from billing.statements.rules import Standing
from billing.statements.schemas import Outcome, Side, StatementLineView
from server.kit.text import PRINTABLE, Int

MONTH: Final = r"\A20[0-9]{2}-(0[1-9]|1[0-2])\Z"
"""A month, as in 2026-11."""

Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
Evidence = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=PRINTABLE)]
LineNumber = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class NewStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement to be drawn up."""

    id: UUID
    """Made by the asker: asking twice draws one."""
    agent_id: UUID
    month: Annotated[str, msgspec.Meta(pattern=MONTH)]
    currency: Currency = "CNY"
    answer_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 15
    """So many days its owner has to speak; later, silence counts as yes."""


class SeenStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed: the hash that was shown."""

    hash: Hash


class Confirmation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines that are right."""

    lines: Annotated[list[LineNumber], msgspec.Meta(min_length=1, max_length=1_000)]


class NewDispute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line that its owner does not agree with."""

    line: LineNumber
    reason: Text
    evidence: Evidence | None = None
    """Which contract, order or message shows it."""


class NewAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the platform answers to a dispute. With `corrected`, one of the last two."""

    line: LineNumber
    outcome: Outcome
    note: Text
    amount_minor: Int | None = None
    """What the agent gains by a correction of commission, which is booked with this answer."""
    transfer_id: UUID | None = None
    """What was booked already, on the line's account."""


class StatementSignatureView(msgspec.Struct, frozen=True, kw_only=True):
    """One side's signature."""

    side: Side
    signed_by: UUID
    signed_at: datetime
    public_key: str | None
    signature: str | None


class StatementSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A statement in a list."""

    id: UUID
    agent_id: UUID
    month: str
    currency: Currency
    hash: str
    standing: Standing
    lines: int
    confirmed: int
    disputes: int
    open_disputes: int
    answer_by: date
    drawn_at: datetime
    signatures: list[StatementSignatureView]


class StatementAccountView(msgspec.Struct, frozen=True, kw_only=True):
    """One account: commission, or what was issued in a program."""

    account_id: UUID
    program_id: UUID | None
    """None for commission."""
    program_name: str
    lines: int
    opening_pending: int
    opening_posted: int
    closing_pending: int
    closing_posted: int


class StatementDetail(StatementSummary, frozen=True, kw_only=True):
    """A statement with its accounts."""

    agent_name: str
    accounts: list[StatementAccountView]


class StatementDispute(StatementLineView, frozen=True, kw_only=True):
    """A disputed line in the platform's queue."""

    statement_id: UUID
    agent_id: UUID
    month: str
    currency: Currency
