"""Settle ops against what is held. Pure: the same arguments give the same answer anywhere.

A write is *causal* when its author could have seen what it replaces: the held version is not newer
than the op's base, or it is by the same device. A causal write simply replaces. Anything else is
concurrent, and the field's policy decides; see ``sync_protocol.schema.Policy``.

Settling is in order and in memory: load the records that ``needed`` names, call ``settle_batch``,
write what it answers. Versions of new writes carry ``NEW_SEQ`` until ``stamp`` gives them the
sequence of the commit, so that the sequence can be taken last.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

import msgspec

from sync_protocol.conflicts import DELETED, Conflict, Version, conflict_id
from sync_protocol.messages import (
    NEW_SEQ,
    Code,
    Create,
    Delete,
    Edit,
    Group,
    Intent,
    Outcome,
    ReceivedOp,
    RecordOp,
    SetChange,
    Status,
    Unreadable,
)
from sync_protocol.schema import (
    MAX_SET_SIZE,
    SCHEMA,
    FieldSpec,
    FieldType,
    Policy,
    Schema,
    ValueRefused,
    check,
    is_uuid,
)

Key = tuple[str, str]
"""The kind and the id of a record."""
Dots = Mapping[str, tuple[Version, ...]]
"""The additions behind each element of a set field."""


class HeldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record as the server holds it, with where each value comes from.

    A field without a version, and a set's element without dots, still stands as it was created.
    """

    kind: str
    id: str
    seq: int
    created: Version
    fields: Mapping[str, Any]
    """Values as on the wire; a set is a sorted list."""
    versions: Mapping[str, Version] = {}
    dots: Mapping[str, Dots] = {}
    deleted: bool = False
    visible: bool = True
    """Whether the author of the ops may see it; what is out of sight is not there."""

    @property
    def key(self) -> Key:
        """Answer the kind and the id."""
        return self.kind, self.id

    def version(self, field: str) -> Version:
        """Answer which write a field's value comes from."""
        return self.versions.get(field, self.created)


class EditClock(msgspec.Struct, frozen=True, kw_only=True):
    """What the server knows about the time of a device's edits."""

    received_at_ms: int
    offset_ms: int = 0
    """The server's clock minus the device's, measured in this push."""
    floor_ms: int = 0
    """No edit of this push is older: the bounded time of the device's last edit, or its last pull.

    With it the times of one device never go back, so that what is held in the end does not depend
    on the order in which devices come.
    """

    def bound(self, at_ms: int) -> int:
        """Answer the edit time corrected by the offset, between the floor and the receipt."""
        return min(max(at_ms + self.offset_ms, self.floor_ms), self.received_at_ms)


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What one op did to one record."""

    outcome: Outcome
    record: HeldRecord | None = None
    """The record after the op; none when nothing changed."""
    before: HeldRecord | None = None
    """The record before the op; none when it was created, or nothing changed."""
    conflicts: tuple[Conflict, ...] = ()


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a push did. Intents have no outcome yet unless they were refused."""

    outcomes: tuple[Outcome, ...]
    records: Mapping[Key, HeldRecord]
    """The changed records as they stand at the end."""
    created: frozenset[Key]
    settlements: tuple[Settlement, ...]
    """Each op that changed a record, in order: what a history is written from."""
    conflicts: tuple[Conflict, ...]
    intents: tuple[Intent, ...]
    """To be decided by the server, in order, after the records are written."""


class Rules:
    """What the server adds to the schema; both methods refuse by raising ``ValueRefused``."""

    def admit(self, op: RecordOp, held: HeldRecord | None) -> RecordOp:
        """Look at an op before it is settled: permission, and values brought into stored form."""
        del held
        return op

    def approve(self, before: HeldRecord | None, after: HeldRecord) -> HeldRecord:
        """Look at a record as it would stand: illegal transitions, values the server fills in."""
        del before
        return after


def needed(ops: Iterable[ReceivedOp], *, schema: Schema = SCHEMA) -> set[Key]:
    """Answer which records must be at hand to settle these ops."""
    keys: set[Key] = set()
    for op in ops:
        if not isinstance(op, Create | Edit | Delete) or op.kind not in schema.kinds():
            continue
        keys.add((op.kind, op.id))
        if not isinstance(op, Delete):
            keys.update(_references(op.kind, op.fields, schema))
    return {key for key in keys if is_uuid(key[1])}


def _references(kind: str, fields: Mapping[str, Any], schema: Schema) -> set[Key]:
    return {
        (spec.references, fields[spec.name])
        for spec in schema.record(kind).fields
        if spec.references is not None and isinstance(fields.get(spec.name), str)
    }


# ------------------------------------------------------------------------------------- one op


def settle(
    held: HeldRecord | None,
    op: RecordOp,
    *,
    device: str | None,
    received_at_ms: int,
    bounded_at_ms: int,
    base_limit: int | None = None,
    schema: Schema = SCHEMA,
) -> Settlement:
    """Settle one op against one record; a refusal is an outcome too."""
    write = _Write(op, device, received_at_ms, bounded_at_ms, base_limit, schema)
    try:
        return write.settle(held)
    except ValueRefused as refusal:
        return Settlement(outcome=refused(op, refusal))


def refused(op: ReceivedOp, refusal: ValueRefused, status: Status = Status.REJECTED) -> Outcome:
    """Answer the outcome of an op that has no effect."""
    if refusal.code in (Code.PARENT_MISSING, Code.DEPENDENCY_REJECTED):
        status = Status.DEPENDENCY_REJECTED
    return Outcome(
        number=op.number,
        status=status,
        code=refusal.code,
        detail=refusal.detail,
        field=refusal.field,
    )


class _Write:
    """One op being settled: who, when, and what it has changed so far."""

    def __init__(
        self,
        op: RecordOp,
        device: str | None,
        received_at_ms: int,
        bounded_at_ms: int,
        base_limit: int | None,
        schema: Schema,
    ) -> None:
        self.op = op
        self.base = op.base if base_limit is None else min(op.base, base_limit)
        self.device = device
        self.received_at_ms = received_at_ms
        self.version = Version(NEW_SEQ, device, op.number, bounded_at_ms)
        self.schema = schema
        self.fields: dict[str, Any] = {}
        self.versions: dict[str, Version] = {}
        self.dots: dict[str, Dots] = {}
        self.conflicts: list[Conflict] = []

    def settle(self, held: HeldRecord | None) -> Settlement:
        if not is_uuid(self.op.id):
            raise ValueRefused(Code.ID_INVALID, "An id is a UUID in lower case.", "id")
        self.schema.record(self.op.kind)
        match self.op:
            case Create():
                return self._create(self.op, held)
            case Edit():
                return self._edit(self.op, _seen(held))
            case Delete():
                return self._delete(_seen(held))
            case _:
                assert_never(self.op)

    def causal(self, version: Version) -> bool:
        """Answer whether the author of the op could have seen this write."""
        is_own = version.seq == NEW_SEQ or (
            self.device is not None and version.device == self.device
        )
        if is_own and not version.shared:
            return True
        return version.seq != NEW_SEQ and version.seq <= self.base

    def _create(self, op: Create, held: HeldRecord | None) -> Settlement:
        spec = self.schema.record(op.kind)
        if not spec.creatable:
            raise ValueRefused(Code.NOT_ALLOWED, f"A device does not create a {op.kind}.")
        if held is not None:
            return self._create_again(op, held)
        fields = dict.fromkeys(self.schema.fields(op.kind))
        for name, value in op.fields.items():
            field = self.schema.field(op.kind, name)
            check(field, value)
            fields[name] = sorted(value or ()) if field.type is FieldType.SET else value
        for field in spec.fields:
            if field.type is FieldType.SET and fields[field.name] is None:
                fields[field.name] = []
            check(field, fields[field.name])
        record = HeldRecord(
            kind=op.kind, id=op.id, seq=NEW_SEQ, created=self.version, fields=fields
        )
        return self._changed(Status.APPLIED, Code.APPLIED, None, record)

    def _create_again(self, op: Create, held: HeldRecord) -> Settlement:
        """Answer a repetition of the creation; refuse another record under the same id."""
        same = held.visible and all(
            name in held.versions or name in held.dots or _equal(held.fields.get(name), value)
            for name, value in op.fields.items()
        )
        if not same:
            detail = "This id is taken by another record; create it again under a new id."
            raise ValueRefused(Code.ID_REUSED, detail, "id")
        return self._unchanged(held, Code.DUPLICATE)

    def _edit(self, op: Edit, held: HeldRecord) -> Settlement:
        for name, value in op.fields.items():
            self._write_field(held, self.schema.field(op.kind, name), value)
        for name, change in op.sets.items():
            self._write_set(held, self.schema.field(op.kind, name), change)
        revived = held.deleted
        if revived:
            self._revive(held)
        if not (self.fields or self.versions or self.dots or self.conflicts):
            return self._unchanged(held, Code.UNCHANGED)
        record = msgspec.structs.replace(
            held,
            seq=NEW_SEQ,
            fields={**held.fields, **self.fields},
            versions={**held.versions, **self.versions},
            dots={**held.dots, **self.dots},
            deleted=False,
        )
        if not self.conflicts:
            return self._changed(Status.APPLIED, Code.APPLIED, held, record)
        code = Code.REVIVED if revived else Code.MERGED
        if not (self.fields or self.versions or self.dots):
            record = held
        return self._changed(Status.MERGED, code, held, record)

    def _revive(self, held: HeldRecord) -> None:
        """Let a concurrent edit win over a deletion, and tell whoever deleted."""
        deletion = held.version(DELETED)
        if self.causal(deletion):
            raise ValueRefused(Code.RECORD_DELETED, "This record was deleted.")
        self.versions[DELETED] = self.version
        self._conflict(held, DELETED, (False, self.version), (True, deletion))

    def _delete(self, held: HeldRecord) -> Settlement:
        if not self.schema.record(held.kind).deletable:
            raise ValueRefused(Code.NOT_ALLOWED, f"A device does not delete a {held.kind}.")
        if held.deleted:
            return self._unchanged(held, Code.UNCHANGED)
        unseen = self._unseen_writes(held)
        if unseen:
            newest = max(unseen, key=_order)
            self._conflict(held, DELETED, (False, newest), (True, self.version))
            return self._changed(Status.MERGED, Code.EDIT_WON, held, held)
        record = msgspec.structs.replace(
            held, seq=NEW_SEQ, versions={**held.versions, DELETED: self.version}, deleted=True
        )
        return self._changed(Status.APPLIED, Code.APPLIED, held, record)

    def _unseen_writes(self, held: HeldRecord) -> list[Version]:
        """Answer the writes that the op's author had not seen."""
        writes = [held.created, *held.versions.values()]
        for dots in held.dots.values():
            writes += [dot for each in dots.values() for dot in each]
        return [write for write in writes if not self.causal(write)]

    def _write_field(self, held: HeldRecord, field: FieldSpec, value: object) -> None:
        if field.type is FieldType.SET:
            detail = f"{field.name} is a set; send what to add and remove."
            raise ValueRefused(Code.VALUE_INVALID, detail, field.name)
        before = held.fields.get(field.name)
        if field.policy in (Policy.FIXED, Policy.APPEND):
            if not _equal(before, value):
                detail = f"{field.name} is written once, when the {held.kind} is created."
                raise ValueRefused(Code.FIELD_FIXED, detail, field.name)
            return
        check(field, value)
        match field.policy:
            case Policy.COUNTER:
                self._put(held, field, _sum(field, before, value))
            case Policy.MAX | Policy.MIN:
                chosen = _extreme(field.policy, before, value)
                if not _equal(before, chosen):
                    self._put(held, field, chosen)
            case Policy.STRICT | Policy.KEEP_BOTH:
                self._replace(held, field, before, value)
            case Policy.OR_SET:
                raise AssertionError("a set has the type of a set")
            case _:
                assert_never(field.policy)

    def _replace(self, held: HeldRecord, field: FieldSpec, before: object, value: object) -> None:
        there = held.version(field.name)
        if _equal(before, value):
            if not self.causal(there):
                self._share(field, there)
        elif self.causal(there):
            self._put(held, field, value)
        elif field.policy is Policy.STRICT:
            detail = f"{field.name} was changed by somebody else; look at it and decide again."
            raise ValueRefused(Code.STRICT_CONFLICT, detail, field.name)
        elif _order(self.version) > _order(there):
            self._put(held, field, value)
            self._conflict(held, field.name, (value, self.version), (before, there))
        else:
            self._conflict(held, field.name, (before, there), (value, self.version))

    def _share(self, field: FieldSpec, there: Version) -> None:
        """Agree with a value that was written concurrently.

        Neither author has seen the other, so a later edit by either must not replace the value as
        if it were theirs alone.
        """
        later = max(there, self.version, key=_order)
        self.versions[field.name] = msgspec.structs.replace(later, seq=NEW_SEQ, shared=True)

    def _put(self, held: HeldRecord, field: FieldSpec, value: object) -> None:
        """Hold a new value. Its time is not before that of what it replaces knowingly."""
        at_ms = max(self.version.at_ms, held.version(field.name).at_ms)
        self.fields[field.name] = value
        self.versions[field.name] = msgspec.structs.replace(self.version, at_ms=at_ms)

    def _write_set(self, held: HeldRecord, field: FieldSpec, change: SetChange) -> None:
        if field.type is not FieldType.SET:
            raise ValueRefused(Code.VALUE_INVALID, f"{field.name} is not a set.", field.name)
        check(field, change.add)
        check(field, change.remove)
        elements = set(held.fields.get(field.name) or ())
        dots = dict(held.dots.get(field.name, {}))
        changed = False
        for element in (*change.remove, *change.add):
            known = dots.get(element) or ((held.created,) if element in elements else ())
            after = tuple(dot for dot in known if not self.causal(dot))
            if element in change.add:
                after = (*after, self.version)
                elements.add(element)
            elif not after:
                elements.discard(element)
            changed = changed or after != known
            dots[element] = after
        if len(elements) > MAX_SET_SIZE:
            detail = f"{field.name} has more than {MAX_SET_SIZE} elements."
            raise ValueRefused(Code.VALUE_INVALID, detail, field.name)
        if changed:
            self.fields[field.name] = sorted(elements)
            self.dots[field.name] = {name: each for name, each in dots.items() if each}
            self.versions[field.name] = self.version

    def _conflict(
        self,
        held: HeldRecord,
        field: str,
        kept: tuple[object, Version],
        other: tuple[object, Version],
    ) -> None:
        number = self.op.number
        self.conflicts.append(
            Conflict(
                id=conflict_id(self.device, number, held.id, field, self.received_at_ms),
                customer_id=_customer_of(held, self.schema),
                kind=held.kind,
                record_id=held.id,
                field=field,
                kept=kept[0],
                other=other[0],
                kept_by=kept[1],
                other_by=other[1],
                happened_at_ms=self.received_at_ms,
            )
        )

    def _unchanged(self, held: HeldRecord, code: Code) -> Settlement:
        outcome = Outcome(number=self.op.number, status=Status.APPLIED, code=code, seq=held.seq)
        return Settlement(outcome=outcome)

    def _changed(
        self, status: Status, code: Code, before: HeldRecord | None, after: HeldRecord
    ) -> Settlement:
        outcome = Outcome(
            number=self.op.number,
            status=status,
            code=code,
            seq=NEW_SEQ,
            conflicts=tuple(conflict.id for conflict in self.conflicts),
        )
        changed = after is not before
        return Settlement(
            outcome=outcome,
            record=after if changed else None,
            before=before if changed else None,
            conflicts=tuple(self.conflicts),
        )


def _seen(held: HeldRecord | None) -> HeldRecord:
    if held is None or not held.visible:
        raise ValueRefused(Code.NOT_FOUND, "There is no such record.")
    return held


def _order(version: Version) -> tuple[int, str, int]:
    """Order concurrent writes, the same way on every server."""
    return version.at_ms, version.device or "", version.number


def _equal(held: object, given: object) -> bool:
    """Compare values of the wire; an absent set is an empty one, and 1 is not true."""
    if isinstance(held, list | tuple) or isinstance(given, list | tuple):
        return _as_list(held) == _as_list(given)
    return type(held) is type(given) and held == given


def _as_list(value: object) -> object:
    if value is None:
        return []
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def _sum(field: FieldSpec, before: object, difference: object) -> int:
    assert isinstance(before, int | None), "a counter is a whole number"
    assert isinstance(difference, int | None), "a difference was checked to be a whole number"
    total = (before or 0) + (difference or 0)
    check(field, total)
    return total


def _extreme(policy: Policy, before: object, value: object) -> object:
    if before is None or value is None:
        return value if before is None else before
    greater = value > before  # type: ignore[operator] # both were checked against one field's type
    return value if greater == (policy is Policy.MAX) else before


def _customer_of(held: HeldRecord, schema: Schema) -> str | None:
    if held.kind == "customer":
        return held.id
    parent = schema.record(held.kind).parent
    return None if parent is None else held.fields.get(parent)


# ------------------------------------------------------------------------------------ a batch


def settle_batch(
    held: Mapping[Key, HeldRecord],
    ops: Sequence[ReceivedOp],
    *,
    device: str | None,
    clock: EditClock,
    rules: Rules | None = None,
    base_limit: int | None = None,
    schema: Schema = SCHEMA,
) -> BatchResult:
    """Settle ops in order, in memory.

    ``held`` has the records that ``needed`` names and that exist. A refused op is an outcome and
    the rest goes on; an atomic group is applied whole or not at all; what depends on a refused
    creation is refused with it.

    ``base_limit`` is for a push whose bases are of an earlier epoch: the sequence to which the
    tenant was restored. What was written above it is not what the device saw there.
    """
    batch = _Batch(held, device, clock, rules or Rules(), base_limit, schema)
    for unit in _units(ops):
        batch.settle_unit(unit)
    return batch.result()


def _units(ops: Sequence[ReceivedOp]) -> list[list[ReceivedOp]]:
    """Part ops into atomic groups; an op without a group is a unit of its own."""
    units: list[list[ReceivedOp]] = []
    open_group: Group | None = None
    for op in ops:
        group = None if isinstance(op, Intent) else op.group
        if group is not None and group == open_group:
            units[-1].append(op)
        else:
            units.append([op])
        open_group = group
    return units


class _Batch:
    """A push being settled."""

    def __init__(
        self,
        held: Mapping[Key, HeldRecord],
        device: str | None,
        clock: EditClock,
        rules: Rules,
        base_limit: int | None,
        schema: Schema,
    ) -> None:
        self.working = dict(held)
        self.base_limit = base_limit
        self.device = device
        self.clock = clock
        self.rules = rules
        self.schema = schema
        self.latest_ms = clock.floor_ms
        self.outcomes: list[Outcome] = []
        self.settlements: list[Settlement] = []
        self.intents: list[Intent] = []
        self.refused_ids: set[str] = set()

    def settle_unit(self, unit: list[ReceivedOp]) -> None:
        """Settle one op, or one atomic group."""
        first = unit[0]
        group = None if isinstance(first, Intent) else first.group
        if group is None:
            self._settle_one(first)
            return
        if [op.number for op in unit] != list(range(group[0], group[1] + 1)):
            detail = "An atomic group comes whole, in one push."
            self._refuse_all(unit, ValueRefused(Code.GROUP_INCOMPLETE, detail))
            return
        before, count = dict(self.working), len(self.settlements)
        mark, refused_ids = len(self.outcomes), set(self.refused_ids)
        for op in unit:
            self._settle_one(op)
        outcomes = self.outcomes[mark:]
        if all(outcome.status in (Status.APPLIED, Status.MERGED) for outcome in outcomes):
            return
        self.working, self.refused_ids = before, refused_ids
        del self.settlements[count:], self.outcomes[mark:]
        self._refuse_group(unit, outcomes)

    def _refuse_group(self, unit: list[ReceivedOp], outcomes: list[Outcome]) -> None:
        """Keep the reasons of those that were refused; the others fall with them."""
        for op, outcome in zip(unit, outcomes, strict=True):
            if outcome.status in (Status.APPLIED, Status.MERGED):
                detail = "Another op of this atomic group was refused."
                self._refuse_all([op], ValueRefused(Code.GROUP_REJECTED, detail))
            else:
                self._note_refused(op)
                self.outcomes.append(outcome)

    def _refuse_all(self, ops: Iterable[ReceivedOp], refusal: ValueRefused) -> None:
        for op in ops:
            self._note_refused(op)
            self.outcomes.append(refused(op, refusal))

    def _note_refused(self, op: ReceivedOp) -> None:
        """Remember a creation that came to nothing, for what depends on it."""
        if isinstance(op, Create) and (op.kind, op.id) not in self.working:
            self.refused_ids.add(op.id)

    def _settle_one(self, op: ReceivedOp) -> None:
        try:
            self._settle(op)
        except ValueRefused as refusal:
            self._refuse_all([op], refusal)

    def _settle(self, op: ReceivedOp) -> None:
        match op:
            case Unreadable():
                raise ValueRefused(Code.OP_UNREADABLE, op.detail, op.field)
            case Intent():
                self._take_intent(op)
            case Create() | Edit() | Delete():
                self._settle_record(op)
            case _:
                assert_never(op)

    def _take_intent(self, op: Intent) -> None:
        """Leave an intent to the server, unless what it is about was refused."""
        if any(isinstance(value, str) and value in self.refused_ids for value in op.args.values()):
            raise ValueRefused(Code.DEPENDENCY_REJECTED, "What it is about was refused.")
        self.intents.append(op)

    def _settle_record(self, op: RecordOp) -> None:
        key = (op.kind, op.id)
        if op.id in self.refused_ids and key not in self.working and not isinstance(op, Create):
            raise ValueRefused(Code.DEPENDENCY_REJECTED, "Its creation was refused.")
        self.schema.record(op.kind)
        if not isinstance(op, Delete):
            self._check_writable(op)
        held = self.working.get(key)
        op = self.rules.admit(op, held)
        write = _Write(
            op,
            self.device,
            self.clock.received_at_ms,
            self._time(op),
            self.base_limit,
            self.schema,
        )
        settlement = write.settle(held)
        if not isinstance(op, Delete) and settlement.outcome.code != Code.DUPLICATE:
            self._check_references(op)
        self._apply(key, settlement)

    def _apply(self, key: Key, settlement: Settlement) -> None:
        if settlement.record is not None:
            approved = self.rules.approve(settlement.before, settlement.record)
            settlement = msgspec.structs.replace(settlement, record=approved)
            self.working[key] = approved
        if settlement.record is not None or settlement.conflicts:
            self.settlements.append(settlement)
        self.outcomes.append(settlement.outcome)

    def _time(self, op: RecordOp) -> int:
        """Answer the bounded edit time; later ops of a device are never earlier."""
        self.latest_ms = max(self.latest_ms, self.clock.bound(op.at_ms))
        return self.latest_ms

    def _check_writable(self, op: Create | Edit) -> None:
        for name in (*op.fields, *(op.sets if isinstance(op, Edit) else ())):
            if self.schema.field(op.kind, name).server_only:
                detail = f"{name} is written by the server alone."
                raise ValueRefused(Code.FIELD_SERVER_ONLY, detail, name)

    def _check_references(self, op: Create | Edit) -> None:
        """Refuse to point at a record that is not there."""
        for name, value in op.fields.items():
            spec = self.schema.field(op.kind, name)
            if spec.references is None or value is None:
                continue
            target = self.working.get((spec.references, value))
            if target is not None and target.visible and not target.deleted:
                continue
            if value in self.refused_ids:
                raise ValueRefused(Code.DEPENDENCY_REJECTED, "What it needs was refused.", name)
            is_parent = name == self.schema.record(op.kind).parent
            code = Code.PARENT_MISSING if is_parent else Code.REFERENCE_MISSING
            raise ValueRefused(code, f"There is no such {spec.references}.", name)

    def result(self) -> BatchResult:
        """Answer what the batch did."""
        changed = [each for each in self.settlements if each.record is not None]
        records = {each.record.key: each.record for each in changed if each.record is not None}
        created = {each.record.key for each in changed if each.record and each.before is None}
        return BatchResult(
            outcomes=tuple(self.outcomes),
            records=records,
            created=frozenset(created),
            settlements=tuple(self.settlements),
            conflicts=tuple(each for done in self.settlements for each in done.conflicts),
            intents=tuple(self.intents),
        )


# ----------------------------------------------------------------------------------- sequence


def stamp(result: BatchResult, seq: int) -> BatchResult:
    """Give everything that the batch wrote the sequence of its commit."""
    settlements = tuple(_stamp_settlement(each, seq) for each in result.settlements)
    return BatchResult(
        outcomes=tuple(_stamp_outcome(outcome, seq) for outcome in result.outcomes),
        records={key: stamp_record(record, seq) for key, record in result.records.items()},
        created=result.created,
        settlements=settlements,
        conflicts=tuple(each for done in settlements for each in done.conflicts),
        intents=result.intents,
    )


def stamp_record(record: HeldRecord, seq: int) -> HeldRecord:
    """Give a record that was changed the sequence of its commit."""
    return msgspec.structs.replace(
        record,
        seq=seq if record.seq == NEW_SEQ else record.seq,
        created=_stamp_version(record.created, seq),
        versions={name: _stamp_version(each, seq) for name, each in record.versions.items()},
        dots={
            name: {
                element: tuple(_stamp_version(dot, seq) for dot in dots)
                for element, dots in elements.items()
            }
            for name, elements in record.dots.items()
        },
    )


def _stamp_version(version: Version, seq: int) -> Version:
    if version.seq != NEW_SEQ:
        return version
    return msgspec.structs.replace(version, seq=seq)


def _stamp_outcome(outcome: Outcome, seq: int) -> Outcome:
    if outcome.seq != NEW_SEQ:
        return outcome
    return msgspec.structs.replace(outcome, seq=seq)


def _stamp_settlement(settlement: Settlement, seq: int) -> Settlement:
    record, before = settlement.record, settlement.before
    return Settlement(
        outcome=_stamp_outcome(settlement.outcome, seq),
        record=None if record is None else stamp_record(record, seq),
        before=None if before is None else stamp_record(before, seq),
        conflicts=tuple(
            msgspec.structs.replace(
                each,
                kept_by=_stamp_version(each.kept_by, seq),
                other_by=_stamp_version(each.other_by, seq),
            )
            for each in settlement.conflicts
        ),
    )


# ------------------------------------------------------------------------------------ storage

_Stored = list[int | str | None]
_WHOLE_SET = ""
"""Among a set's elements: the last write of any of them, which a removal leaves behind."""


def encode_versions(
    versions: Mapping[str, Version], dots: Mapping[str, Dots] | None = None
) -> dict[str, Any]:
    """Answer versions as small JSON: ``{field: [seq, device, number, at_ms, shared]}``.

    A list ends before its trailing defaults. A set field has ``{"": list, element: [list, ...]}``:
    the last write of the set, and the additions behind each element.
    What was not written since the creation is absent.
    """
    stored: dict[str, Any] = {name: _store(version) for name, version in versions.items()}
    for name, elements in (dots or {}).items():
        stored[name] = {
            **({_WHOLE_SET: stored[name]} if name in stored else {}),
            **{element: [_store(dot) for dot in each] for element, each in elements.items()},
        }
    return stored


def decode_versions(
    stored: Mapping[str, Any],
) -> tuple[dict[str, Version], dict[str, Dots]]:
    """Answer the versions and the sets' dots that ``encode_versions`` made small."""
    versions: dict[str, Version] = {}
    dots: dict[str, Dots] = {}
    for name, value in stored.items():
        if isinstance(value, Mapping):
            dots[name] = {
                element: tuple(_restore(dot) for dot in each)
                for element, each in value.items()
                if element != _WHOLE_SET
            }
            if _WHOLE_SET in value:
                versions[name] = _restore(value[_WHOLE_SET])
        else:
            versions[name] = _restore(value)
    return versions, dots


def _restore(stored: _Stored) -> Version:
    return msgspec.convert(stored, _StoredVersion).version()


class _StoredVersion(msgspec.Struct, array_like=True):
    """A version as it lies in storage: a list that may end early."""

    seq: int
    device: str | None = None
    number: int = 0
    at_ms: int = 0
    shared: int = 0

    def version(self) -> Version:
        """Answer the version."""
        return Version(self.seq, self.device, self.number, self.at_ms, bool(self.shared))


def _store(version: Version) -> _Stored:
    """Answer a version without its trailing defaults."""
    stored: _Stored = [
        version.seq,
        version.device,
        version.number,
        version.at_ms,
        int(version.shared),
    ]
    defaults = (None, None, 0, 0, 0)
    while len(stored) > 1 and stored[-1] == defaults[len(stored) - 1]:
        stored.pop()
    return stored
