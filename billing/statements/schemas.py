"""What statements are asked and what they answer, as frozen values."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.money import Currency
from billing.statements.rules import Account, Standing, standing


class StatementNotFound(BillingRefusal):
    """There is no such statement, or no such line in it, or not for who asks."""

    code = "statement_not_found"
    sort = Sort.ABSENT


class StatementDrawn(BillingRefusal):
    """The statement of this agent, month and currency was drawn up before, under another id."""

    code = "statement_drawn"
    sort = Sort.CLASH

    def __init__(self, statement_id: UUID) -> None:
        super().__init__("This statement was drawn up already, and never changes; look at it.")
        self.statement_id = statement_id


class StatementDiffers(BillingRefusal):
    """The hash that was sent back is not that of the statement."""

    code = "statement_differs"
    sort = Sort.CLASH
    field = "hash"


class StatementSigned(BillingRefusal):
    """Its owner has signed: nothing more is said of its lines."""

    code = "statement_signed"
    sort = Sort.CLASH


class AnswerOver(BillingRefusal):
    """The time in which its owner may speak of a statement's lines is over."""

    code = "statement_answer_over"
    sort = Sort.CLASH


class LineAnswered(BillingRefusal):
    """Something else was said of this line before."""

    code = "statement_line_answered"
    sort = Sort.CLASH
    field = "line"


class DisputesOpen(BillingRefusal):
    """A statement is signed when each of its disputes is answered."""

    code = "statement_disputed"
    sort = Sort.CLASH


class NotDisputed(BillingRefusal):
    """There is no dispute about this line that could be answered."""

    code = "statement_line_not_disputed"
    sort = Sort.CLASH
    field = "line"


class CorrectionUnknown(BillingRefusal):
    """A line is corrected by a later line of its account, and this one is none."""

    code = "statement_correction_unknown"
    field = "transfer_id"


class Side(StrEnum):
    """Who signs."""

    AGENT = "agent"
    PLATFORM = "platform"


class Said(StrEnum):
    """What an owner says of a line."""

    CONFIRMED = "confirmed"
    DISPUTED = "disputed"


class Outcome(StrEnum):
    """What came of a dispute."""

    CORRECTED = "corrected"
    """A later line puts it right; this one stays."""
    KEPT = "kept"
    """The line is right as it is."""


class NewStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A statement to be drawn up."""

    id: UUID
    agent_id: UUID
    period: date
    """The first day of the month."""
    currency: Currency
    answer_days: int
    """So many days its owner has to speak."""


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """Why an owner does not agree with a line."""

    n: int
    reason: str
    evidence: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform answers to a dispute."""

    outcome: Outcome
    note: str
    transfer_id: UUID | None = None
    """With `corrected`, the later transfer that does it."""


class SignatureView(msgspec.Struct, frozen=True, kw_only=True):
    """One side's signature."""

    side: Side
    signed_by: UUID
    signed_at: datetime
    public_key: str | None
    signature: str | None


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """A statement in a list."""

    id: UUID
    agent_id: UUID
    period: date
    currency: Currency
    hash: bytes
    lines: int
    answer_by: date
    drawn_by: UUID
    drawn_at: datetime
    confirmed: int
    """Lines of which its owner said so, one by one."""
    disputes: int
    open_disputes: int
    last_answer_on: date | None
    signatures: list[SignatureView]

    def signature(self, side: Side) -> SignatureView | None:
        """Give a side's signature."""
        return next((each for each in self.signatures if each.side is side), None)

    def standing(self, today: date) -> Standing:
        """Say where it stands on a day."""
        return standing(
            answer_by=self.answer_by,
            last_answer_on=self.last_answer_on,
            open_disputes=self.open_disputes,
            is_signed_by_agent=self.signature(Side.AGENT) is not None,
            is_signed_by_platform=self.signature(Side.PLATFORM) is not None,
            today=today,
        )


class StatementView(StatementRow, frozen=True, kw_only=True):
    """A statement with its accounts."""

    accounts: list[Account]


class StatementLineView(msgspec.Struct, frozen=True, kw_only=True):
    """A line with what was said of it."""

    n: int
    account_id: UUID
    version: int
    transfer_id: UUID
    event: str
    on: date
    pending_minor: int
    posted_minor: int
    posted_after: int
    said: Said | None
    reason: str | None
    evidence: str | None
    said_at: datetime | None
    due_on: date | None
    outcome: Outcome | None
    note: str | None
    correction_id: UUID | None
    answered_at: datetime | None


class PlacedLine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a movement stands among an agent's statements."""

    transfer_id: UUID
    statement_id: UUID
    n: int
    """Its line's number."""
    period: date


class DisputeRow(StatementLineView, frozen=True, kw_only=True):
    """A disputed line in the platform's queue."""

    statement_id: UUID
    agent_id: UUID
    period: date
    currency: Currency
