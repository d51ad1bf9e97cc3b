"""Publish plans, change what an agent has, give and end grants. Joins the platform's transaction.

Nothing begins before the agent's clock: days that were carried on are never changed.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec
from piccolo.table import Table

from billing.plans import queries
from billing.plans.rules import grants, subscriptions, versions
from billing.plans.rules.entitlements import Standing
from billing.plans.rules.grants import Grant, GrantPast, GrantUnsound, Source
from billing.plans.rules.subscriptions import Change, plan_on
from billing.plans.rules.versions import FREE, MONTH_MAX, PlanVersion
from billing.plans.schemas import Desk, GrantNotFound, PlanKeyReused, Subscription
from billing.plans.tables import SaasChange, SaasGrant, SaasPlanVersion, SaasSubscription

_IN_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended({}, 0))"
_PUBLISH: Final = """
INSERT INTO saas_plan_version (id, plan_id, begins_on, terms, published_by, published_at)
VALUES ({}, {}, {}, {}::jsonb, {}, {})
"""
_START: Final = """
INSERT INTO saas_subscription (agent_id, clock_on, standing)
SELECT agent_id, {}, 'good' FROM unnest({}::uuid[]) asked (agent_id) ORDER BY agent_id
ON CONFLICT (agent_id) DO NOTHING
"""
_HOLD: Final = """
SELECT true FROM saas_subscription WHERE agent_id = ANY ({}::uuid[])
ORDER BY agent_id FOR NO KEY UPDATE
"""
_CHANGE: Final = """
INSERT INTO saas_change (id, agent_id, begins_on, plan_id, made_by, made_at)
VALUES ({}, {}, {}, {}, {}, {})
"""
_GRANT: Final = """
INSERT INTO saas_grant (
    id, agent_id, source, meter, units, feature, priority, begins_on, ends_on, asked_ends_on,
    made_by, made_at
) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})
"""
_GIVEN: Final = """
SELECT id, agent_id, source, meter, units, feature, priority, begins_on, asked_ends_on AS ends_on
FROM saas_grant WHERE id = {}
"""
_WHOSE: Final = "SELECT agent_id FROM saas_grant WHERE id = {}"
_END: Final = "UPDATE saas_grant SET ends_on = {} WHERE id = {}"
_CARRY: Final = """
UPDATE saas_subscription held SET clock_on = {}, standing = moved.standing
FROM unnest({}::uuid[], {}::text[]) moved (agent_id, standing)
WHERE held.agent_id = moved.agent_id
"""
_PARK: Final = "UPDATE saas_subscription SET parked_reason = {} WHERE agent_id = {}"


async def publish(version: PlanVersion, desk: Desk) -> bool:
    """Publish a version of a plan; it never changes. Give whether it is new.

    :raises PlanVersionUnsound: it contradicts itself, or counts in another currency.
    :raises PlanVersionPast: it begins today or earlier, or no later than another one.
    :raises PlanKeyReused: its id was used for another one.
    """
    versions.ensure_sound(version)
    await _take_turn("plans")
    held = await queries.plan(version.plan_id)
    if version in held:
        return False
    if version.plan_id == FREE.plan_id or await _is_taken(SaasPlanVersion, version.id):
        raise PlanKeyReused("This id belongs to another version; make a new one.")
    versions.ensure_follows(held, version, desk.today)
    terms = msgspec.json.encode(version).decode()
    await SaasPlanVersion.raw(
        *(_PUBLISH, version.id, version.plan_id, version.begins_on, terms),
        *(desk.actor_id, desk.now),
    )
    return True


async def hold(agent_id: UUID, today: date) -> Subscription:
    """Lock what an agent has until the end of the transaction; it begins today if it had none."""
    [held] = await hold_all([agent_id], today)
    return held


async def hold_all(agent_ids: Sequence[UUID], today: date) -> list[Subscription]:
    """Lock what each of some agents has, in the order of their ids, so that nobody waits in turn.

    Whoever locks one agent alone locks no other one later.
    """
    await SaasSubscription.raw(_START, today, list(agent_ids))
    await SaasSubscription.raw(_HOLD, list(agent_ids))
    return await queries.subscriptions(agent_ids, today)


async def change(asked: Change, desk: Desk) -> bool:
    """Move an agent up, down, or let it pause, from a day on. Give whether that is new.

    :raises ChangePast: the day is before the agent's clock, or no later than another change.
    :raises PlanUnknown: no version of the plan is in force on that day.
    :raises PlanKeyReused: the id belongs to another change.
    """
    await _take_turn(f"plans:{asked.id}")
    held = await hold(asked.agent_id, desk.today)
    if asked in held.changes:
        return False
    if await _is_taken(SaasChange, asked.id):
        raise PlanKeyReused("This id belongs to another change; make a new one.")
    subscriptions.ensure_ahead(held.changes, asked, held.clock_on)
    if asked.plan_id is not None and asked.plan_id != FREE.plan_id:
        versions.in_force(await queries.plan(asked.plan_id), asked.begins_on)
    await SaasChange.raw(
        *(_CHANGE, asked.id, asked.agent_id, asked.begins_on, asked.plan_id),
        *(desk.actor_id, desk.now),
    )
    return True


async def grant(asked: Grant, desk: Desk) -> bool:
    """Give an agent units or a feature beyond its plan. Give whether that is new.

    :raises GrantUnsound: it contradicts itself, or the plan does not sell such units.
    :raises GrantPast: it begins before the agent's clock.
    :raises PlanKeyReused: the id belongs to another grant.
    """
    grants.ensure_sound(asked)
    await _take_turn(f"plans:{asked.id}")
    if rows := await SaasGrant.raw(_GIVEN, asked.id):
        if msgspec.convert(rows[0], Grant) != asked:
            raise PlanKeyReused("This id belongs to another grant; make a new one.")
        return False
    held = await hold(asked.agent_id, desk.today)
    if asked.begins_on < held.clock_on:
        raise GrantPast(f"The agent's clock stands at {held.clock_on}; a grant begins then.")
    version, _ = plan_on(held.changes, held.plans, asked.begins_on)
    units = asked.units or 0
    if asked.source is not Source.BENEFIT and asked.meter not in {None, *version.unit_minor}:
        raise GrantUnsound("The agent's plan does not sell units of this.")
    if asked.meter is not None and version.unit_minor.get(asked.meter, 0) * units > MONTH_MAX:
        raise GrantUnsound("So many units cost more than a grant may; give fewer.")
    await SaasGrant.raw(
        *(_GRANT, asked.id, asked.agent_id, asked.source, asked.meter, asked.units),
        *(asked.feature, asked.priority, asked.begins_on, asked.ends_on, asked.ends_on),
        *(desk.actor_id, desk.now),
    )
    return True


async def end_grant(
    grant_id: UUID, ends_on: date, desk: Desk, *, agent_id: UUID | None = None
) -> tuple[Grant, bool]:
    """Let a grant end on a day, the agent's clock's at the earliest.

    :param agent_id: whose grant it is to be; without one, anybody's.
    :returns: the grant, and whether that is new.
    :raises GrantNotFound: there is none, or it is another agent's.
    :raises GrantPast: the day is over, or the grant has ended.
    """
    rows = await SaasGrant.raw(_WHOSE, grant_id)
    if not rows or agent_id not in (None, rows[0]["agent_id"]):
        raise GrantNotFound("There is no such grant.")
    held = await hold(rows[0]["agent_id"], desk.today)
    # As it is now: it may have ended while this waited for its turn.
    given = next(each for each in held.grants if each.id == grant_id)
    if given.ends_on == ends_on:
        return given, False
    if min(ends_on, given.ends_on or ends_on) < max(held.clock_on, given.begins_on):
        raise GrantPast(f"The agent's clock stands at {held.clock_on}; a grant ends then or later.")
    await SaasGrant.raw(_END, ends_on, grant_id)
    return msgspec.structs.replace(given, ends_on=ends_on), True


async def carry_on(stand: Mapping[UUID, Standing], clock_on: date) -> None:
    """Move agents' clocks to a day, and say what each of them may do from then on."""
    await SaasSubscription.raw(_CARRY, clock_on, list(stand), list(stand.values()))


async def park(agent_id: UUID, reason: str | None) -> None:
    """Let an agent's clock stand still until somebody has looked; with no reason, let it go on."""
    await SaasSubscription.raw(_PARK, reason, agent_id)


async def _take_turn(key: str) -> None:
    """Wait for whoever does something under the same key; until the end of the transaction."""
    await SaasPlanVersion.raw(_IN_TURN, key)


async def _is_taken(table: type[Table], key: UUID) -> bool:
    """Say whether a table has a row with an id."""
    return await table.exists().where(table._meta.primary_key == key)  # noqa: SLF001 - Piccolo's
