"""Take a merge back: two customers again, each with what was its own.

The reverse of `merging`, from what that wrote down, in one transaction and one sequence. What was
written since stays where a person would look for it: with the record that it was written on, so a
quote follows its deal and a photo its visit. Merges are taken back in the reverse of their order,
so that each finds what it left behind.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.changelog import custom, storage
from server.changelog.store import Change, Store, Unit
from server.kit import clock
from server.kit.errors import Conflict, NotFound
from server.sync.merge_rows import HERE, Merge, MergeRows, Place
from server.sync.registry import KINDS
from server.sync.schemas import UnmergeView
from sync_protocol.conflicts import DELETED, Version
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import NEW_SEQ
from sync_protocol.schema import SCHEMA, FieldType

_CUSTOMER: Final = "customer"
_ABOUT: Final = frozenset({"subject_id", "record_id"})
"""Fields that name a record of any kind: what an attachment shows, what a conflict is about."""


class MergeNotLast(Conflict):
    """One of the two was merged again since; that merge is taken back first: `merge_id`."""

    code = "merge_not_last"


class MergeTooOld(Conflict):
    """The customer that is no more was thrown away in the meantime."""

    code = "merge_too_old"


async def unmerge(
    actor: Actor, customer_id: UUID, merge_id: UUID, *, now: datetime, place: Place = HERE
) -> UnmergeView:
    """Take a merge into a customer back. Asked again, it answers the same.

    The fields that the merge filled in are emptied again, unless somebody wrote them since; what
    it moved goes back with all that was written on it and added to it; what else was added stays.

    :raises NotFound: there is no such merge, or one of the two is not within sight.
    :raises MergeNotLast: one of them was merged again since.
    :raises MergeTooOld: what is left of the one was thrown away.
    :raises CustomValueTaken: another customer has a value of the one that is to be like no other.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with place.store.unit_of_work(actor.tenant_id):
        merge = await _merge(actor, customer_id, merge_id, place.rows)
        old, into = await _both(actor, merge, place.store)
        # Once more, now that nobody else merges or takes back: both are locked.
        merge = await _merge(actor, customer_id, merge_id, place.rows)
        if merge.undone is not None:
            return merge.undone
        await _ensure_last(actor, merge, place.rows)
        moved = await _moved(actor, merge, place.store)
        moved += await _added(actor, merge, {held.id for held, _ in moved}, place)
        emptied, kept = _emptied(into, merge, now)
        await _ensure_own(actor, old, emptied, place.store)
        changed = [
            *sorted([Change(_back(old, now), old), Change(emptied, into)], key=_id_of),
            *(Change(_returned(held, names, old.id, now), held) for held, names in moved),
            *await _closed(actor, merge, now, place),
        ]
        unit = Unit(created=(), changed=changed)
        seq = (await place.store.write(actor, KINDS, unit, now=now)).seq
        keys = [held.key for held, _ in moved]
        await place.rows.lead_back(actor, merge, keys, into, seq, now)
        view = UnmergeView(
            id=merge_id,
            merged_id=UUID(old.id),
            customer_id=customer_id,
            seq=seq,
            moved=len(moved),
            kept=kept,
            stayed=await place.rows.stayed(actor, merge, [record_id for _, record_id in keys]),
        )
        await place.rows.take_back(actor, merge, view, now)
    return view


async def _merge(actor: Actor, customer_id: UUID, merge_id: UUID, rows: MergeRows) -> Merge:
    """Read what a merge wrote down."""
    merge = await rows.find(actor, merge_id)
    if merge is None or merge.into_id != str(customer_id):
        raise NotFound
    return merge


async def _both(actor: Actor, merge: Merge, store: Store) -> tuple[HeldRecord, HeldRecord]:
    """Lock both customers, in the one order in which everybody locks."""
    keys: list[Key] = [(_CUSTOMER, merge.old_id), (_CUSTOMER, merge.into_id)]
    held = await store.load(actor, KINDS, keys)
    if keys[1] not in held or not all(each.visible for each in held.values()):
        raise NotFound
    if keys[0] not in held:
        raise MergeTooOld("The customer was thrown away since; add it anew.")
    return held[keys[0]], held[keys[1]]


async def _ensure_last(actor: Actor, merge: Merge, rows: MergeRows) -> None:
    """Refuse a merge on which another one stands."""
    later = await rows.later(actor, merge)
    if later is not None:
        raise MergeNotLast(
            "One of the two was merged again since; take that back first.", merge_id=str(later)
        )


async def _ensure_own(actor: Actor, old: HeldRecord, into: HeldRecord, store: Store) -> None:
    """Refuse to bring a value back that another customer was given since.

    :raises CustomValueTaken: and names the field.
    """
    definitions = custom.definitions_of(old.fields)
    held = await store.load(actor, KINDS, definitions) if definitions else {}
    values = custom.unique_of(old.fields, held)
    holders = await store.holders(actor.tenant_id, values) if values else {}
    for value, holder in holders.items():
        is_emptied = holder == into.id and not custom.has(into, value)
        if holder not in {None, old.id} and not is_emptied:
            detail = "Another customer has this value since; give that one another, then try again."
            raise custom.CustomValueTaken(detail, field=value.name)


async def _moved(
    actor: Actor, merge: Merge, store: Store
) -> list[tuple[HeldRecord, Sequence[str]]]:
    """Lock what the merge moved and what is still there, with the fields that named the one."""
    names: Mapping[Key, Sequence[str]] = {(kind, id_): fields for kind, id_, fields in merge.moved}
    held = await store.load(actor, KINDS, list(names))
    order = {name: at for at, name in enumerate(KINDS)}
    there = [
        each
        for each in held.values()
        if each.fields.get(str(storage.parent_of(each.kind))) == merge.into_id
    ]
    there.sort(key=lambda each: (order[each.kind], each.id))
    return [(each, names[each.key]) for each in there]


async def _added(
    actor: Actor, merge: Merge, gone: set[str], place: Place
) -> list[tuple[HeldRecord, Sequence[str]]]:
    """Lock what was added since to what goes back, and to that again: it goes along.

    A quote of one customer in the deal of another would show the one to whoever sees the other.
    """
    keys = await place.rows.belongings(actor, merge.into_id)
    held = await place.store.load(actor, KINDS, keys)
    since = [each for each in held.values() if each.created.seq > merge.seq]
    found: list[tuple[HeldRecord, Sequence[str]]] = []
    while fresh := [each for each in since if each.id not in gone and _names(each, gone)]:
        found += [(each, [str(storage.parent_of(each.kind))]) for each in fresh]
        gone = gone | {each.id for each in fresh}
    return found


def _names(held: HeldRecord, ids: set[str]) -> bool:
    """Say whether a record names one of these: its deal, its store, what it shows or is about."""
    return any(
        held.fields.get(spec.name) in ids
        for spec in SCHEMA.fields(held.kind).values()
        if spec.references is not None or spec.name in _ABOUT
    )


async def _closed(actor: Actor, merge: Merge, now: datetime, place: Place) -> list[Change]:
    """Close the conflicts that the merge opened and that nobody has decided."""
    opened = await place.rows.opened(actor, merge)
    held = await place.store.load(actor, KINDS, [("conflict", each) for each in opened])
    return [
        Change(
            msgspec.structs.replace(
                each,
                seq=NEW_SEQ,
                fields={**each.fields, "state": "dismissed"},
                versions={**each.versions, **_dated("state", now=now)},
            ),
            each,
        )
        for _, each in sorted(held.items())
    ]


# --------------------------------------------------------------------------------- the records


def _back(old: HeldRecord, now: datetime) -> HeldRecord:
    """Give the customer that is back; it is a new one to devices."""
    if not old.deleted:
        return msgspec.structs.replace(old, seq=NEW_SEQ)
    versions = {**old.versions, **_dated(DELETED, now=now)}
    return msgspec.structs.replace(old, seq=NEW_SEQ, deleted=False, versions=versions)


def _emptied(into: HeldRecord, merge: Merge, now: datetime) -> tuple[HeldRecord, list[str]]:
    """Give the other as it was before, and which fields stay since somebody wrote them."""
    fields, versions, kept = dict(into.fields), dict(into.versions), []
    dots = {name: dict(each) for name, each in into.dots.items()}
    for name, before in merge.filled.items():
        if SCHEMA.field(_CUSTOMER, name).type is FieldType.SET:
            added = set(fields.get(name) or ()) - set(before or ())
            ours = {each for each in added if _only_by(dots.get(name, {}).get(each, ()), merge)}
            fields[name] = sorted(set(fields.get(name) or ()) - ours) or before
            dots[name] = {each: by for each, by in dots.get(name, {}).items() if each not in ours}
        elif name in versions and _only_by((versions[name],), merge):
            fields[name] = before
            versions |= _dated(name, now=now)
        else:
            kept.append(name)
    after = msgspec.structs.replace(into, seq=NEW_SEQ, fields=fields, versions=versions, dots=dots)
    return after, sorted(kept)


def _only_by(versions: Iterable[Version], merge: Merge) -> bool:
    """Say whether the merge alone wrote this, and nobody since."""
    return all(each.seq == merge.seq and each.device is None for each in versions)


def _returned(held: HeldRecord, names: Sequence[str], old_id: str, now: datetime) -> HeldRecord:
    """Give a record that belongs to the one again."""
    return msgspec.structs.replace(
        held,
        seq=NEW_SEQ,
        fields={**held.fields, **dict.fromkeys(names, old_id)},
        versions={**held.versions, **_dated(*names, now=now)},
    )


def _dated(*names: str, now: datetime) -> dict[str, Version]:
    """Give the server's own version for fields that it writes now."""
    return dict.fromkeys(names, Version(NEW_SEQ, None, 0, clock.to_ms(now)))


def _id_of(change: Change) -> str:
    """Order changes of one kind."""
    return change.after.id
