"""Settle one op against one record: what is causal replaces, what is concurrent is decided."""

from typing import Any, assert_never

import msgspec

from sync_protocol.conflicts import DELETED, Conflict, Version, conflict_id
from sync_protocol.merge.records import Beneath, Dots, HeldRecord, Settlement
from sync_protocol.merge.texts import merge_texts
from sync_protocol.messages import (
    NEW_SEQ,
    Code,
    Create,
    Delete,
    Edit,
    Outcome,
    ReceivedOp,
    RecordOp,
    SetChange,
    Status,
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


def settle(
    held: HeldRecord | None,
    op: RecordOp,
    *,
    device: str | None,
    received_at_ms: int,
    bounded_at_ms: int,
    base_limit: int | None = None,
    lost: tuple[int, int] | None = None,
    schema: Schema = SCHEMA,
) -> Settlement:
    """Settle one op against one record; a refusal is an outcome too."""
    write = Write(op, device, received_at_ms, bounded_at_ms, base_limit, lost, schema)
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


class Write:
    """One op being settled: who, when, and what it has changed so far."""

    def __init__(
        self,
        op: RecordOp,
        device: str | None,
        received_at_ms: int,
        bounded_at_ms: int,
        base_limit: int | None,
        lost: tuple[int, int] | None,
        schema: Schema,
        beneath: Beneath | None = None,
    ) -> None:
        self.op = op
        self.base = op.base if base_limit is None else min(op.base, base_limit)
        self.device = device
        self.lost = lost
        self.beneath = beneath or Beneath()
        self.received_at_ms = received_at_ms
        self.version = Version(NEW_SEQ, device, op.number, bounded_at_ms)
        self.schema = schema
        self.fields: dict[str, Any] = {}
        self.versions: dict[str, Version] = {}
        self.dots: dict[str, Dots] = {}
        self.conflicts: list[Conflict] = []
        self.has_merged_texts = False

    def settle(self, held: HeldRecord | None) -> Settlement:
        """Settle the op against what is held.

        :raises ValueRefused: if it has no effect; the code says why.
        """
        if self.op.id == "" and not isinstance(self.op, Create) and self.op.handle:
            raise ValueRefused(Code.NOT_FOUND, "There is no such record.")
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
        if self._is_own(version) and not version.shared:
            return True
        return version.seq != NEW_SEQ and version.seq <= self.base

    def _is_own(self, version: Version) -> bool:
        """Answer whether the op's device made this write, and still knows that it did."""
        if version.seq == NEW_SEQ:
            return True
        if self.device is None or version.device != self.device:
            return False
        return self.lost is None or not self.lost[0] <= version.number <= self.lost[1]

    def _create(self, op: Create, held: HeldRecord | None) -> Settlement:
        spec = self.schema.record(op.kind)
        if not spec.creatable:
            raise ValueRefused(Code.NOT_ALLOWED, f"A device does not create a {op.kind}.")
        if held is not None:
            return self._create_again(op, held)
        outline, specs = self.schema.outline(op.kind), self.schema.fields(op.kind)
        fields: dict[str, Any] = dict.fromkeys(outline.names)
        for name, value in op.fields.items():
            spec_of = specs.get(name) or self.schema.field(op.kind, name)
            check(spec_of, value)
            fields[name] = sorted(value or ()) if spec_of.type is FieldType.SET else value
        for name in outline.sets:
            fields[name] = fields[name] or []
        for field in outline.required:
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
        if not self.conflicts and self.has_merged_texts:
            return self._changed(Status.MERGED, Code.TEXT_MERGED, held, record)
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
        # What belongs to a record goes with it: an unseen word beneath it counts as well, and one
        # that stands in a conflict alone.
        unseen = [
            (write, each.id)
            for each in (held, *self.beneath.records)
            for write in self._unseen_writes(each)
        ] or [each for each in self.beneath.lost if not self.causal(each[0])]
        if unseen:
            newest, record_id = max(unseen, key=lambda each: _order(each[0]))
            kept_in = "" if record_id == held.id else record_id
            self._conflict(held, DELETED, (False, newest), (True, self.version), kept_in=kept_in)
            return self._changed(Status.MERGED, Code.EDIT_WON, held, held)
        record = msgspec.structs.replace(
            held, seq=NEW_SEQ, versions={**held.versions, DELETED: self.version}, deleted=True
        )
        return self._changed(Status.APPLIED, Code.APPLIED, held, record)

    def _unseen_writes(self, held: HeldRecord) -> list[Version]:
        """Answer the writes that the op's author had not seen.

        What the server found out by itself is nobody's word and holds no deletion up.
        """
        fields = self.schema.fields(held.kind)
        writes = [
            held.created,
            *(
                version
                for name, version in held.versions.items()
                if name not in fields or not fields[name].server_only
            ),
        ]
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
            case Policy.STRICT | Policy.KEEP_BOTH | Policy.TEXT_MERGE:
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
        elif _is_unsaid(held, field.name, before) or (
            self.causal(there) and not self._is_unlike(field, there, before)
        ):
            self._put(held, field, value)
        elif (merged := self._merged(field, before, value)) is not None:
            self._put_shared(field, there, merged, is_new=merged != before)
        elif field.policy is Policy.STRICT:
            detail = f"{field.name} was changed by somebody else; look at it and decide again."
            raise ValueRefused(Code.STRICT_CONFLICT, detail, field.name)
        elif _order(self.version) > _order(there):
            self._put(held, field, value)
            self._conflict(held, field.name, (value, self.version), (before, there))
        else:
            self._conflict(held, field.name, (before, there), (value, self.version))

    def _is_unlike(self, field: FieldSpec, there: Version, before: object) -> bool:
        """Answer whether a text is not what its author had written, though the device wrote it.

        What the device wrote on a customer that was merged into this one is held here: the author
        had not seen it in this place.
        """
        was = self.op.was if isinstance(self.op, Edit) else {}
        if field.policy is not Policy.TEXT_MERGE or field.name not in was:
            return False
        is_seen = there.seq != NEW_SEQ and there.seq <= self.base
        return not is_seen and str(was[field.name] or "").strip() != str(before or "").strip()

    def _share(self, field: FieldSpec, there: Version) -> None:
        """Agree with a value that was written concurrently.

        Neither author has seen the other, so a later edit by either must not replace the value as
        if it were theirs alone.
        """
        later = max(there, self.version, key=_order)
        self.versions[field.name] = msgspec.structs.replace(later, seq=NEW_SEQ, shared=True)

    def _merged(self, field: FieldSpec, held: object, value: object) -> str | None:
        """Answer one text with both changes; none where there is none or it may not be held."""
        was = self.op.was if isinstance(self.op, Edit) else {}
        if field.policy is not Policy.TEXT_MERGE or field.name not in was:
            return None
        texts = [was[field.name] or "", held or "", value or ""]
        merged = merge_texts(*(each for each in texts if isinstance(each, str)))
        if merged is None:
            return None
        try:
            check(field, merged)
        except ValueRefused:
            return None
        return merged

    def _put_shared(self, field: FieldSpec, there: Version, text: str, *, is_new: bool) -> None:
        """Hold a text that several wrote, so that neither replaces it as if it were theirs."""
        self._share(field, there)
        self.has_merged_texts = True
        if is_new:
            self.fields[field.name] = text

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
        *,
        kept_in: str = "",
    ) -> None:
        # Without a device the numbers start anew with every edit: what was met tells them apart.
        met = max(kept[1].seq, other[1].seq)
        author, number = (f"met {met}", 0) if self.device is None else (self.device, self.op.number)
        self.conflicts.append(
            Conflict(
                id=conflict_id(author, number, held.id, field, self.received_at_ms),
                customer_id=_customer_of(held, self.schema),
                kind=held.kind,
                record_id=held.id,
                field=field,
                kept=kept[0],
                other=other[0],
                kept_by=kept[1],
                other_by=other[1],
                happened_at_ms=self.received_at_ms,
                kept_in=kept_in,
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


def _is_unsaid(held: HeldRecord, name: str, before: object) -> bool:
    """Answer whether a field is empty because nobody ever wrote it: that is nobody's word."""
    return before is None and name not in held.versions


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
