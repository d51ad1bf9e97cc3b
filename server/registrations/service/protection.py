"""What becomes of who stands in the registry: extended, converted, released, run out."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.kit import db, outbox
from server.partners import queries as partners
from server.registrations.queries import rulebook
from server.registrations.rules import terms
from server.registrations.service import disputes, entries
from server.registrations.service.entries import Entry
from sync_protocol.registering import LIVE, OPEN, State

WARNED: Final = "registrations.warned"
"""Of an agent: a protection ends soon."""
_ENDED: Final = """
SELECT id FROM registry_entry
WHERE state IN ('granted', 'extended', 'converted') AND protected_until <= $1 ORDER BY id
"""
_ENDING: Final = """
SELECT id, tenant_id, protected_until, warned_days FROM registry_entry
WHERE state IN ('granted', 'extended') AND protected_until > $1 AND protected_until <= $2
ORDER BY id
"""
_OVER: Final = """
UPDATE registry_case SET state = 'closed' WHERE state = 'decided' AND appeal_until <= $1
"""


async def extend(entry_id: UUID, *, until: datetime, number: int, now: datetime) -> None:
    """Protect for longer, if it is protected still; the same or an earlier one changes nothing.

    :param number: how many extensions that makes; `until` has the earlier ones in it.
    """
    async with db.job_transaction():
        await entries.lock()
        entry = await entries.one(entry_id)
        if entry["state"] in LIVE and entry["extensions"] < number:
            state = State.EXTENDED if entry["state"] != State.CONVERTED else State.CONVERTED
            longer = max(until, entry["protected_until"])
            unsigned = max(until, await _unsigned_until(entry))
            await entries.move(
                entry_id,
                state,
                now=now,
                extensions=number,
                protected_until=longer,
                unsigned_until=unsigned if state is State.CONVERTED else None,
                warned_days=None,
            )
        else:
            await entries.tell(entry, now=now)


async def convert(entry_id: UUID, *, until: datetime | None, now: datetime) -> None:
    """Protect a customer that has signed at least to a day; as before where nothing is signed."""
    async with db.job_transaction():
        await entries.lock()
        entry = await entries.one(entry_id)
        if entry["state"] not in LIVE:
            return
        unsigned = await _unsigned_until(entry)
        before = State.EXTENDED if entry["extensions"] else State.GRANTED
        longer, state = unsigned, before
        if until is not None:
            longer, state = max(until, unsigned), State.CONVERTED
        elif entry["state"] != State.CONVERTED:
            return
        if (entry["state"], entry["protected_until"]) != (state, longer):
            await entries.move(
                entry_id,
                state,
                now=now,
                protected_until=longer,
                unsigned_until=None if until is None else unsigned,
            )


async def _unsigned_until(entry: Entry) -> datetime:
    """Give until when a registration would be protected if nothing were signed."""
    until: datetime = entry["protected_until"]
    if entry["state"] == State.CONVERTED:
        held = (await rulebook.terms_at(entry["arrived_at"])).terms
        tier = await partners.tier(entry["tenant_id"])
        until = entry["unsigned_until"] or terms.protected_until(held, tier, entry["live_since"])
    return until


async def release(
    entry_id: UUID, *, of: UUID | None = None, asked_at: datetime | None = None, now: datetime
) -> None:
    """Let a customer go; whoever stood against this one alone is protected now.

    :param of: who asks, if an agent does; nothing becomes of another's, under whose id it may have
        registered a customer of its own.
    :param asked_at: when its agent did, if the worker hears of it later.
    """
    async with db.job_transaction():
        await entries.lock()
        entry = await entries.one(entry_id)
        if of not in {None, entry["tenant_id"]}:
            return
        if entry["state"] in OPEN or entries.is_untold(entry, now):
            await disputes.end(entry, State.RELEASED, since=asked_at, now=now)
        else:
            await entries.tell(entry, now=now)


async def sweep(*, now: datetime) -> None:
    """End what has run out, warn of what ends soon, close cases that nobody appealed."""
    async with db.job_transaction():
        await entries.lock()
        for row in await db.connection().fetch(_ENDED, now):
            await disputes.end_over(await entries.one(row["id"]), now=now)
        days = (await rulebook.terms_at(now)).terms.warn_days
        soon = now + max(days, default=0) * terms.DAY
        for row in await db.connection().fetch(_ENDING, now, soon):
            left = terms.days_left(row["protected_until"], now)
            due = min((day for day in days if left <= day), default=None)
            if due is not None and (row["warned_days"] is None or row["warned_days"] > due):
                await entries.update(row["id"], warned_days=due)
                told = {"id": str(row["id"]), "days": due}
                await outbox.add(WARNED, told, tenant_id=row["tenant_id"], now=now)
        await db.connection().execute(_OVER, now)
