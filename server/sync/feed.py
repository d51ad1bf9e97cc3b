"""Put the feed together: what changed since a cursor, in one order over all kinds.

Rows come in the order of their *effective* sequence: that of their last change, or that at which
their customer entered the actor's scope, if later. A page may end inside one sequence; the position
says where.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog import storage
from server.sync.registry import KINDS
from server.sync.store import After, Left, Row, SyncStore
from sync_protocol.conflicts import DELETED
from sync_protocol.cursor import Cursor
from sync_protocol.merge import decode_versions
from sync_protocol.messages import Patch, RecordBatch
from sync_protocol.schema.custom import is_custom

_NAMES: Final = tuple(KINDS)
_FIRST_ID: Final = UUID(int=0)
_LAST_ID: Final = UUID(int=2**128 - 1)


class Found(msgspec.Struct, frozen=True):
    """A row of the feed and its place in the feed's total order."""

    effective: int
    kind_index: int
    row: Row


_effective: Final = attrgetter("effective")


async def changed_since(
    store: SyncStore, actor: Actor, start: Cursor, limit: int
) -> tuple[list[Found], bool]:
    """Fetch up to `limit` rows behind the position.

    In the feed's order, and whether there are more.
    """
    found: list[Found] = []
    for index, name in enumerate(_NAMES):
        after = After(start.seq, _after(start, index), start.base, start.started)
        rows = await store.changed(actor, name, after, limit + 1)
        found += [Found(row["effective"], index, row) for row in rows]
    # Each kind comes in order already, and one after the other: only the sequences interleave.
    found.sort(key=_effective)
    return found[:limit], len(found) > limit


def _after(start: Cursor, kind_index: int) -> UUID:
    """Give the id behind which a kind goes on, within the sequence of the position."""
    if start.after_id is None or kind_index < start.kind_index:
        return _LAST_ID
    return start.after_id if kind_index == start.kind_index else _FIRST_ID


async def left_scope(store: SyncStore, actor: Actor, start: Cursor) -> list[Left]:
    """List what the device may hold and that is no longer in the actor's scope.

    Of a snapshot it may hold what an earlier page has sent.
    """
    return await store.left_scope(actor, start.base or start.started)


# ------------------------------------------------------------------------------ rows to messages


def as_departures(gone: Iterable[Left]) -> tuple[list[str], list[Patch]]:
    """Split what left into customers, who take all theirs along, and records that left alone."""
    drops, patches = [], []
    for each in gone:
        if each.kind == "customer":
            drops.append(each.id)
        else:
            patches.append(Patch(kind=each.kind, id=each.id, seq=each.seq, deleted=True))
    return drops, patches


def as_messages(found: Iterable[Found], base: int) -> tuple[list[RecordBatch], list[Patch]]:
    """Split rows into whole records, by column, and patches of what changed since `base`."""
    whole: dict[int, list[Row]] = {}
    patches = []
    for each in found:
        if each.row["deleted"]:
            patches.append(_tombstone(each))
        elif base == 0 or _appeared(each.row) > base:
            whole.setdefault(each.kind_index, []).append(each.row)
        else:
            patches.append(_patch(each, base))
    return [batch(_NAMES[index], rows) for index, rows in sorted(whole.items())], patches


def _appeared(row: Row) -> int:
    """Tell since when a device may hold a record: it was made, came into sight, or came back."""
    came_back = 0
    # Few records ever were deleted, so the text is looked at before it is read.
    if f'"{DELETED}"' in row["versions"]:
        versions, _ = decode_versions(msgspec.json.decode(row["versions"]))
        came_back = versions[DELETED].seq if DELETED in versions else 0
    return int(max(row["created_seq"], row["entered_seq"], came_back))


def batch(name: str, rows: Sequence[Row]) -> RecordBatch:
    """Turn rows into columns."""
    fields = storage.fields_of(name)
    custom = [storage.custom_fields(name, row) for row in rows]
    named = sorted({each for found in custom for each in found})
    return RecordBatch(
        kind=name,
        fields=[*(field.name for field in fields), *named],
        ids=[row["id"] for row in rows],
        seqs=[row["seq"] for row in rows],
        handles=[row["handle"] for row in rows],
        columns=[
            *(storage.read_column(field, [row[field.name] for row in rows]) for field in fields),
            *([found.get(each) for found in custom] for each in named),
        ],
    )


def _patch(each: Found, base: int) -> Patch:
    """Give the fields that were written after `base`."""
    name, row = _NAMES[each.kind_index], each.row
    versions, dots = decode_versions(msgspec.json.decode(row["versions"]))
    changed = [
        field
        for field in storage.fields_of(name)
        if field.name in dots or (field.name in versions and versions[field.name].seq > base)
    ]
    values = {field.name: storage.read_column(field, [row[field.name]])[0] for field in changed}
    custom = storage.custom_fields(name, row)
    for own in filter(is_custom, {**versions, **dots}):
        if own in dots or versions[own].seq > base:
            values[own] = custom.get(own)
    return Patch(kind=name, id=row["id"], seq=row["seq"], fields=values)


def _tombstone(each: Found) -> Patch:
    """Tell that a record is gone."""
    return Patch(kind=_NAMES[each.kind_index], id=each.row["id"], seq=each.row["seq"], deleted=True)
