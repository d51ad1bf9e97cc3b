"""The registry's rows: one lock, how each stands, and how the rules see them.

Inside a transaction of the worker or of the platform, under the lock.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from server.kit import clock, db, ids, outbox
from server.registrations.rules import retelling
from server.registrations.rules.order import Claim, RuleSet, Verdict
from sync_protocol.registering import LIVE, State

EXTENDED: Final = "registrations.extended"
"""To the registry: an agent has shown work, and is protected for longer."""
RELEASED: Final = "registrations.released"
"""To the registry: an agent gives a customer back."""
CONVERTED: Final = "registrations.converted"
"""To the registry: until when an agent's contract protects."""
MOVED: Final = "registrations.moved"
"""Of an agent: a registration stands elsewhere now."""
_LOCK: Final = "SELECT id FROM registry_clock WHERE id = 1 FOR UPDATE"
_ENTRY: Final = "SELECT * FROM registry_entry WHERE id = $1"
_ENTRIES: Final = "SELECT * FROM registry_entry WHERE id = ANY ($1::uuid[]) ORDER BY id"
_KEYS: Final = """
SELECT entry_id, array_agg(key ORDER BY key) AS keys FROM registry_key
WHERE entry_id = ANY ($1::uuid[]) GROUP BY entry_id
"""
_MEETING: Final = """
SELECT DISTINCT e.id FROM registry_key mine
JOIN registry_key k ON k.key = mine.key AND k.entry_id <> mine.entry_id
JOIN registry_entry e ON e.id = k.entry_id
WHERE mine.entry_id = ANY ($1::uuid[]) AND e.state = ANY ($2::text[])
"""
_VERDICT: Final = """
INSERT INTO registry_verdict (id, case_id, decided_at, rules_version, claims, rulings, hash, format)
VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8)
"""

Entry: TypeAlias = asyncpg.Record


async def lock() -> None:
    """Let nobody else write the registry before the open transaction ends."""
    await db.connection().execute(_LOCK)


async def find(entry_id: UUID) -> Entry | None:
    """Give a registration as the registry knows it, if it was admitted."""
    return await db.connection().fetchrow(_ENTRY, entry_id)


async def one(entry_id: UUID) -> Entry:
    """Give a registration as the registry knows it."""
    row = await find(entry_id)
    assert row is not None, "what an agent tells of was admitted"
    return row


async def meeting(entry_ids: Sequence[UUID], states: Iterable[str]) -> list[Entry]:
    """Give the registrations in these states that share an identity with any of some."""
    found = await db.connection().fetch(_MEETING, list(entry_ids), sorted(states))
    others = [row["id"] for row in found if row["id"] not in set(entry_ids)]
    return list(await db.connection().fetch(_ENTRIES, others)) if others else []


async def move(
    entry_id: UUID, state: State, *, now: datetime, told_from: datetime | None = None, **fields: Any
) -> None:
    """Let a registration stand somewhere else, and its agent hear of it.

    :param told_from: when it is to hear of it, if not at once.
    """
    await update(entry_id, state=str(state), told_from=told_from, **fields)
    await tell(await one(entry_id), now=now)


async def update(entry_id: UUID, **fields: Any) -> None:
    """Write fields of a registration."""
    written = ", ".join(f"{name} = ${number}" for number, name in enumerate(fields, 2))
    await db.connection().execute(
        f"UPDATE registry_entry SET {written} WHERE id = $1",  # noqa: S608 - names of columns in this file
        entry_id,
        *fields.values(),
    )


async def tell(entry: Entry, *, now: datetime) -> None:
    """Let an agent hear that a registration of its own has moved."""
    told, run_at = {"id": str(entry["id"])}, entry["told_from"]
    await outbox.add(MOVED, told, tenant_id=entry["tenant_id"], now=now, run_at=run_at)


def is_untold(entry: Entry, now: datetime) -> bool:
    """Say whether its agent does not know yet how a registration stands, and takes it for open."""
    return entry["told_from"] is not None and entry["told_from"] > now


async def claims_of(among: Sequence[Entry]) -> list[Claim]:
    """Give registrations as the rules see them, by the hashes of their customers.

    A company is called by the least id that it has among them.
    """
    keyed = await db.connection().fetch(_KEYS, [each["id"] for each in among])
    keys = {row["entry_id"]: tuple(row["keys"]) for row in keyed}
    parties: dict[UUID, UUID] = {}
    for each in sorted(among, key=lambda entry: entry["id"]):
        parties.setdefault(each["tenant_id"], each["id"])
    return [_claim_of(each, keys[each["id"]], parties[each["tenant_id"]]) for each in among]


def _claim_of(entry: Entry, keys: tuple[str, ...], party: UUID) -> Claim:
    """Give a registration as the rules see it."""
    is_live = entry["state"] in LIVE
    return Claim(
        id=entry["id"],
        keys=keys,
        earliest_ms=entry["earliest_ms"],
        latest_ms=entry["latest_ms"],
        lot=entry["lot"],
        has_territory=entry["has_territory"],
        live_since_ms=clock.to_ms(entry["live_since"]) if is_live else None,
        party=party,
        places=tuple(entry["places"]),
        territory=entry["territory"] or msgspec.UNSET,
        bounds=msgspec.UNSET
        if entry["floor_ms"] is None
        else (entry["floor_ms"], entry["ceiling_ms"]),
    )


async def write_verdict(
    verdict: Verdict,
    claims: Iterable[Claim],
    rules: RuleSet,
    *,
    case_id: UUID | None,
    now: datetime,
) -> UUID:
    """Keep what the rules saw and said, so that it can be said again, by anybody concerned."""
    verdict_id = ids.new_id(now)
    by_id = sorted(claims, key=lambda claim: claim.id)
    retold = retelling.retell(*retelling.as_kept(by_id, verdict.rulings), rules)
    told = [msgspec.json.encode(each).decode() for each in (by_id, verdict.rulings)]
    await db.connection().execute(
        _VERDICT, verdict_id, case_id, now, rules.version, *told, retold.hash, retold.format
    )
    return verdict_id
