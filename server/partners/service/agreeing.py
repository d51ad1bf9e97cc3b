"""Write down what the platform agrees with an agent: tier, agreements, on-boarding."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db, ids
from server.kit.calendars import ZONE
from server.kit.errors import IdReused, Invalid, NotFound
from server.kit.text import cleaned, tidied
from server.partners.queries.partnership import of
from server.partners.rules.territories import ensure_dated
from server.partners.schemas import (
    AgreementView,
    NewAgreement,
    NewStep,
    NewTier,
    Partnership,
    Tick,
)

_HOLD: Final = "SELECT tier FROM agent WHERE tenant_id = $1 FOR UPDATE"
_TIER: Final = "UPDATE agent SET tier = $2 WHERE tenant_id = $1"
_ADD_TIER: Final = """
INSERT INTO agent_tier (id, agent_id, tier, since, reason, set_by, set_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING
"""
_ADD_AGREEMENT: Final = """
INSERT INTO agent_agreement (
    id, agent_id, number, version, title, signed_on, valid_from, valid_until, recorded_by,
    recorded_at
)
SELECT $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6, $7, $8, $9
FROM agent_agreement WHERE agent_id = $2 AND number = $3
ON CONFLICT (id) DO NOTHING
"""
_ADD_STEP: Final = """
INSERT INTO onboarding_step (code, position, label_zh, label_en)
SELECT $1, coalesce(max(position), 0) + 1, $2, $3 FROM onboarding_step
ON CONFLICT (code) DO NOTHING
"""
_STEP: Final = "SELECT label_zh, label_en FROM onboarding_step WHERE code = $1"
_TICK: Final = """
INSERT INTO onboarding_tick (agent_id, step, note, ticked_by, ticked_by_name, ticked_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_UNTICK: Final = "DELETE FROM onboarding_tick WHERE agent_id = $1 AND step = $2"


async def set_tier(actor: Actor, agent_id: UUID, new: NewTier, *, now: datetime) -> Partnership:
    """Let an agent have a tier from today on; the one that it has stays as it is.

    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    reason = tidied(new.reason, "reason")
    async with db.platform_transaction(actor):
        held = await _hold(agent_id)
        if held != new.tier:
            tier_id, since = new.id or ids.new_id(now), now.astimezone(ZONE).date()
            values = (tier_id, agent_id, new.tier, since, reason, actor.user_id, now)
            if await _is_new(_ADD_TIER, *values):
                await db.connection().execute(_TIER, agent_id, new.tier)
                await _wrote(actor, "agent.tier_set", agent_id, now, tier=new.tier)
        return await of(agent_id)


async def record_agreement(
    actor: Actor, agent_id: UUID, new: NewAgreement, *, now: datetime
) -> AgreementView:
    """Write an agreement down; a number that is known gets its next version. May be repeated.

    :raises TerritoryEndsBeforeItBegins: its last day lies before its first.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    ensure_dated(new.valid_from, new.valid_until)
    agreement_id = new.id or ids.new_id(now)
    number, title = cleaned(new.number, "number", 60), tidied(new.title, "title", 100)
    async with db.platform_transaction(actor):
        await _hold(agent_id)
        if await _is_new(
            _ADD_AGREEMENT,
            *(agreement_id, agent_id, number, title, new.signed_on),
            *(new.valid_from, new.valid_until, actor.user_id, now),
        ):
            await _wrote(actor, "agreement.recorded", agent_id, now, number=number)
        held = {each.id: each for each in (await of(agent_id)).agreements}
    view = held.get(agreement_id)
    if view is None or (view.number, view.title) != (number, title):
        raise IdReused("This id belongs to another agreement; make a new one.", field="id")
    return view


async def add_step(actor: Actor, new: NewStep, *, now: datetime) -> NewStep:
    """Let every agent's on-boarding have one more step. May be repeated.

    :raises IdReused: the code belongs to another step.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    given = NewStep(
        code=new.code,
        label_zh=_label(new.label_zh, "label_zh"),
        label_en=_label(new.label_en, "label_en"),
    )
    async with db.platform_transaction(actor):
        if await _is_new(_ADD_STEP, given.code, given.label_zh, given.label_en):
            detail = {"step": given.code}
            await _wrote(actor, "onboarding.step_added", actor.tenant_id, now, **detail)
        row = await db.connection().fetchrow(_STEP, given.code)
    if msgspec.convert({"code": given.code, **dict(row or {})}, NewStep) != given:
        raise IdReused("This code belongs to another step; choose a new one.", field="code")
    return given


def _label(text: str, field: str) -> str:
    """Give a label as it is kept.

    :raises Invalid: nothing is left of it.
    """
    kept = cleaned(text, field, 100)
    if not kept:
        raise Invalid("Write what is to be done.", field=field)
    return kept


async def tick(
    actor: Actor, agent_id: UUID, step: str, told: Tick, *, now: datetime
) -> Partnership:
    """Say that a step of an agent's on-boarding is done. Said again it changes nothing.

    :raises NotFound: there is no such agent or step.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    note = tidied(told.note, "note")
    async with db.platform_transaction(actor):
        await _hold(agent_id)
        if await db.connection().fetchrow(_STEP, step) is None:
            raise NotFound
        if await _is_new(_TICK, agent_id, step, note, actor.user_id, actor.name, now):
            await _wrote(actor, "onboarding.step_ticked", agent_id, now, step=step)
        return await of(agent_id)


async def untick(actor: Actor, agent_id: UUID, step: str, *, now: datetime) -> Partnership:
    """Say that a step is not done after all.

    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    async with db.platform_transaction(actor):
        await _hold(agent_id)
        if await _is_new(_UNTICK, agent_id, step):
            await _wrote(actor, "onboarding.step_unticked", agent_id, now, step=step)
        return await of(agent_id)


async def _hold(agent_id: UUID) -> str:
    """Give an agent's tier, and let nobody else write about it before the transaction ends.

    :raises NotFound: there is no such agent.
    """
    tier: str | None = await db.connection().fetchval(_HOLD, agent_id)
    if tier is None:
        raise NotFound
    return tier


async def _is_new(statement: str, *values: Any) -> bool:
    """Run a statement that changes one row, or none when it was done before."""
    status = await db.connection().execute(statement, *values)
    return bool(status.endswith(" 1"))


async def _wrote(actor: Actor, action: str, agent_id: UUID, now: datetime, **detail: Any) -> None:
    """Leave a line in the platform's trail."""
    await audit.record_platform_write(actor, action, subject_id=agent_id, now=now, **detail)
