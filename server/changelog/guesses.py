"""A unique phone answers who guesses it: the answer counts as a look at a hidden number.

Of a value that another record has, an edit is refused, which tells somebody from whom phones are
hidden that the number exists. Each customer told of in this way counts as one whose phones were
revealed that day; beyond the quota nobody under the mask writes such a field, whatever is there.
"""

import asyncio
import contextvars
from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor
from server.audit import service as audit
from server.changelog.custom import Guesses, Holders, is_phone
from server.identity import queries as identity
from server.kit import db
from server.kit.calendars import ZONE

_HOLD: Final = """
SELECT FROM user_account WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE NOWAIT
"""
_TODAY: Final = """
SELECT customer_id::text FROM phone_reveal WHERE tenant_id = $1 AND user_id = $2 AND day = $3
"""
# CASE and not coalesce, of which PostgreSQL does not know that it may reach an index.
_THEIRS: Final = """
SELECT t.record_id::text, c.id::text AS customer_id, c.owner_id FROM customer_token t
JOIN customer c ON c.tenant_id = t.tenant_id
    AND c.id = CASE WHEN t.customer_id IS NULL THEN t.record_id ELSE t.customer_id END
WHERE t.tenant_id = $1 AND t.record_id = ANY($2::uuid[])
"""
_NOTE: Final = """
INSERT INTO phone_reveal (tenant_id, user_id, day, customer_id, revealed_at, reason)
VALUES ($1, $2, $3, $4, $5, '') ON CONFLICT DO NOTHING
"""


async def begin(actor: Actor, holders: Holders, *, now: datetime) -> Guesses | None:
    """Hold what a person may be told, in the open unit of work; None where nothing is hidden.

    What one person guesses is counted one after the other, and waited for by none: it takes
    another connection to be noted.
    """
    if not actor.masks_phones or not any(map(is_phone, holders)):
        return None
    key = (actor.tenant_id, actor.user_id)
    await db.connection().execute(_HOLD, *key)
    quota = (await identity.phone_mask_of(actor.tenant_id)).reveals_per_day
    rows = await db.connection().fetch(_TODAY, *key, now.astimezone(ZONE).date())
    ids = [UUID(each) for each in holders.values() if each is not None]
    theirs = await db.connection().fetch(_THEIRS, actor.tenant_id, ids) if ids else []
    return Guesses(
        [row["customer_id"] for row in rows],
        quota,
        {
            row["record_id"]: row["customer_id"]
            for row in theirs
            if row["owner_id"] != actor.user_id
        },
    )


async def note(actor: Actor, guesses: Guesses, *, now: datetime) -> None:
    """Note of whom was told, whatever becomes of the open unit of work: a page's is undone."""
    if guesses.told:
        noting = _note(actor, [UUID(each) for each in guesses.told], now)
        await asyncio.create_task(noting, context=contextvars.Context())


async def _note(actor: Actor, told: Collection[UUID], now: datetime) -> None:
    """Note it in a transaction of its own."""
    day = now.astimezone(ZONE).date()
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().executemany(
            _NOTE, [(actor.tenant_id, actor.user_id, day, each, now) for each in told]
        )
        await audit.record_each(actor, "phone.guessed", subject_ids=list(told), now=now)
