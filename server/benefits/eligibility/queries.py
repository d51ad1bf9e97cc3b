"""Ask about the rules of programs: which hold, why a customer may have it, what others would do."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.benefits.eligibility import simulation, words
from server.benefits.eligibility.rules import OPEN, Facts, Rules, judge
from server.benefits.eligibility.schemas import Eligibility, RulesTried, RulesView
from server.benefits.eligibility.simulation import Sample, Simulation
from server.customers import queries as customers
from server.customers.sight import Where
from server.kit import db
from server.kit.errors import NotFound
from sync_protocol.registering import State

_IN_FORCE: Final = """
SELECT version, rules FROM benefit_rules
WHERE program_id = $1 AND published_at IS NOT NULL ORDER BY published_at DESC, version DESC LIMIT 1
"""
_VERSION: Final = "SELECT rules FROM benefit_rules WHERE program_id = $1 AND version = $2"
_VERSIONS: Final = """
SELECT version, rules, hash, proposed_at, published_at FROM benefit_rules WHERE program_id = $1
ORDER BY version DESC
"""
_PROGRAM: Final = "SELECT amount_minor FROM benefit_program WHERE id = $1"
_SAMPLES: Final = """
SELECT facts, refusal_code, count(*) AS count FROM eligibility_sample
WHERE program_id = $1 AND decided_at > $2 AND decided_at <= $3 GROUP BY facts, refusal_code
"""
_FACTS: Final = """
SELECT c.id, c.city, c.industry, coalesce(c.status, 'potential') AS status, c.level, c.source,
    c.expected_revenue_minor AS revenue_minor,
    greatest(floor(extract(epoch FROM $3 - c.created_at) / 86400)::integer, 0) AS known_days,
    (SELECT count(*) FROM visit v WHERE v.tenant_id = c.tenant_id AND v.customer_id = c.id
        AND v.checked_in_at > $4 AND v.checked_in_at <= $3 AND NOT v.deleted) AS visits,
    EXISTS (SELECT FROM registration r WHERE r.tenant_id = c.tenant_id AND r.customer_id = c.id
        AND r.state = ANY ($5::text[]) AND NOT r.deleted) AS is_registered
FROM customer c WHERE c.tenant_id = $1 AND c.id = ANY ($2::uuid[])
"""
_DECIDED: Final = """
SELECT r.program_id, r.rules_version, r.facts
FROM benefit_request r JOIN customer c ON c.tenant_id = r.tenant_id AND c.id = r.customer_id
"""
_VISITS: Final = timedelta(days=90)
_REGISTERED: Final = (State.GRANTED, State.EXTENDED, State.CONVERTED)


async def in_force(program_id: UUID) -> tuple[int, Rules]:
    """Give the version that holds and what it says; inside an open transaction of any side."""
    row = await db.connection().fetchrow(_IN_FORCE, program_id)
    return (0, OPEN) if row is None else (row["version"], _rules(row))


async def facts_of(
    tenant_id: UUID, customer_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, Facts]:
    """Give what rules may look at of customers, in one question, in their company's transaction."""
    registered = [str(state) for state in _REGISTERED]
    rows = await db.connection().fetch(
        _FACTS, tenant_id, list(customer_ids), now, now - _VISITS, registered
    )
    return {row["id"]: msgspec.convert(dict(row), Facts) for row in rows}


async def eligibility(
    actor: Actor, program_id: UUID, customer_id: UUID, *, now: datetime
) -> Eligibility:
    """Say whether a customer within sight may have a benefit by the rules in force, and why.

    :raises NotFound: no such program, or no such customer within sight.
    """
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_REQUEST)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        await customers.one(actor, customer_id)
        if await db.connection().fetchval(_PROGRAM, program_id) is None:
            raise NotFound("There is no program with this id.", field="program_id")
        version, rules = await in_force(program_id)
        facts = (await facts_of(actor.tenant_id, [customer_id], now=now))[customer_id]
    return _explained(version, rules, facts)


async def explanation(actor: Actor, request_id: UUID) -> Eligibility:
    """Say why a request was eligible or not, by the rules and the facts of its time.

    :raises NotFound: also when it is another tenant's.
    """
    ensure(actor, Permission.BENEFITS_REQUEST)
    where = Where(actor, with_deleted=True)
    where.add("r.id = {}", request_id)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        row = await db.connection().fetchrow(f"{_DECIDED} WHERE {where.text}", *where.args)
        if row is None:
            raise NotFound
        if row["facts"] is None:
            return Eligibility(is_eligible=True, rules_version=0, facts=None, reasons=[])
        rules = OPEN
        if row["rules_version"]:
            held = await db.connection().fetchrow(_VERSION, row["program_id"], row["rules_version"])
            assert held is not None, "a version that has decided stays"
            rules = _rules(held)
    return _explained(row["rules_version"], rules, msgspec.json.decode(row["facts"], type=Facts))


def _explained(version: int, rules: Rules, facts: Facts) -> Eligibility:
    """Judge, and write the reasons."""
    verdict = judge(rules, facts)
    return Eligibility(
        is_eligible=verdict.is_eligible,
        rules_version=version,
        facts=facts,
        reasons=words.told(verdict),
    )


async def versions(actor: Actor, program_id: UUID) -> list[RulesView]:
    """List the versions of a program's rules, the last proposed first.

    :raises NotFound: there is no such program.
    """
    ensure(actor, Permission.ISSUANCES_SEE)
    async with db.platform_transaction(actor):
        if await db.connection().fetchval(_PROGRAM, program_id) is None:
            raise NotFound
        rows = await db.connection().fetch(_VERSIONS, program_id)
        held, _ = await in_force(program_id)
    return [
        RulesView(
            version=row["version"],
            rules=_rules(row),
            asks=words.said(_rules(row)),
            hash=row["hash"],
            proposed_at=row["proposed_at"],
            published_at=row["published_at"],
            in_force=row["version"] == held,
        )
        for row in rows
    ]


async def tried(actor: Actor, program_id: UUID, version: int, *, until: datetime) -> RulesTried:
    """Say what a version would have done with the requests of the 90 days until a moment.

    :raises NotFound: there is no such program or version.
    """
    known = {view.version: view for view in await versions(actor, program_id)}
    if version not in known:
        raise NotFound
    held = next((view for view in known.values() if view.in_force), None)
    async with db.platform_transaction(actor):
        amount_minor = await db.connection().fetchval(_PROGRAM, program_id)
    shown = await _simulation(
        program_id,
        known[version].rules,
        (0, OPEN) if held is None else (held.version, held.rules),
        amount_minor=amount_minor,
        until=until,
    )
    return RulesTried(version=known[version], simulation=shown)


def to_the_minute(now: datetime) -> datetime:
    """Give the minute that is full, by which what is shown is still the same when it is named."""
    return now.astimezone(UTC).replace(second=0, microsecond=0)


async def _simulation(
    program_id: UUID,
    rules: Rules,
    held: tuple[int, Rules],
    *,
    amount_minor: int,
    until: datetime,
) -> Simulation:
    """Count through the samples behind the jobs' door; the platform's role reads none of them."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            _SAMPLES, program_id, until - simulation.LOOKS_BACK, until
        )
    samples = (
        Sample(msgspec.json.decode(row["facts"], type=Facts), row["refusal_code"], row["count"])
        for row in rows
    )
    version, in_force_now = held
    tally = simulation.simulate(samples, rules, in_force_now, amount_minor=amount_minor)
    return simulation.shown(tally, rules, compared_with=version, until=until)


def _rules(row: asyncpg.Record) -> Rules:
    """Read what a version says."""
    return msgspec.json.decode(row["rules"], type=Rules)
