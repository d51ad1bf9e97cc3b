"""The rows of a simulated tenant, and what becomes of them when a unit of work is written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog.store import Change, Tick, Unit
from server.sync.merge_rows import Merge
from server.sync.orphan_rows import Kept
from server.sync.store import Remembered
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.schema import SCHEMA


class ClockRow(msgspec.Struct, frozen=True):
    """The tenant's clock."""

    seq: int = 0
    epoch: int = 1
    min_seq: int = 0
    handles: int = 0


class RecordRow(msgspec.Struct, frozen=True):
    """A synced record as it lies in its table."""

    record: HeldRecord
    scope_seq: int = 0
    """Of a customer: the sequence at which owner or team last changed, or it ended or came back."""


class DeviceRow(msgspec.Struct, frozen=True):
    """A device."""

    user_id: UUID
    enrolled_at: datetime
    last_op: int = 0
    last_sync_at: datetime | None = None
    is_revoked: bool = False


class Exit(msgspec.Struct, frozen=True):
    """A customer that left somebody's sight."""

    seq: int
    customer_id: str
    owner_id: str | None
    team_id: str | None


class RecordExit(msgspec.Struct, frozen=True):
    """A record that went from one customer to another."""

    seq: int
    kind: str
    record_id: str
    customer_id: str
    """Where it is now."""
    owner_id: str | None
    """Whose the customer is that it left."""
    team_id: str | None


class Tables(msgspec.Struct, frozen=True):
    """All rows of one tenant at one moment. Nothing in here is ever changed in place."""

    clock: ClockRow = ClockRow()
    records: Mapping[Key, RecordRow] = {}
    history: Mapping[tuple[str, str, int], str] = {}
    """Who wrote: by root, record and sequence."""
    exits: tuple[Exit, ...] = ()
    record_exits: tuple[RecordExit, ...] = ()
    aliases: Mapping[str, str] = {}
    """Which customer a merged one became in the end."""
    merges: tuple[Merge, ...] = ()
    devices: Mapping[str, DeviceRow] = {}
    outcomes: Mapping[tuple[str, int], Remembered] = {}
    people: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    orphans: tuple[Kept, ...] = ()
    """Ops that wait for their record."""
    effects: tuple[tuple[str, str], ...] = ()
    """What intents did: the id of what was asked for, and who asked."""


class Settled(msgspec.Struct, frozen=True):
    """An op of a device, and what became of it."""

    device_id: str
    row: Remembered


class Commit(msgspec.Struct, frozen=True):
    """A unit of work that was just committed, for whoever looks on."""

    before: Tables
    after: Tables
    units: Sequence[Unit]
    """One, or more where ops that had waited were settled along."""
    settled: Sequence[Settled]
    """In the order in which they took effect."""
    device_id: str | None
    """Whose push it was; none for whoever is no device."""


def written(held: Tables, actor: Actor, unit: Unit, tick: Tick) -> Tables:
    """Give the tables with a unit of work in them."""
    rows = dict(held.records)
    for record in (*unit.created, *unit.conflicts):
        scope_seq = tick.seq if record.kind == "customer" else 0
        rows[record.key] = RecordRow(_plain(record), scope_seq)
    for change in unit.changed:
        rows[change.after.key] = RecordRow(_plain(change.after), _scope_seq(rows, change, tick))
    history = dict(held.history)
    for record in (*unit.created, *(change.after for change in unit.changed)):
        root = customer_of(record) or record.id
        history[root, record.id, tick.seq] = str(actor.user_id)
    moved = [each.moved_from for each in unit.changed if each.moved_from is not None]
    exits = tuple(
        Exit(tick.seq, was.id, was.fields["owner_id"], was.fields["team_id"]) for was in moved
    )
    return msgspec.structs.replace(
        held,
        clock=msgspec.structs.replace(
            held.clock, seq=tick.seq, handles=held.clock.handles + unit.new_count
        ),
        records=rows,
        history=history,
        exits=held.exits + exits,
    )


def _plain(record: HeldRecord) -> HeldRecord:
    """Forget for whom a record was loaded."""
    return msgspec.structs.replace(record, visible=True)


def _scope_seq(rows: Mapping[Key, RecordRow], change: Change, tick: Tick) -> int:
    """Give when a customer last changed hands, ended or came back."""
    if change.after.kind != "customer":
        return 0
    was = rows[change.after.key]
    before, after = was.record, change.after
    names = ("owner_id", "team_id")
    is_same = before.deleted == after.deleted and all(
        before.fields[name] == after.fields[name] for name in names
    )
    return was.scope_seq if is_same else tick.seq


def device_changed(held: Tables, device_id: str, changes: Mapping[str, Any]) -> Tables:
    """Give the tables with something else said of a device."""
    row = msgspec.structs.replace(held.devices[device_id], **changes)
    return msgspec.structs.replace(held, devices={**held.devices, device_id: cast("Any", row)})


def customer_of(record: HeldRecord) -> str | None:
    """Give the customer with whom a record is seen; None for what belongs to nobody."""
    if record.kind == "customer":
        return record.id
    parent = SCHEMA.record(record.kind).parent
    return None if parent is None else record.fields.get(parent)
