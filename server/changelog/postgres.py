"""Synced records in PostgreSQL: the store of the product.

However many records a unit of work writes, it is one statement: the tenant's clock ticks in it, and
each table is written from one parameter, a JSON array of rows. While the clock is held, and others
of the tenant wait, there is this one round trip and the commit. The search keys of many records are
written before it.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from server.access import Actor
from server.audit import service as audit
from server.changelog import custom, statements, storage
from server.changelog.conflicts import CONFLICT
from server.changelog.custom import Holders, Value
from server.changelog.kinds import Along, RecordKind, Written
from server.changelog.statements import Part
from server.changelog.store import Author, Change, Tick, Unit
from server.kit import db, live, outbox
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import Create, Edit, ReceivedOp

_KNOWN: Final = """
SELECT id::text FROM user_account
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND disabled_at IS NULL AND role <> 'analyst'
UNION ALL SELECT id::text FROM team WHERE tenant_id = $1 AND id = ANY($3::uuid[])
UNION ALL SELECT id::text FROM tag WHERE tenant_id = $1 AND id = ANY($4::uuid[]) AND NOT deleted
UNION ALL SELECT id::text FROM customer
WHERE tenant_id = $1 AND id = ANY($5::uuid[]) AND NOT deleted
"""
_HOLDERS: Final = """
SELECT token, record_id::text AS id FROM customer_token
WHERE tenant_id = $1 AND token = ANY($2::text[])
"""
_AUTHORS: Final = """
SELECT c.root_id::text, c.record_id::text, c.seq, c.actor_id::text AS actor_id
FROM change c JOIN UNNEST($2::uuid[], $3::uuid[], $4::bigint[]) AS u(root_id, record_id, seq)
    ON c.root_id = u.root_id AND c.record_id = u.record_id AND c.seq = u.seq
WHERE c.tenant_id = $1
"""

MOVED: Final = "customers.moved"
"""The topic under which it is told that somebody else has customers now, whoever gave them."""
ENDED: Final = "customers.deleted"
"""The topic under which it is told that customers were deleted."""
_QUIET: Final = timedelta(seconds=3)
"""Changes within this time are one word to the rooms above, which count the whole tenant anew."""

_MANY: Final = 100
"""From so many records on, another round trip costs less than a clock that is held for longer."""


class PostgresStore:
    """The doors and the statements behind the port `server.changelog.store.Store`."""

    def unit_of_work(self, tenant_id: UUID) -> AbstractAsyncContextManager[Any]:
        """Open the tenant's transaction, or join it."""
        return db.tenant_transaction(tenant_id)

    async def load(
        self,
        actor: Actor,
        kinds: Mapping[str, RecordKind],
        keys: Collection[Key],
        *,
        lock: bool = True,
    ) -> dict[Key, HeldRecord]:
        """Fetch and lock the named records, kind by kind in the order of ids."""
        return await storage.load(actor, kinds, keys, lock=lock)

    async def ids_of(
        self,
        tenant_id: UUID,
        kinds: Mapping[str, RecordKind],
        handles: Mapping[str, Collection[int]],
    ) -> dict[tuple[str, int], str]:
        """Look handles up: one statement a kind."""
        found: dict[tuple[str, int], str] = {}
        for name in kinds.keys() & handles.keys():
            rows = await db.connection().fetch(
                f"SELECT handle, id::text AS id FROM {kinds[name].table}"  # noqa: S608 - named by the rooms' record kinds
                " WHERE tenant_id = $1 AND handle = ANY($2::bigint[])",
                tenant_id,
                list(handles[name]),
            )
            found.update({(name, row["handle"]): row["id"] for row in rows})
        return found

    async def known(
        self,
        actor: Actor,
        *,
        people: Collection[str],
        teams: Collection[str],
        tags: Collection[str],
        customers: Collection[str] = (),
    ) -> set[str]:
        """Look people, teams, tags and customers up in one statement."""
        rows = await db.connection().fetch(
            _KNOWN, actor.tenant_id, list(people), list(teams), list(tags), list(customers)
        )
        return {row["id"] for row in rows}

    async def beneath(
        self, actor: Actor, kinds: Mapping[str, RecordKind], customer_ids: Collection[str]
    ) -> dict[str, list[HeldRecord]]:
        """Fetch and lock what belongs to customers: one statement a kind."""
        return await storage.load_beneath(actor.tenant_id, kinds, customer_ids)

    async def holders(self, tenant_id: UUID, values: Collection[Value]) -> Holders:
        """Look values up among the search keys."""
        tokens = {custom.token(each.name, each.value): each for each in values}
        rows = await db.connection().fetch(_HOLDERS, tenant_id, list(tokens))
        found = {tokens[row["token"]]: row["id"] for row in rows}
        return {each: found.get(each) for each in values}

    async def answers(
        self, actor: Actor, kinds: Mapping[str, RecordKind], ops: Sequence[ReceivedOp]
    ) -> dict[int, Any]:
        """Let each room look up what it asks, all ops of a kind at once."""
        found: dict[int, Any] = {}
        for kind in kinds.values():
            wanted = [
                op
                for op in ops
                if isinstance(op, Create | Edit) and op.kind == kind.name and kind.ask is not None
            ]
            if wanted and kind.ask is not None:
                found |= await kind.ask(actor, wanted)
        return found

    async def authors(self, tenant_id: UUID, writes: Iterable[Author]) -> dict[Author, str]:
        """Look writes up in the history."""
        wanted = list(writes)
        rows = await db.connection().fetch(
            _AUTHORS,
            tenant_id,
            [write.root_id for write in wanted],
            [write.record_id for write in wanted],
            [write.seq for write in wanted],
        )
        return {
            Author(row["root_id"], row["record_id"], row["seq"]): row["actor_id"] for row in rows
        }

    async def write(
        self,
        actor: Actor,
        kinds: Mapping[str, RecordKind],
        unit: Unit,
        *,
        along: Sequence[Along] = (),
        now: datetime,
    ) -> Tick:
        """Tick and write everything in one statement; tell the listeners after the commit."""
        connection = db.connection()
        keys = [Part.along(each) for each in _of_indexes(kinds, unit)]
        if unit.new_count + len(unit.changed) < _MANY:
            parts = [*_of_unit(kinds, unit), *keys]
        else:
            # They are more rows than all others. Nobody waits for them yet, and while PostgreSQL
            # writes them the others are made.
            parts, _ = await asyncio.gather(
                asyncio.to_thread(_of_unit, kinds, unit),
                _write_ahead(connection, actor.tenant_id, keys),
            )
        parts += [Part.along(each) for each in along]
        if unit.has_customers:
            parts.append(Part.along(_announcement(actor.tenant_id, now)))
        parts += map(Part.along, _moves(unit, actor.tenant_id, now))
        parts += map(Part.along, _endings(unit, actor.tenant_id, now))
        parts += map(Part.along, _words(kinds, unit, actor.tenant_id, now))
        parts += map(Part.along, _trail(kinds, unit, actor, now))
        statement = statements.unit(tuple(part.text for part in parts))
        row = await connection.fetchrow(
            statement,
            actor.tenant_id,
            unit.new_count,
            actor.user_id,
            actor.device_id,
            now,
            *_values(parts),
        )
        assert row is not None, "the clock always ticks"
        tick = Tick(row["seq"], row["handle"])
        db.current().on_commit(lambda: live.publish(actor.tenant_id, tick.seq))
        return tick


STORE: Final = PostgresStore()
"""It holds nothing, so one is enough."""


async def _write_ahead(connection: Any, tenant_id: UUID, parts: Sequence[Part]) -> None:
    """Write parts that need no sequence, before the clock is taken."""
    if parts:
        statement = statements.ahead(tuple(part.text for part in parts))
        await connection.execute(statement, tenant_id, *_values(parts))


# ------------------------------------------------------------------------------ a unit as parts


def _values(parts: Sequence[Part]) -> Iterable[Any]:
    """Give the parameters of all parts."""
    return (value for part in parts for value in part.values)


def _of_unit(kinds: Mapping[str, RecordKind], unit: Unit) -> list[Part]:
    """Write what stands under the unit's sequence."""
    return [*_of_records(kinds, unit), *_of_history(unit), *_of_exits(unit)]


def _of_records(kinds: Mapping[str, RecordKind], unit: Unit) -> Iterable[Part]:
    """Write each kind's new and changed records."""
    place = 0
    for kind_name, records in _by_kind(unit.created):
        yield statements.insertion(kinds[kind_name], records, first=place)
        place += len(records)
    for kind_name, changes in groupby(unit.changed, lambda each: each.after.kind):
        yield statements.update(kinds[kind_name], list(changes))
    if unit.conflicts:
        yield statements.insertion(CONFLICT, unit.conflicts, first=place)


def _by_kind(records: Iterable[HeldRecord]) -> Iterable[tuple[str, list[HeldRecord]]]:
    """Part records, which come kind by kind."""
    return ((kind, list(group)) for kind, group in groupby(records, attrgetter("kind")))


def _of_indexes(kinds: Mapping[str, RecordKind], unit: Unit) -> Iterable[Along]:
    """Ask the rooms what keeps their search indexes; what lives again is indexed as if new."""
    written: dict[str, list[Written]] = {}
    for change in (*map(Change, unit.created), *unit.changed):
        after, before = change.after, change.before
        if kinds[after.kind].index is not None:
            stood = before.fields if before and not before.deleted else None
            written.setdefault(after.kind, []).append(
                Written(after.id, stood, after.fields, after.deleted)
            )
    for kind_name, records in written.items():
        index = kinds[kind_name].index
        assert index is not None, "only such kinds were taken"
        yield from index(records)


def _of_history(unit: Unit) -> Iterable[Part]:
    """Write one line for each record that was created or changed."""
    rows: list[list[Any]] = [
        [record.kind, record.id, _root_of(record), "create", {}] for record in unit.created
    ]
    rows += [
        [each.after.kind, each.after.id, _root_of(each.after), *_told(each)]
        for each in unit.changed
    ]
    if rows:
        yield statements.history(rows)


def _root_of(record: HeldRecord) -> str:
    """Give the customer whose timeline a record belongs to; itself when it belongs to nobody."""
    parent = storage.parent_of(record.kind)
    return str(record.fields[parent]) if parent and record.fields.get(parent) else record.id


def _told(change: Change) -> tuple[str, dict[str, list[Any]]]:
    """Name what happened to a record, and give ``{field: [old, new]}``."""
    before, after = change.before, change.after
    assert before is not None, "it stood before"
    patch = {
        name: [before.fields.get(name), value]
        for name, value in after.fields.items()
        if before.fields.get(name) != value
    }
    if before.deleted != after.deleted:
        return ("delete" if after.deleted else "restore"), patch
    return "edit", patch


def _of_exits(unit: Unit) -> Iterable[Part]:
    """Note whose sight each handed-over customer left."""
    moved = [held for each in unit.changed if (held := each.moved_from) is not None]
    if moved:
        rows = [[held.id, held.fields["owner_id"], held.fields["team_id"]] for held in moved]
        yield statements.exits(rows)


def _announcement(tenant_id: UUID, now: datetime) -> Along:
    """Leave word for the rooms above that customers changed, once for many changes."""
    topic = "customers.changed"
    key = f"{topic}:{tenant_id}"
    adding = outbox.adding(topic, {}, tenant_id=tenant_id, now=now, key=key, run_at=now + _QUIET)
    return Along(*adding)


def _moves(unit: Unit, tenant_id: UUID, now: datetime) -> Iterable[Along]:
    """Leave word of the customers that somebody else has now, each with who had it before."""
    former = {
        each.after.id: before.fields["owner_id"]
        for each in unit.changed
        if (before := each.moved_from) is not None
        and each.after.fields["owner_id"] not in (None, before.fields["owner_id"])
    }
    if former:
        payload = {"former": former}
        yield Along(*outbox.adding(MOVED, payload, tenant_id=tenant_id, now=now))


def _endings(unit: Unit, tenant_id: UUID, now: datetime) -> Iterable[Along]:
    """Leave word of the customers that were deleted."""
    ended = [
        each.after.id
        for each in unit.changed
        if each.after.kind == "customer"
        and each.after.deleted
        and not (each.before and each.before.deleted)
    ]
    if ended:
        yield Along(*outbox.adding(ENDED, {"ids": ended}, tenant_id=tenant_id, now=now))


def _words(
    kinds: Mapping[str, RecordKind], unit: Unit, tenant_id: UUID, now: datetime
) -> Iterable[Along]:
    """Leave word which records were written of each kind that has a topic."""
    written: dict[str, list[str]] = {}
    for record in (*unit.created, *(each.after for each in unit.changed)):
        topic = kinds[record.kind].topic
        if topic is not None:
            written.setdefault(topic, []).append(record.id)
    for topic, record_ids in written.items():
        yield Along(*outbox.adding(topic, {"ids": record_ids}, tenant_id=tenant_id, now=now))


# ------------------------------------------------------------------------------ the trail

_PAST: Final = {
    "create": "created",
    "edit": "changed",
    "delete": "deleted",
    "restore": "restored",
}
"""What the trail calls what the history tells."""


def _trail(
    kinds: Mapping[str, RecordKind], unit: Unit, actor: Actor, now: datetime
) -> Iterable[Along]:
    """Tell the company's trail who wrote records of audited kinds, each field as ``[old, new]``."""
    lines = [
        audit.Line(f"{kind}.{_PAST[verb]}", record_id, told)
        for kind, record_id, verb, told in _writings(unit)
        if kinds[kind].is_audited
    ]
    if lines:
        yield Along(*audit.entries(actor, lines, now=now))


def _writings(unit: Unit) -> Iterable[tuple[str, str, str, dict[str, list[Any]]]]:
    """Give kind, id, what was done and the fields; what was made or deleted is told whole."""
    for record in unit.created:
        whole = {name: [None, value] for name, value in record.fields.items()}
        yield record.kind, record.id, "create", whole
    for change in unit.changed:
        verb, patch = _told(change)
        if verb == "delete":
            patch = {name: [value, None] for name, value in change.after.fields.items()}
        yield change.after.kind, change.after.id, verb, patch
