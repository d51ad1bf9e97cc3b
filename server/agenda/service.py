"""Make a person's calendar feed, anew or for the first time, and take it back."""

from datetime import datetime
from typing import Final

from server.access import Actor
from server.agenda import queries, rules
from server.agenda.schemas import FeedSaved, NewFeed
from server.audit import service as audit
from server.identity import keys
from server.kit import db, ids

_MAKE: Final = """
INSERT INTO calendar_feed (tenant_id, id, user_id, token_hash, shows_customers, made_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, user_id) DO UPDATE SET token_hash = excluded.token_hash,
    shows_customers = excluded.shows_customers, made_at = excluded.made_at
"""
_REVOKE: Final = "DELETE FROM calendar_feed WHERE tenant_id = $1 AND user_id = $2"


async def make_feed(actor: Actor, wanted: NewFeed, *, token: str, now: datetime) -> FeedSaved:
    """Give the actor a private address of a calendar; one from before leads nowhere any more.

    :param token: random; whoever has it reads the calendar.
    """
    actor.ensure_agent()
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(
            _MAKE,
            *(actor.tenant_id, ids.new_id(now), actor.user_id, rules.token_hash(token)),
            *(int(wanted.shows_customers), now),
        )
        await audit.record(
            actor,
            "calendar_feed.made",
            subject_id=actor.user_id,
            now=now,
            shows_customers=wanted.shows_customers,
        )
        held = await queries.feed(actor)
    assert held is not None, "it was made just now"
    address = f"{keys.current().public_url}/v1/calendars/{actor.tenant_id}/{token}.ics"
    return FeedSaved(feed=held, address=address)


async def revoke_feed(actor: Actor, *, now: datetime) -> None:
    """Let the actor's address lead nowhere; again changes nothing."""
    actor.ensure_agent()
    async with db.tenant_transaction(actor.tenant_id):
        gone = await db.connection().execute(_REVOKE, actor.tenant_id, actor.user_id)
        if gone.endswith(" 1"):
            await audit.record(actor, "calendar_feed.revoked", subject_id=actor.user_id, now=now)
