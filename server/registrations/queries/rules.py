"""Decide everything once more: under the rules of its time, or under others to be tried."""

from typing import Final

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure
from server.kit import db
from server.kit.errors import NotFound
from server.registrations.queries import rulebook
from server.registrations.rules import order, retelling
from server.registrations.rules.order import Claim, RuleSet, Ruling
from server.registrations.schemas import Difference, Published, Replay, RulesView

_VERDICTS: Final = """
SELECT id, decided_at, rules_version, claims, rulings, hash, format FROM registry_verdict
ORDER BY decided_at, id
"""
_SWITCHED: Final = "SELECT version, switched_on_at FROM registry_rules"


async def replay(actor: Actor) -> Replay:
    """Decide all past decisions again, each under the rules of its time, and compare the hashes."""
    ensure(actor, Permission.CASES_RULE)
    differing, count = [], 0
    async with db.platform_transaction(actor):
        known = await rulebook.rules_by_version()
        async for row in db.connection().cursor(_VERDICTS):
            count += 1
            if not _is_as_kept(row, known[row["rules_version"]]):
                differing.append(row["id"])
    return Replay(replayed=count, differing=differing)


async def published(actor: Actor) -> Published:
    """Give the order that holds, to whoever is bound by it."""
    del actor
    async with db.job_transaction():
        held = await rulebook.rules_now()
    return Published(
        version=held.version, steps=held.steps, tolerance_ms=held.tolerance_ms, hash=held.hash
    )


async def versions(actor: Actor) -> list[RulesView]:
    """List all versions of the rules with what each would change of the past."""
    ensure(actor, Permission.CASES_RULE)
    async with db.platform_transaction(actor):
        known = await rulebook.rules_by_version()
        return [await preview(actor, version) for version in sorted(known)]


async def preview(actor: Actor, version: int) -> RulesView:
    """Say what a version would have decided otherwise.

    :raises NotFound: there is no such version.
    """
    ensure(actor, Permission.CASES_RULE)
    async with db.platform_transaction(actor):
        tried = (await rulebook.rules_by_version()).get(version)
        if tried is None:
            raise NotFound
        switched = {row[0]: row[1] for row in await db.connection().fetch(_SWITCHED)}
        count, differences = await _differences(tried)
    return RulesView(
        version=version,
        steps=tried.steps,
        tolerance_ms=tried.tolerance_ms,
        hash=tried.hash,
        switched_on_at=switched.get(version),
        replayed=count,
        differences=differences,
        diff_hash=order.digest([tried.hash, differences]),
    )


def _is_as_kept(row: asyncpg.Record, rules: RuleSet) -> bool:
    """Say whether a verdict has the hash of what was kept of it, and would be the same again."""
    kept, ruled = (msgspec.json.decode(row[name]) for name in ("claims", "rulings"))
    claims, rulings = msgspec.convert((kept, ruled), tuple[list[Claim], tuple[Ruling, ...]])
    if row["format"] == 1:
        held = order.hash_of(kept, ruled, rules)
    else:
        held = retelling.retell(kept, ruled, rules, written=row["format"]).hash
    return held == row["hash"] and order.decide(claims, rules).rulings == rulings


async def _differences(tried: RuleSet) -> tuple[int, list[Difference]]:
    """Decide the past again under other rules."""
    found, count = [], 0
    async for row in db.connection().cursor(_VERDICTS):
        count += 1
        claims = msgspec.json.decode(row["claims"], type=list[Claim])
        held = msgspec.json.decode(row["rulings"], type=list[Ruling])
        was = sorted(ruling.winner for ruling in held)
        would_be = sorted(order.decide(claims, tried).winners)
        if was != would_be:
            found.append(
                Difference(
                    verdict_id=row["id"],
                    decided_at=row["decided_at"],
                    was=was,
                    would_be=would_be,
                )
            )
    return count, found
