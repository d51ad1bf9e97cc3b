"""Settle a push in memory: ops in order, atomic groups whole, dependents with what they need."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, assert_never

import msgspec

from sync_protocol.conflicts import DELETED, Version
from sync_protocol.custom_fields import check_value, defined
from sync_protocol.merge.records import (
    BatchResult,
    Beneath,
    Dots,
    EditClock,
    HeldRecord,
    Key,
    Kin,
    Settlement,
)
from sync_protocol.merge.write import Write, refused
from sync_protocol.messages import (
    MAX_GROUP,
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
    Status,
    Unreadable,
)
from sync_protocol.schema import (
    CUSTOM_FIELD,
    MAX_SAFE_INT,
    SCHEMA,
    Schema,
    ValueRefused,
    is_uuid,
)
from sync_protocol.schema.custom import definition_of

_CALLED: Final = {"case": "service_case"}
"""The kind of a record that intents call otherwise in their arguments."""
_ALL: Final = (1, MAX_SAFE_INT)
"""The numbers of all ops that a device can have made."""


class Rules:
    """What the server adds to the schema; it refuses by raising ``ValueRefused``."""

    def admit(self, op: RecordOp, held: HeldRecord | None) -> RecordOp:
        """Look at an op before it is settled: permission, and values brought into stored form."""
        del held
        return op

    def approve(self, before: HeldRecord | None, after: HeldRecord) -> HeldRecord:
        """Look at a record as it would stand: illegal transitions, values the server fills in."""
        del before
        return after

    def mark(self) -> object:
        """Answer what is known of the ops so far, before a group that may come to nothing."""
        return None

    def go_back(self, mark: object) -> None:
        """Forget what was approved since."""


def needed(ops: Iterable[ReceivedOp], *, schema: Schema = SCHEMA) -> set[Key]:
    """Answer which records must be at hand to settle these ops.

    Those that an intent names in an argument like ``customer_id`` are locked with the others, in
    one order, before the server decides it.
    """
    keys: set[Key] = set()
    for op in ops:
        if isinstance(op, Intent):
            keys.update(_named(op, schema))
        if not isinstance(op, Create | Edit | Delete) or op.kind not in schema.kinds():
            continue
        keys.add((op.kind, op.id))
        if not isinstance(op, Delete):
            keys.update(_references(op.kind, op.fields, schema))
            keys.update((CUSTOM_FIELD.kind, each) for each, _, _ in _customs(op))
    return {key for key in keys if is_uuid(key[1])}


def _named(intent: Intent, schema: Schema) -> set[Key]:
    return {
        (_CALLED.get(kind, kind), value)
        for name, value in intent.args.items()
        if (kind := name.removesuffix("_id")) != name
        and _CALLED.get(kind, kind) in schema.kinds()
        and isinstance(value, str)
    }


def _customs(op: Create | Edit) -> Iterable[tuple[str, str, object]]:
    """Answer the custom fields that an op writes: definition, name, and value or what is added."""
    sets = op.sets if isinstance(op, Edit) else {}
    values = (*op.fields.items(), *((name, each.add or None) for name, each in sets.items()))
    for name, value in values:
        if (definition_id := definition_of(name)) is not None:
            yield definition_id, name, value


def _references(kind: str, fields: Mapping[str, Any], schema: Schema) -> set[Key]:
    return {
        (str(spec.references), fields[name])
        for name, spec in schema.outline(kind).references.items()
        if isinstance(fields.get(name), str)
    }


def settle_batch(  # noqa: PLR0913 - all that the result depends on, so that it is pure
    held: Mapping[Key, HeldRecord],
    ops: Sequence[ReceivedOp],
    *,
    device: str | None,
    clock: EditClock,
    rules: Rules | None = None,
    base_limit: int | None = None,
    lost: tuple[int, int] | None = None,
    led: AbstractSet[int] = frozenset(),
    kin: Kin | None = None,
    schema: Schema = SCHEMA,
) -> BatchResult:
    """Settle ops in order, in memory.

    ``held`` has the records that ``needed`` names and that exist. A refused op is an outcome and
    the rest goes on; an atomic group is applied whole or not at all; what depends on a refused
    creation is refused with it.

    ``base_limit`` is for a push whose bases are of an earlier epoch: the sequence to which the
    tenant was restored. What was written above it is not what the device saw there.

    ``lost`` are the first and the last number of ops that the device no longer knows of, since its
    store was put back to an old image: what they wrote is as unseen as what others did.

    ``led`` are the numbers of edits that were made on another record, which was merged into the one
    that they name now: whatever the device wrote on this one, its author meant the other.

    ``kin`` has what belongs to records that are deleted, and to which deleted ones edited records
    belong: nothing is deleted over an unseen word beneath it, nor written beneath what is deleted.
    """
    batch = _Batch(
        held, device, clock, rules or Rules(), base_limit, lost, led, schema, kin or Kin()
    )
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

    def __init__(  # noqa: PLR0913, PLR0917 - as for `settle_batch`
        self,
        held: Mapping[Key, HeldRecord],
        device: str | None,
        clock: EditClock,
        rules: Rules,
        base_limit: int | None,
        lost: tuple[int, int] | None,
        led: AbstractSet[int],
        schema: Schema,
        kin: Kin,
    ) -> None:
        self.working = dict(held)
        self.base_limit = base_limit
        self.lost = lost
        self.led = led
        self.kin = kin
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
        if len(unit) > MAX_GROUP:
            detail = f"An atomic group has at most {MAX_GROUP} ops."
            self._refuse_all(unit, ValueRefused(Code.GROUP_TOO_LARGE, detail))
            return
        # The length first: the numbers are the device's word, and a range of them may be endless.
        is_whole = group[1] - group[0] + 1 == len(unit)
        if not is_whole or [op.number for op in unit] != list(range(group[0], group[1] + 1)):
            detail = "An atomic group comes whole, in one push."
            self._refuse_all(unit, ValueRefused(Code.GROUP_INCOMPLETE, detail))
            return
        before, count, rules = dict(self.working), len(self.settlements), self.rules.mark()
        mark, refused_ids = len(self.outcomes), set(self.refused_ids)
        for op in unit:
            self._settle_one(op)
        outcomes = self.outcomes[mark:]
        if all(outcome.status in (Status.APPLIED, Status.MERGED) for outcome in outcomes):
            return
        self.working, self.refused_ids = before, refused_ids
        self.rules.go_back(rules)
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
        if not is_uuid(op.id):
            raise ValueRefused(Code.ID_INVALID, "An id is a UUID in lower case.", "id")
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
        if isinstance(op, Edit) and held is not None:
            self._check_kin(held)
        op = self.rules.admit(op, held)
        write = Write(
            op,
            self.device,
            self.clock.received_at_ms,
            self._time(op),
            self.base_limit,
            _ALL if op.number in self.led else self.lost,
            self.schema,
            self._beneath(op) if isinstance(op, Delete) else None,
        )
        settlement = write.settle(held)
        if not isinstance(op, Delete) and settlement.outcome.code != Code.DUPLICATE:
            self._check_references(op)
            self._check_customs(op)
        self._apply(key, settlement)

    def _beneath(self, op: Delete) -> Beneath:
        """Answer what would go with a record that is to be deleted."""
        there = (self.working.get(each.key, each) for each in self.kin.beneath.get(op.id, ()))
        living = [each for each in there if not each.deleted]
        met = [each for done in self.settlements for each in done.conflicts]
        # That somebody wanted a record deleted is no word that a deletion could lose. Of what an
        # earlier push met there is only when it met it.
        return Beneath(
            records=[each for each in living if each.kind != "conflict"],
            lost=[
                (each.other_by, each.record_id)
                for each in met
                if each.customer_id == op.id and each.field != DELETED
            ]
            + [
                (each.created, each.id)
                for each in living
                if each.kind == "conflict"
                and each.fields["state"] == "open"
                and each.fields["field"] != DELETED
            ],
        )

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
        writable = self.schema.outline(op.kind).writable
        sets = op.sets if isinstance(op, Edit) else {}
        if writable.issuperset(op.fields) and writable.issuperset(sets):
            return
        names = (name for name in (*op.fields, *sets) if name not in writable)
        name = next((each for each in names if not self.schema.custom(op.kind, each)), None)
        if name is None:
            return
        # Raises for a field that there is not.
        self.schema.field(op.kind, name)
        detail = f"{name} is written by the server alone."
        raise ValueRefused(Code.FIELD_SERVER_ONLY, detail, name)

    def _check_kin(self, held: HeldRecord) -> None:
        """Refuse to write where nobody looks: beneath a record that is deleted, and stays so."""
        name = self.schema.record(held.kind).parent
        parent = held.fields.get(name) if name else None
        if name is None or parent not in self.kin.ended:
            return
        above = self.working.get((str(self.schema.field(held.kind, name).references), parent))
        if above is None or above.deleted:
            raise ValueRefused(Code.PARENT_MISSING, "What it belongs to was deleted.")

    def _check_references(self, op: Create | Edit) -> None:
        """Refuse to point at a record that is not there."""
        for name, spec in self.schema.outline(op.kind).references.items():
            value = op.fields.get(name)
            if value is None:
                continue
            target = self.working.get((str(spec.references), value))
            if target is not None and target.visible and not target.deleted:
                continue
            if value in self.refused_ids:
                raise ValueRefused(Code.DEPENDENCY_REJECTED, "What it needs was refused.", name)
            is_parent = name == self.schema.record(op.kind).parent
            code = Code.PARENT_MISSING if is_parent else Code.REFERENCE_MISSING
            raise ValueRefused(code, f"There is no such {spec.references}.", name)

    def _check_customs(self, op: Create | Edit) -> None:
        """Refuse a value that the definition of its custom field does not allow."""
        for definition_id, name, value in _customs(op):
            found = self.working.get((CUSTOM_FIELD.kind, definition_id))
            if found is None or found.deleted:
                detail = f"A {op.kind} has no field {name[:40]!r}."
                raise ValueRefused(Code.FIELD_UNKNOWN, detail, name)
            definition = defined(definition_id, found.fields)
            if definition.name != name:
                raise ValueRefused(Code.FIELD_UNKNOWN, "This field has another type.", name)
            check_value(definition, op.kind, value, object_id=self._object_of(op))

    def _object_of(self, op: Create | Edit) -> str | None:
        """Answer the custom object of which the record is that an op writes."""
        held = self.working.get((op.kind, op.id))
        fields = op.fields if held is None else held.fields
        object_id: str | None = fields.get("object_id")
        return object_id

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


def stamp(result: BatchResult, seq: int) -> BatchResult:
    """Give everything that the batch wrote the sequence of its commit."""
    stamped: dict[int, HeldRecord] = {}

    def once(record: HeldRecord) -> HeldRecord:
        """Stamp a record that several settlements share but once."""
        found = stamped.get(id(record))
        if found is None:
            found = stamped[id(record)] = stamp_record(record, seq)
        return found

    settlements = tuple(_stamp_settlement(each, seq, once) for each in result.settlements)
    return BatchResult(
        outcomes=tuple(_stamp_outcome(outcome, seq) for outcome in result.outcomes),
        records={key: once(record) for key, record in result.records.items()},
        created=result.created,
        settlements=settlements,
        conflicts=tuple(each for done in settlements for each in done.conflicts),
        intents=result.intents,
    )


def stamp_record(record: HeldRecord, seq: int) -> HeldRecord:
    """Give a record that was changed the sequence of its commit."""
    if record.seq != NEW_SEQ:
        # Whatever has a version at hand was itself changed.
        return record
    return msgspec.structs.replace(
        record,
        seq=seq,
        created=_stamp_version(record.created, seq),
        versions={name: _stamp_version(each, seq) for name, each in record.versions.items()},
        dots={name: _stamp_dots(elements, seq) for name, elements in record.dots.items()},
    )


def _stamp_dots(elements: Dots, seq: int) -> Dots:
    return {
        element: tuple(_stamp_version(dot, seq) for dot in dots)
        for element, dots in elements.items()
    }


def _stamp_version(version: Version, seq: int) -> Version:
    if version.seq != NEW_SEQ:
        return version
    return msgspec.structs.replace(version, seq=seq)


def _stamp_outcome(outcome: Outcome, seq: int) -> Outcome:
    if outcome.seq != NEW_SEQ:
        return outcome
    return msgspec.structs.replace(outcome, seq=seq)


def _stamp_settlement(
    settlement: Settlement, seq: int, stamp_once: Callable[[HeldRecord], HeldRecord]
) -> Settlement:
    record, before = settlement.record, settlement.before
    return Settlement(
        outcome=_stamp_outcome(settlement.outcome, seq),
        record=None if record is None else stamp_once(record),
        before=None if before is None else stamp_once(before),
        conflicts=tuple(
            msgspec.structs.replace(
                each,
                kept_by=_stamp_version(each.kept_by, seq),
                other_by=_stamp_version(each.other_by, seq),
            )
            for each in settlement.conflicts
        ),
    )
