"""Write down that somebody is not to be called by any company, or take it back.

One word closes a phone to the whole channel. So each person says it of so many in a day, what a
phone brings beyond that waits for a manager, and managers see who said it of whom.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.customers.opt_outs import queries, rules
from server.customers.opt_outs.rules import OptOutReason
from server.customers.opt_outs.schemas import TakenBack, WordState, WordView
from server.identity import keys
from server.kit import db, ids, outbox
from server.kit.calendars import ZONE
from server.kit.errors import NotFound
from server.kit.text import tidied

CHANGED: Final = "opt_outs.changed"
"""The topic by which devices hear that somebody may be called again, or no more."""
_ADD: Final = """
INSERT INTO contact_opt_out (phone_hash, mark, reason, since) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
_REMOVE: Final = "DELETE FROM contact_opt_out WHERE phone_hash = $1 AND mark = $2"
_HOLD_PERSON: Final = """
SELECT FROM user_account WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_HELD: Final = """
SELECT EXISTS (SELECT FROM contact_opt_out WHERE phone_hash = $1 AND mark = $2)
"""
_TODAY: Final = """
SELECT count(*) FROM opt_out_word WHERE tenant_id = $1 AND told_by = $2 AND day = $3
"""
_NOTE: Final = """
INSERT INTO opt_out_word (tenant_id, id, phone, reason, customer_id, call_id, told_by, told_at,
    day, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
"""
_HEARD: Final = """
SELECT EXISTS (SELECT FROM opt_out_word WHERE tenant_id = $1 AND call_id = $2)
"""
_HOLD: Final = """
SELECT phone, reason, state FROM opt_out_word
WHERE tenant_id = $1 AND id = $2 AND state <> 'withdrawn' FOR UPDATE
"""
_OF_PHONE: Final = """
SELECT id FROM opt_out_word
WHERE tenant_id = $1 AND phone = $2 AND state <> 'withdrawn' ORDER BY id FOR UPDATE
"""
_DECIDE: Final = """
UPDATE opt_out_word SET state = $3, decided_by = $4, decided_at = $5, why = $6
WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""


class Heard(msgspec.Struct, frozen=True):
    """What somebody was told in a call."""

    call_id: UUID
    caller_id: UUID
    customer_id: UUID
    phone: str
    """E.164."""


async def opt_out(actor: Actor, phone: str, reason: OptOutReason, *, now: datetime) -> None:
    """Write down that this phone (E.164) is not to be called; again changes nothing.

    :raises OptOutQuotaReached: the actor has said so of as many today as one may.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        if not await _is_noted(actor.tenant_id, phone):
            await ensure_may_tell(actor, now=now)
            state = WordState.IN_FORCE
            await _note(actor, phone, reason, state, told_by=actor.user_id, now=now)


async def ensure_may_tell(actor: Actor, *, now: datetime) -> None:
    """Refuse one more word of a person's than a day may have, in the open transaction.

    :raises OptOutQuotaReached: ask a manager.
    """
    rules.ensure_quota(await _told_today(actor.tenant_id, actor.user_id, now))


async def heed(product: Actor, heard: Heard, *, now: datetime) -> None:
    """Write down what somebody heard in a call; beyond the day's number it waits for a manager.

    Nothing is refused: the call took place. In the open transaction; again changes nothing, nor
    does it bring back what was taken back.
    """
    tenant_id = product.tenant_id
    if await _is_noted(tenant_id, heard.phone):
        return
    told = await _told_today(tenant_id, heard.caller_id, now)
    if not await db.connection().fetchval(_HEARD, tenant_id, heard.call_id):
        state = WordState.WAITING if rules.is_reached(told) else WordState.IN_FORCE
        asked = OptOutReason.ASKED
        await _note(
            product, heard.phone, asked, state, told_by=heard.caller_id, heard=heard, now=now
        )


async def _is_noted(tenant_id: UUID, phone: str) -> bool:
    """Say whether the company has said so of a phone already."""
    return bool(await db.connection().fetchval(_HELD, *_names(tenant_id, phone)))


async def _told_today(tenant_id: UUID, user_id: UUID, now: datetime) -> int:
    """Count a person's words of a day, one after the other."""
    await db.connection().execute(_HOLD_PERSON, tenant_id, user_id)
    today = now.astimezone(ZONE).date()
    return int(await db.connection().fetchval(_TODAY, tenant_id, user_id, today))


async def _note(
    actor: Actor,
    phone: str,
    reason: OptOutReason,
    state: WordState,
    *,
    told_by: UUID,
    heard: Heard | None = None,
    now: datetime,
) -> None:
    """Keep who said it, and let it hold unless it waits."""
    word_id, day = ids.new_id(now), now.astimezone(ZONE).date()
    call = (None, None) if heard is None else (heard.customer_id, heard.call_id)
    made = await db.connection().execute(
        _NOTE,
        *(actor.tenant_id, word_id, phone, reason, *call, told_by, now, day, state),
    )
    if made.endswith(" 1") and state is WordState.IN_FORCE:
        await _hold_for_all(actor, phone, reason, word_id, told_by, now)


async def _hold_for_all(
    actor: Actor, phone: str, reason: OptOutReason, word_id: UUID, told_by: UUID, now: datetime
) -> None:
    """Let no company of the channel call a phone any more."""
    await db.connection().execute(_ADD, *_names(actor.tenant_id, phone), reason, now)
    await audit.record(
        actor, "phone.opted_out", subject_id=word_id, now=now, reason=reason, told_by=str(told_by)
    )


async def confirm(actor: Actor, word_id: UUID, *, now: datetime) -> WordView:
    """Let a word hold that waits; again changes nothing.

    :raises NotFound: there is none within sight, or it was taken back.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        word = await queries.word(actor, word_id)
        row = await _hold(actor, word_id)
        if row["state"] == WordState.WAITING:
            await _decide(actor, [word_id], WordState.IN_FORCE, None, now)
            reason = OptOutReason(row["reason"])
            await _hold_for_all(actor, row["phone"], reason, word_id, word.told_by, now)
            await outbox.add(CHANGED, {}, tenant_id=actor.tenant_id, now=now)
        return await queries.word(actor, word_id)


async def take_back(actor: Actor, word_id: UUID, taken: TakenBack, *, now: datetime) -> WordView:
    """Take back what somebody of this company said of a phone; what others said of it stays.

    :raises NotFound: there is none within sight, or it was taken back before.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        await queries.word(actor, word_id)
        row, why = await _hold(actor, word_id), tidied(taken.why, "why")
        if row["state"] == WordState.WAITING:
            await _decide(actor, [word_id], WordState.WITHDRAWN, why, now)
        else:
            await _free(actor, row["phone"], [word_id], why, now)
        return await queries.word(actor, word_id)


async def carry(tenant_id: UUID, phone: str, reason: OptOutReason, *, now: datetime) -> None:
    """Let hold what a company's data from another install say of a phone; its words came along.

    In the open transaction.
    """
    await db.connection().execute(_ADD, *_names(tenant_id, phone), reason, now)


async def withdraw(actor: Actor, phone: str, why: str, *, now: datetime) -> bool:
    """Take back what this company wrote of a phone; what others wrote of it stays.

    Say whether there was anything.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_OF_PHONE, actor.tenant_id, phone)
        word_ids = [row["id"] for row in rows]
        return await _free(actor, phone, word_ids, tidied(why, "why"), now)


async def _free(
    actor: Actor, phone: str, word_ids: Sequence[UUID], why: str, now: datetime
) -> bool:
    """Take the company's words about a phone back, with the reason; say whether there was one."""
    status = await db.connection().execute(_REMOVE, *_names(actor.tenant_id, phone))
    await _decide(actor, word_ids, WordState.WITHDRAWN, why, now)
    was_there = bool(status.endswith(" 1")) or bool(word_ids)
    if was_there:
        subject_id = word_ids[0] if word_ids else None
        await audit.record(actor, "phone.opted_in", subject_id=subject_id, now=now, why=why)
        await outbox.add(CHANGED, {}, tenant_id=actor.tenant_id, now=now)
    return was_there


async def _hold(actor: Actor, word_id: UUID) -> asyncpg.Record:
    """Lock a word that holds or waits."""
    row = await db.connection().fetchrow(_HOLD, actor.tenant_id, word_id)
    if row is None:
        raise NotFound
    return row


async def _decide(
    actor: Actor, word_ids: Sequence[UUID], state: WordState, why: str | None, now: datetime
) -> None:
    """Keep who decided about words, and why."""
    await db.connection().execute(
        _DECIDE, actor.tenant_id, word_ids, state, actor.user_id, now, why
    )


def _names(tenant_id: UUID, phone: str) -> tuple[bytes, bytes]:
    """Give the two names of a company's line about a phone."""
    key = keys.current().opt_outs
    return rules.phone_hash(phone, key=key), rules.mark(phone, tenant_id, key=key)
