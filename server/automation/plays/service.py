"""Publish plays, change what they say, and switch them on and off."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.automation.plays import queries, rules
from server.automation.plays.rules import PlayChanged, PlayTerms
from server.automation.plays.schemas import NewPlay, PlayEdit, PlayView
from server.kit import db, ids
from server.kit.errors import IdReused

_ADD: Final = """
INSERT INTO play (tenant_id, id, version, is_on, seen_until, made_by, made_at, let_by)
VALUES ($1, $2, 1, 1, $4, $3, $4, $3) ON CONFLICT DO NOTHING
"""
_SAY: Final = """
INSERT INTO play_version (tenant_id, play_id, version, terms, published_by, published_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6)
"""
_NEXT: Final = """
UPDATE play SET version = version + 1, let_by = $4 WHERE tenant_id = $1 AND id = $2 AND version = $3
"""
# What came about while it was off stays as it is.
_SWITCH: Final = """
UPDATE play SET is_on = $3, seen_until = CASE WHEN $3 = 1 THEN $4 ELSE seen_until END,
    let_by = CASE WHEN $3 = 1 THEN $5 ELSE let_by END
WHERE tenant_id = $1 AND id = $2 AND is_on <> $3
"""


async def publish(actor: Actor, new: NewPlay, *, now: datetime) -> PlayView:
    """Publish a play; it acts from now on, and on nothing that came about before.

    :raises PlayPointless: naming the field.
    :raises PlayGivesAway: it hands customers of other teams over.
    :raises IdReused: the id is another play's.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    rules.ensure_sound(new.terms)
    rules.ensure_may_rule(actor, new.terms)
    play_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        made = await db.connection().execute(_ADD, actor.tenant_id, play_id, actor.user_id, now)
        if made.endswith(" 1"):
            await _say(actor, play_id, 1, new.terms, now=now)
        held = await queries.play(actor, play_id, now=now)
    if held.terms != new.terms:
        raise IdReused("This id belongs to another play; make a new one.", field="id")
    return held


async def _say(
    actor: Actor, play_id: UUID, version: int, terms: PlayTerms, *, now: datetime
) -> None:
    """Keep what a play says, and leave a line in the trail."""
    told = msgspec.json.encode(terms).decode()
    await db.connection().execute(_SAY, actor.tenant_id, play_id, version, told, actor.user_id, now)
    trigger = str(terms.trigger.__struct_config__.tag)
    await audit.record(
        actor, "play.published", subject_id=play_id, now=now, version=version, trigger=trigger
    )


async def change(actor: Actor, play_id: UUID, edit: PlayEdit, *, now: datetime) -> PlayView:
    """Publish what a play says from now on, as its next version; the same again is none.

    :raises PlayPointless: naming the field.
    :raises PlayGivesAway: it hands customers of other teams over.
    :raises PlayChanged: it was changed since it was seen.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    rules.ensure_sound(edit.terms)
    async with db.tenant_transaction(actor.tenant_id):
        held = await queries.play(actor, play_id, now=now)
        rules.ensure_may_rule(actor, held.terms, edit.terms)
        if held.terms == edit.terms:
            return held
        moved = await db.connection().execute(
            _NEXT, actor.tenant_id, play_id, edit.base, actor.user_id
        )
        if not moved.endswith(" 1"):
            held = await queries.play(actor, play_id, now=now)
            if held.terms == edit.terms:
                # The same request at the same moment.
                return held
            raise PlayChanged("Somebody else has changed this rule; look at it again.")
        await _say(actor, play_id, edit.base + 1, edit.terms, now=now)
        return await queries.play(actor, play_id, now=now)


async def switch(actor: Actor, play_id: UUID, *, is_on: bool, now: datetime) -> PlayView:
    """Let a play act from now on, or no more; again changes nothing.

    :raises PlayGivesAway: it would hand customers of other teams over.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        if is_on:
            rules.ensure_may_rule(actor, (await queries.play(actor, play_id, now=now)).terms)
        done = await db.connection().execute(
            _SWITCH, actor.tenant_id, play_id, int(is_on), now, actor.user_id
        )
        held = await queries.play(actor, play_id, now=now)
        if done.endswith(" 1"):
            action = "play.switched_on" if is_on else "play.switched_off"
            await audit.record(actor, action, subject_id=play_id, now=now)
        return held
