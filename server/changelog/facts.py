"""Write what the server itself finds out about records: fields that no device may change.

Nothing is merged, since nobody else writes them; it is a unit of work like any other, so devices
hear of it and the history tells it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog.kinds import RecordKind
from server.changelog.postgres import STORE
from server.changelog.store import Change, Store, Unit
from server.kit import clock, db, live
from sync_protocol.conflicts import Version
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import NEW_SEQ
from sync_protocol.schema import SCHEMA, Policy

# A company that has written nothing yet has no clock to lock.
_HOLD: Final = """
INSERT INTO tenant_clock (tenant_id, seq, epoch, min_seq, handles) VALUES ($1, 0, 1, 0, 0)
ON CONFLICT (tenant_id) DO UPDATE SET seq = tenant_clock.seq
"""

_TICK: Final = """
INSERT INTO tenant_clock (tenant_id, seq, epoch, min_seq, handles) VALUES ($1, 1, 1, 0, 0)
ON CONFLICT (tenant_id) DO UPDATE SET seq = tenant_clock.seq + 1 RETURNING seq
"""


async def tick(tenant_id: UUID) -> None:
    """Tell open pages of a tenant that something moved which is none of its synced records."""
    async with db.tenant_transaction(tenant_id):
        seq = int(await db.connection().fetchval(_TICK, tenant_id))
        db.current().on_commit(lambda: live.publish(tenant_id, seq))


async def hold_clock(tenant_id: UUID) -> None:
    """Let nobody else of the company write before the open transaction ends.

    The clock is the last lock of every write: records that are to be changed are locked before.
    """
    await db.connection().execute(_HOLD, tenant_id)


async def note(
    actor: Actor,
    facts: Mapping[Key, Mapping[str, Any]],
    *,
    kinds: Mapping[str, RecordKind],
    store: Store = STORE,
    now: datetime,
) -> int | None:
    """Write fields of records, in the open unit of work or one of its own; give its sequence.

    What is deleted stays as it is, and what holds the value already is not written.
    """
    for (kind, _), fields in facts.items():
        for name in fields:
            spec = SCHEMA.field(kind, name)
            is_ours = spec.server_only or spec.policy is Policy.FIXED
            assert is_ours, "what devices write is merged"
    async with store.unit_of_work(actor.tenant_id):
        held = await store.load(actor, kinds, list(facts))
        changed = [
            Change(_with(record, facts[key], now), record)
            for key, record in sorted(held.items())
            if not record.deleted
            and any(record.fields.get(name) != value for name, value in facts[key].items())
        ]
        if not changed:
            return None
        unit = Unit(created=(), changed=changed)
        return (await store.write(actor, kinds, unit, now=now)).seq


async def add(
    actor: Actor,
    kind: str,
    record_id: str,
    fields: Mapping[str, Any],
    *,
    kinds: Mapping[str, RecordKind],
    store: Store = STORE,
    now: datetime,
) -> int:
    """Make a record of a kind that devices do not create, under an id that nobody has.

    In the open unit of work or one of its own; give its sequence.
    """
    return await add_many(actor, kind, {record_id: fields}, kinds=kinds, store=store, now=now)


async def add_many(
    actor: Actor,
    kind: str,
    records: Mapping[str, Mapping[str, Any]],
    *,
    kinds: Mapping[str, RecordKind],
    store: Store = STORE,
    now: datetime,
) -> int:
    """Do as `add` with some records, by id, in one unit of work; give its sequence."""
    assert not SCHEMA.record(kind).creatable, "what devices create is merged"
    names = SCHEMA.outline(kind).names
    created = Version(NEW_SEQ, None, 0, clock.to_ms(now))
    made = [
        HeldRecord(
            kind=kind,
            id=record_id,
            seq=NEW_SEQ,
            created=created,
            fields={name: fields.get(name) for name in names},
        )
        for record_id, fields in records.items()
    ]
    async with store.unit_of_work(actor.tenant_id):
        unit = Unit(created=made, changed=[])
        return (await store.write(actor, kinds, unit, now=now)).seq


def _with(record: HeldRecord, fields: Mapping[str, Any], now: datetime) -> HeldRecord:
    """Give a record with the fields that were found out."""
    version = Version(NEW_SEQ, None, 0, clock.to_ms(now))
    return msgspec.structs.replace(
        record,
        seq=NEW_SEQ,
        fields={**record.fields, **fields},
        versions={**record.versions, **dict.fromkeys(fields, version)},
    )
