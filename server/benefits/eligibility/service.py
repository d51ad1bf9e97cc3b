"""Propose and publish the rules of a program, and decide by them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.benefits.eligibility import queries, rules, simulation
from server.benefits.eligibility.rules import (
    Facts,
    Requirement,
    Rules,
    RulesPublished,
    SimulationUnseen,
    TextFact,
)
from server.benefits.eligibility.schemas import NewRules, Publish, RulesTried, RulesView
from server.customers.rules import places
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))"
_HELD: Final = "SELECT program_id, version, hash FROM benefit_rules WHERE id = $1"
_LAST: Final = "SELECT coalesce(max(version), 0) FROM benefit_rules WHERE program_id = $1"
_ADD: Final = """
INSERT INTO benefit_rules (program_id, version, id, rules, hash, proposed_by, proposed_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)
"""
_PUBLISH: Final = """
UPDATE benefit_rules SET published_by = $3, published_at = $4, seen_hash = $5
WHERE program_id = $1 AND version = $2 AND published_at IS NULL
"""
_KEEP: Final = """
INSERT INTO eligibility_sample (id, program_id, decided_at, rules_version, facts, refusal_code)
SELECT id, $1, $2, $3, facts::jsonb, refusal_code
FROM unnest($4::uuid[], $5::text[], $6::text[]) AS kept (id, facts, refusal_code)
"""


async def propose(actor: Actor, program_id: UUID, new: NewRules, *, now: datetime) -> RulesView:
    """Write a version of a program's rules that can be looked at before it holds.

    :raises NotFound: there is no such program.
    :raises RequirementNeverMet: nobody could meet them.
    :raises IdReused: the id was used for other rules.
    """
    ensure(actor, Permission.PROGRAMS_MANAGE)
    asked = _as_records_say(new.rules)
    rules.ensure_sensible(asked)
    async with db.platform_transaction(actor):
        await db.connection().execute(_LOCK, program_id)
        await queries.versions(actor, program_id)
        held = await db.connection().fetchrow(_HELD, new.id)
        if held is None:
            version = await db.connection().fetchval(_LAST, program_id) + 1
            text = msgspec.json.encode(asked).decode()
            await db.connection().execute(
                _ADD, program_id, version, new.id, text, asked.hash, actor.user_id, now
            )
            await audit.record_platform_write(
                actor, "benefit_rules.proposed", subject_id=program_id, now=now, version=version
            )
        elif (held["program_id"], held["hash"]) == (program_id, asked.hash):
            version = held["version"]
        else:
            raise IdReused("This id belongs to other rules; make a new one.", field="id")
        return await _view(actor, program_id, version)


async def publish(actor: Actor, program_id: UUID, seen: Publish, *, now: datetime) -> RulesTried:
    """Let a version hold from now on, for who has seen what it would have done.

    :raises NotFound: there is no such version.
    :raises RulesPublished: it holds or held already; propose it again.
    :raises SimulationUnseen: what it would do is not what was looked at, or too long ago.
    """
    ensure(actor, Permission.PROGRAMS_MANAGE)
    version = seen.version
    shown = await queries.tried(actor, program_id, version, until=seen.simulated_until)
    async with db.platform_transaction(actor):
        await db.connection().execute(_LOCK, program_id)
        in_force, _ = await queries.in_force(program_id)
        if shown.version.published_at is not None:
            raise RulesPublished("This version was published before; propose it again.")
        is_seen = (
            shown.simulation.hash == seen.simulation_hash
            and in_force == shown.simulation.compared_with
            and simulation.is_fresh(seen.simulated_until, now)
        )
        if not is_seen:
            raise SimulationUnseen("Look at what this version would do now, then publish it.")
        status = await db.connection().execute(
            _PUBLISH, program_id, version, actor.user_id, now, seen.simulation_hash
        )
        if not status.endswith(" 1"):
            raise RulesPublished("This version was published before; propose it again.")
        await audit.record_platform_write(
            actor,
            "benefit_rules.published",
            subject_id=program_id,
            now=now,
            version=version,
            simulation_hash=seen.simulation_hash,
        )
        published = await _view(actor, program_id, version)
    return msgspec.structs.replace(shown, version=published)


async def keep_samples(
    program_id: UUID,
    version: int,
    samples: Sequence[tuple[Facts, str | None]],
    *,
    now: datetime,
) -> None:
    """Keep what rules saw of requests, without whose they were, in the requests' transaction."""
    await db.connection().execute(
        _KEEP,
        *(program_id, now, version),
        [ids.new_id(now) for _ in samples],
        [msgspec.json.encode(facts).decode() for facts, _ in samples],
        [refusal_code for _, refusal_code in samples],
    )


async def _view(actor: Actor, program_id: UUID, version: int) -> RulesView:
    """Give a version that was just written."""
    for view in await queries.versions(actor, program_id):
        if view.version == version:
            return view
    raise NotFound


def _as_records_say(asked: Rules) -> Rules:
    """Write cities as customers have them, so that 杭州市 meets 杭州."""

    def in_records(requirement: Requirement) -> Requirement:
        return Requirement(
            tuple(
                msgspec.structs.replace(each, values=tuple(map(places.city, each.values)))
                if isinstance(each, rules.Among | rules.NotAmong) and each.fact is TextFact.CITY
                else each
                for each in requirement.any_of
            )
        )

    return msgspec.structs.replace(asked, requirements=tuple(map(in_records, asked.requirements)))
