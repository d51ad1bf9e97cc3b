"""What a statement says, the bytes that are hashed and signed of it, and where it stands. Pure."""

import hashlib
import json
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from billing.errors import BillingRefusal, Sort

ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Where a month begins."""
ANSWER_DAYS: Final = 7
"""Within so many days the platform answers a dispute."""
_SETTLES: Final = timedelta(hours=1)
"""So long after a month's end what was begun in it is surely written, and sealed."""
_CONTENT: Final = "tonglu.agreed.v1"
_SIGNED: Final = "tonglu.signed.v1"


class MonthNotOver(BillingRefusal):
    """A statement was to be drawn up of a month that is not over, or only just."""

    code = "statement_month_not_over"
    sort = Sort.CLASH
    field = "month"


class Standing(StrEnum):
    """Where a statement stands between the two sides."""

    OPEN = "open"
    """Its owner may speak of its lines, and sign."""
    DISPUTED = "disputed"
    """Lines are disputed and not answered yet."""
    DEEMED = "deemed"
    """Nobody spoke in time: it counts as confirmed."""
    ACCEPTED = "accepted"
    """Its owner has signed."""
    AGREED = "agreed"
    """Both sides have signed."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account in a statement."""

    account_id: UUID
    kind: str
    subject_id: UUID
    after_version: int
    last_version: int
    opening_pending: int
    opening_posted: int
    closing_pending: int
    closing_posted: int
    lines_digest: bytes

    @property
    def lines(self) -> int:
        """Count its lines in the month."""
        return self.last_version - self.after_version

    def told(self) -> list[str | int]:
        """Give what is hashed of it, in this order."""
        return [
            str(self.account_id),
            self.after_version,
            self.opening_pending,
            self.opening_posted,
            self.last_version,
            self.closing_pending,
            self.closing_posted,
            self.lines_digest.hex(),
        ]


def first_day(month: str) -> date:
    """Give the first day of a month that is written as in 2026-11."""
    return date.fromisoformat(f"{month}-01")


def last_day(ends: datetime) -> date:
    """Give the day before a moment at which a month ends."""
    return ends.date() - timedelta(days=1)


def bounds(period: date) -> tuple[datetime, datetime]:
    """Give when a month begins, and the next one does."""
    following = (period.replace(day=28) + timedelta(days=4)).replace(day=1)
    begins, ends = (datetime.combine(day, time(), ZONE) for day in (period, following))
    return begins, ends


def ensure_over(period: date, now: datetime) -> None:
    """Refuse a month in which something may still be written down.

    :raises MonthNotOver: try again an hour after its end.
    """
    if now < bounds(period)[1] + _SETTLES:
        raise MonthNotOver("This month is not over yet; draw it up an hour after its end.")


def in_order(accounts: Iterable[Account]) -> list[Account]:
    """Give accounts as they are hashed: by their ids."""
    return sorted(accounts, key=lambda each: str(each.account_id))


def told(agent_id: UUID, period: date, currency: str, accounts: Iterable[Account]) -> list[object]:
    """Give what is hashed of a statement."""
    rows = [each.told() for each in in_order(accounts)]
    return [_CONTENT, str(agent_id), f"{period:%Y-%m}", currency, rows]


def content_hash(agent_id: UUID, period: date, currency: str, accounts: Iterable[Account]) -> bytes:
    """Give the SHA-256 that both sides sign."""
    return hashlib.sha256(_compact(told(agent_id, period, currency, accounts))).digest()


def signed(digest: bytes) -> bytes:
    """Write what the platform's key signs of a statement with this hash."""
    return _compact([_SIGNED, digest.hex()])


def standing(
    *,
    answer_by: date,
    last_answer_on: date | None,
    open_disputes: int,
    is_signed_by_agent: bool,
    is_signed_by_platform: bool,
    today: date,
) -> Standing:
    """Say where a statement stands, whenever it is looked at.

    A dispute stops the clock; after the last answer its owner has `ANSWER_DAYS` more.
    """
    if is_signed_by_agent:
        return Standing.AGREED if is_signed_by_platform else Standing.ACCEPTED
    if open_disputes:
        return Standing.DISPUTED
    last = max(answer_by, last_answer_on + timedelta(days=ANSWER_DAYS)) if last_answer_on else None
    return Standing.DEEMED if today > (last or answer_by) else Standing.OPEN


def _compact(value: list[object]) -> bytes:
    """Write JSON in one way only."""
    return json.dumps(value, separators=(",", ":")).encode()
