"""Merge two customers that are one: what belonged to the one belongs to the other from then on.

One transaction and one sequence. Devices get the end of the one and the other whole, with all that
belongs to it now; an op that still names the one is led to the other by its alias. What was moved
and what was filled in is kept, so that a merge can be taken back exactly.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.changelog.store import Change, Store, Unit
from server.customers.rules import masks
from server.kit import clock, ids
from server.kit.errors import Conflict, IdReused, Invalid, NotFound, Refusal
from server.sync.merge_rows import HERE, Merge, Place
from server.sync.registry import KINDS
from server.sync.schemas import Choice, MergeView
from sync_protocol.conflicts import Version, conflict_id
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import NEW_SEQ, Intent
from sync_protocol.schema import SCHEMA, FieldSpec, FieldType, Policy

MERGE: Final = "customers.merge"
"""The intent's name. `args`: customer_id and into_id; the intent's id is the merge's."""
_CUSTOMER: Final = "customer"
_BOTH: Final = frozenset({Policy.KEEP_BOTH, Policy.TEXT_MERGE})
_NAMING: Final = frozenset({"customer_id", "subject_id", "record_id"})
"""Fields that name a customer."""


class MergeWithItself(Invalid):
    """A customer cannot be merged into itself."""

    code = "merge_with_itself"


class ChoiceUnknown(Invalid):
    """A value was chosen of a field that has no two; the field names it."""

    code = "choice_unknown"


class MergeOutdated(Conflict):
    """Somebody has changed one of the two since their values were compared and chosen from."""

    code = "merge_outdated"


class _Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the intent carries."""

    customer_id: UUID
    into_id: UUID


async def merge_intent(
    actor: Actor, intent: Intent, now: datetime, *, place: Place = HERE
) -> Refusal | None:
    """Merge inside the push's transaction, as the API does."""
    try:
        args = msgspec.convert(intent.args, _Args)
        merge_id = UUID(intent.id)
    except (msgspec.ValidationError, ValueError) as error:
        detail = "Customers are merged with customer_id and into_id."
        raise Invalid(detail, field="args") from error
    await merge(actor, args.customer_id, args.into_id, merge_id=merge_id, now=now, place=place)
    return None


async def merge(
    actor: Actor,
    customer_id: UUID,
    into_id: UUID,
    *,
    now: datetime,
    merge_id: UUID | None = None,
    choices: Mapping[str, Choice] = {},
    as_of: int | None = None,
    place: Place = HERE,
) -> MergeView:
    """Merge a customer into another one, which stays. Asked again, it answers the same.

    Empty fields of the one that stays are filled from the other, tags are added, and where both
    have another value the one of the other is kept as a conflict, to be restored with one tap;
    but for fields of which somebody has chosen the value.

    :param choices: by field, whether the value stands of the one that stays or of the other.
    :param as_of: the sequence of the preview that was chosen from: nobody's word goes unseen.
    :raises MergeWithItself: they are one already.
    :raises ChoiceUnknown: a field has no two values to choose from.
    :raises MergeOutdated: one of them was changed since.
    :raises NotFound: one of them is not there, or not within sight.
    :raises IdReused: the merge's id is another one's.
    :raises PhoneHidden: hidden phones would become the actor's own to see.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    if customer_id == into_id:
        raise MergeWithItself("Choose another customer to merge into.", field="into_id")
    async with place.store.unit_of_work(actor.tenant_id):
        done = await _done(actor, customer_id, into_id, place)
        if done is not None:
            return done
        try:
            old, into = await _both(actor, str(customer_id), str(into_id), place.store)
        except NotFound:
            # The same request at the same moment: what the other one has merged is found now.
            done = await _done(actor, customer_id, into_id, place)
            if done is None:
                raise
            return done
        masks.ensure_may_take(actor, old.fields["owner_id"], into.fields)
        moved = await _belongings(actor, old, place)
        _ensure_choices(old, into, choices)
        _ensure_compared(old, into, choices, as_of)
        filled = _filled(old, into, choices, now)
        unit = Unit(
            created=(),
            changed=[
                *sorted([Change(_ended(old), old), Change(filled, into)], key=_id_of),
                *(Change(_moved(held, old.id, into.id, now), held) for held in moved),
            ],
            conflicts=_conflicts(old, into, choices, actor, now),
        )
        seq = (await place.store.write(actor, KINDS, unit, now=now)).seq
        made = Merge(
            id=merge_id or ids.new_id(now),
            old_id=old.id,
            into_id=into.id,
            seq=seq,
            moved=[(*held.key, _naming(held, old.id)) for held in moved],
            filled={name: into.fields.get(name) for name in _differing(into, filled)},
        )
        if not await place.rows.keep(actor, made, now):
            raise IdReused("This id is another merge's; make a new one.", field="id")
    return MergeView(
        id=made.id, merged_id=customer_id, customer_id=into_id, seq=seq, moved=len(moved)
    )


async def _done(actor: Actor, customer_id: UUID, into_id: UUID, place: Place) -> MergeView | None:
    """Give what was answered when the same was asked before, unless it was taken back since."""
    done = await place.rows.done(actor, customer_id, into_id)
    if done is not None:
        held = await place.store.load(actor, KINDS, [(_CUSTOMER, str(into_id))])
        if not held or not next(iter(held.values())).visible:
            raise NotFound
    return done


async def _both(
    actor: Actor, old_id: str, into_id: str, store: Store
) -> tuple[HeldRecord, HeldRecord]:
    """Lock both customers, in the one order in which everybody locks."""
    keys: list[Key] = [(_CUSTOMER, old_id), (_CUSTOMER, into_id)]
    held = await store.load(actor, KINDS, keys)
    for key in keys:
        if key not in held or held[key].deleted or not held[key].visible:
            raise NotFound
    return held[keys[0]], held[keys[1]]


async def _belongings(actor: Actor, old: HeldRecord, place: Place) -> list[HeldRecord]:
    """Lock what belongs to a customer, deleted records too, kind by kind."""
    keys = await place.rows.belongings(actor, old.id)
    held = await place.store.load(actor, KINDS, keys)
    order = {name: at for at, name in enumerate(KINDS)}
    return sorted(held.values(), key=lambda each: (order[each.kind], each.id))


# --------------------------------------------------------------------------------- the records


def _ended(old: HeldRecord) -> HeldRecord:
    """Give the customer that is no more."""
    return msgspec.structs.replace(old, seq=NEW_SEQ, deleted=True)


def _ensure_choices(old: HeldRecord, into: HeldRecord, choices: Mapping[str, Choice]) -> None:
    """Refuse a choice of a field that is none of theirs.

    :raises ChoiceUnknown: naming it.
    """
    for name in sorted(set(choices) - set(mergeable(old, into))):
        raise ChoiceUnknown("This field has no two values.", field=f"choices.{name}")


def _ensure_compared(
    old: HeldRecord, into: HeldRecord, choices: Mapping[str, Choice], as_of: int | None
) -> None:
    """Refuse choices from values that nobody looked at.

    :raises MergeOutdated: one of the two is newer.
    """
    if choices and (as_of is None or max(old.seq, into.seq) > as_of):
        detail = "One of the two was changed since they were compared; look at them again."
        raise MergeOutdated(detail, field="as_of")


def _filled(
    old: HeldRecord, into: HeldRecord, choices: Mapping[str, Choice], now: datetime
) -> HeldRecord:
    """Give the customer that stays, with what the other has and it has not, or was chosen of it."""
    version = Version(NEW_SEQ, None, 0, clock.to_ms(now))
    fields, versions = dict(into.fields), dict(into.versions)
    for name in mergeable(old, into):
        value = old.fields.get(name)
        is_wanted = fields.get(name) in (None, "") or choices.get(name) == "other"
        if value not in (None, "", fields.get(name)) and is_wanted:
            fields[name], versions[name] = value, version
    dots = {name: dict(each) for name, each in into.dots.items()}
    for name in _sets(old, into):
        held = set(fields.get(name) or ())
        fresh = set(old.fields.get(name) or ()) - held
        fields[name] = sorted(held | fresh)
        if fresh:
            dots[name] = {**dots.get(name, {}), **dict.fromkeys(fresh, (version,))}
    return msgspec.structs.replace(into, seq=NEW_SEQ, fields=fields, versions=versions, dots=dots)


def _moved(held: HeldRecord, old_id: str, into_id: str, now: datetime) -> HeldRecord:
    """Give a record that belongs to the other from now on."""
    version = Version(NEW_SEQ, None, 0, clock.to_ms(now))
    renamed = dict.fromkeys(_naming(held, old_id), into_id)
    return msgspec.structs.replace(
        held,
        seq=NEW_SEQ,
        fields={**held.fields, **renamed},
        versions={**held.versions, **dict.fromkeys(renamed, version)},
    )


def _naming(held: HeldRecord, customer_id: str) -> list[str]:
    """Give the fields by which a record names a customer."""
    return [name for name, value in held.fields.items() if value == customer_id and name in _NAMING]


def _conflicts(
    old: HeldRecord,
    into: HeldRecord,
    choices: Mapping[str, Choice],
    actor: Actor,
    now: datetime,
) -> list[HeldRecord]:
    """Keep what the one says otherwise than the other, to be restored by whoever knows better."""
    at_ms = clock.to_ms(now)
    return [
        HeldRecord(
            kind="conflict",
            id=conflict_id(None, 0, old.id, name, at_ms),
            seq=NEW_SEQ,
            created=Version(NEW_SEQ, None, 0, at_ms),
            fields={
                "customer_id": into.id,
                "kind": _CUSTOMER,
                "record_id": into.id,
                "field": name,
                "kept": into.fields[name],
                "other": old.fields[name],
                "kept_by": None,
                "other_by": str(actor.user_id),
                "happened_at": at_ms,
                "state": "open",
            },
        )
        for name in mergeable(old, into)
        if name not in choices
        and old.fields.get(name) not in (None, "", into.fields.get(name))
        and into.fields.get(name) not in (None, "")
    ]


def mergeable(*records: HeldRecord) -> Iterable[str]:
    """Give the fields of which both values are kept when they differ."""
    return (
        spec.name
        for spec in _specs(*records)
        if spec.policy in _BOTH and spec.type is not FieldType.SET
    )


def _sets(*records: HeldRecord) -> Iterable[str]:
    """Give the set fields."""
    return (spec.name for spec in _specs(*records) if spec.type is FieldType.SET)


def _specs(*records: HeldRecord) -> Iterable[FieldSpec]:
    """Give what the fields are that these customers have, custom ones among them."""
    named = dict.fromkeys(name for record in records for name in record.fields)
    return (SCHEMA.field(_CUSTOMER, name) for name in named)


def _differing(before: HeldRecord, after: HeldRecord) -> list[str]:
    """Name the fields that a merge filled in."""
    return [name for name, value in after.fields.items() if before.fields.get(name) != value]


def _id_of(change: Change) -> str:
    """Order changes of one kind."""
    return change.after.id
