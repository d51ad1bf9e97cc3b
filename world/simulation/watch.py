"""The oracles that look on while a schedule runs: every commit, every page, every screen.

They compare what happens with what the diary says that people did and saw. What they find ends the
schedule at once, near to its cause.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from mobile_client_sdk.records import RECORD_TYPES
from mobile_client_sdk.store import to_column
from server.access import Actor
from sync_protocol.conflicts import DELETED
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import (
    Code,
    Create,
    Delete,
    Edit,
    Intent,
    Op,
    Outcome,
    ReceivedOp,
    Status,
    Unreadable,
    op_digest,
)
from sync_protocol.schema import SCHEMA, FieldType, Policy
from world.simulation.diary import Diary, Entry, identity
from world.simulation.hands import POISON, TEXTS, WRITTEN, is_free
from world.simulation.phone import Phone
from world.simulation.scheduler import MINUTE
from world.simulation.sight import is_shown
from world.simulation.site import Answer
from world.simulation.tables import Commit, Tables, customer_of

EFFECT: Final = frozenset({Status.APPLIED, Status.MERGED})
_TYPES: Final = {kind.KIND: kind for kind in RECORD_TYPES}
_UNLIKE: Final = {kind.KIND: frozenset(names) for kind, names in TEXTS.items()}
_decode_outcome: Final = msgspec.json.Decoder(Outcome).decode
_NEVER: Final = frozenset(
    {
        Code.FIELD_FIXED,
        Code.FIELD_REQUIRED,
        Code.FIELD_SERVER_ONLY,
        Code.FIELD_UNKNOWN,
        Code.GROUP_INCOMPLETE,
        Code.ID_INVALID,
        Code.ID_REUSED,
        Code.KIND_UNKNOWN,
        Code.NUMBER_REUSED,
        Code.OP_UNREADABLE,
        Code.VALUE_INVALID,
    }
)
"""What no device of this version is ever answered for what its person did."""
_SLACK_MS: Final = 2 * MINUTE
"""Edits nearer to each other than this may be taken in either order."""


class Finding(msgspec.Struct, frozen=True):
    """Something that must not be."""

    oracle: str
    detail: str


class _Working(msgspec.Struct):
    """A record while the ops of one commit are followed by hand."""

    fields: dict[str, Any]
    writers: dict[str, str | None]
    unknown: set[str]
    """Fields whose value is decided in a way that is not followed here."""
    said: set[str]
    """Fields that somebody wrote since the creation: an empty one of the others says nothing."""
    deleted: bool
    is_revived: bool = False
    """It came back in this commit; who deletes it again after that knows of it."""


class Watch:
    """Looks on, and writes down what must not be."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.findings: list[Finding] = []
        self.images: dict[tuple[int, int], Tables] = {}
        """What the server held, by epoch and sequence."""
        self.tables = Tables()
        """What the server holds now."""
        self.knowingly: set[tuple[str, str, str]] = set()
        """Record, field and value that somebody at a desk replaced or deleted, having seen it."""
        self.at_desk: set[tuple[str, str, str]] = set()
        """Record, field and value that somebody at a desk wrote."""
        self.counts: Counter[str] = Counter()
        """How often each recovery happened: what a run has met at all."""
        self.are_clocks_honest = False
        """Whether edit times may be compared: clocks were off, but were not set in between."""
        self._handles: dict[tuple[int, str, int], str] = {}
        """The records behind all handles that ever were, by epoch and kind."""
        self._shown: dict[str, tuple[Any, ...]] = {}
        self._columns: dict[int, tuple[HeldRecord, tuple[Any, ...]]] = {}

    def find(self, oracle: str, detail: str) -> None:
        """Write a finding down."""
        self.findings.append(Finding(oracle, detail))

    def failed(self, where: str, error: Exception) -> None:
        """Hear of an error that nobody expected."""
        self.find("no error", f"{where} failed with {type(error).__name__}: {error}")

    # -------------------------------------------------------------------------- the server

    def received(self, device_id: str, ops: Sequence[ReceivedOp], epoch: int) -> None:
        """Remember which op travels under which digest."""
        for op in ops:
            named = self._named(op, epoch)
            what = identity(device_id, named)
            for digest in {op_digest(op), op_digest(named)}:
                self.diary.digests[device_id, digest] = what

    def _named(self, op: ReceivedOp, epoch: int) -> ReceivedOp:
        """Give an op the id for which its handle stands."""
        if not isinstance(op, Edit | Delete) or op.id or not op.handle:
            return op
        record_id = self._handles.get((epoch or self.tables.clock.epoch, op.kind, op.handle), "")
        return msgspec.structs.replace(op, id=record_id, handle=0 if record_id else op.handle)

    def stands(self, tables: Tables) -> None:
        """Take what the server holds now, without a unit of work: a beginning or a restoration."""
        self.tables = tables
        self.images[tables.clock.epoch, tables.clock.seq] = tables
        for (kind, record_id), row in tables.records.items():
            self._handles[tables.clock.epoch, kind, row.record.handle] = record_id

    def committed(self, commit: Commit) -> None:
        """Look at a unit of work that was just committed."""
        before, after = commit.before.clock, commit.after.clock
        if after.seq != before.seq + (commit.unit is not None) or after.epoch != before.epoch:
            self.find("clock", f"the sequence went from {before.seq} to {after.seq}")
        self.stands(commit.after)
        if commit.device_id is None:
            self._note_desk(commit)
        else:
            self._follow(commit, commit.device_id)

    def _note_desk(self, commit: Commit) -> None:
        """Write down what was written at a desk, and replaced: everything is seen there."""
        for record in commit.unit.created if commit.unit else ():
            self.at_desk |= {(record.id, name, str(at)) for name, at in record.fields.items()}
        for change in commit.unit.changed if commit.unit else ():
            if change.before is None:
                continue
            for name, value in change.before.fields.items():
                written = change.after.fields.get(name)
                if written != value:
                    self.at_desk.add((change.after.id, name, str(written)))
                if change.after.deleted or written != value:
                    self.knowingly.add((change.after.id, name, str(value)))
            if change.after.deleted and change.after.kind == "customer":
                self._note_children(commit, change.after.id)

    def _note_children(self, commit: Commit, customer_id: str) -> None:
        for row in commit.before.records.values():
            if row.record.fields.get("customer_id") == customer_id:
                for name, value in row.record.fields.items():
                    self.knowingly.add((row.record.id, name, str(value)))

    # ------------------------------------------------------------- each op, followed by hand

    def _follow(self, commit: Commit, device_id: str) -> None:
        """Settle the ops of a commit again, by what their authors saw; compare the results."""
        working: dict[Key, _Working] = {}
        for settled in commit.settled:
            outcome = _decode_outcome(settled.outcome)
            entry = self.diary.find(device_id, settled.digest)
            if outcome.number != settled.number:
                self.find("outcome", f"op {settled.number} has the outcome of {outcome.number}")
            if entry is None:
                self._look_at_stranger(device_id, settled.digest, outcome)
                continue
            self.counts[str(outcome.code)] += 1
            if outcome.code in _NEVER:
                self.find("well-formed", f"{told(entry)} is answered by {outcome.code}")
            if outcome.status is Status.QUARANTINED and not _is_poison(entry.op):
                self.find("no error", f"{told(entry)} was put into quarantine")
            if outcome.status in EFFECT and not isinstance(entry.op, Intent):
                self._follow_op(commit, working, entry, outcome)
        for key, record in working.items():
            self._compare_held(commit, key, record)

    def _look_at_stranger(self, device_id: str, digest: bytes, outcome: Outcome) -> None:
        if outcome.status in EFFECT:
            self.find("exactly once", f"{device_id[-4:]} settled {digest.hex()}, which nobody did")

    def _working(self, commit: Commit, working: dict[Key, _Working], op: Any) -> _Working | None:
        key = (op.kind, op.id)
        if key not in working:
            row = commit.before.records.get(key)
            if row is None:
                return None
            record = row.record
            working[key] = _Working(
                fields=dict(record.fields),
                writers={name: record.version(name).device for name in record.fields},
                unknown={name for name in record.fields if record.version(name).shared},
                said=set(record.versions),
                deleted=record.deleted,
            )
        return working[key]

    def _follow_op(
        self, commit: Commit, working: dict[Key, _Working], entry: Entry, outcome: Outcome
    ) -> None:
        op = entry.op
        assert not isinstance(op, Intent), "intents are counted by their effects"
        record = self._working(commit, working, op)
        match op:
            case Create():
                if record is None:
                    names = SCHEMA.fields(op.kind)
                    working[op.kind, op.id] = _Working(
                        fields=dict(op.fields),
                        writers=dict.fromkeys(names, entry.device_id),
                        unknown=set(),
                        said=set(),
                        deleted=False,
                    )
                elif outcome.code != Code.DUPLICATE:
                    self.find("exactly once", f"{told(entry)} was created again")
            case Edit():
                if record is None:
                    self.find("no resurrection", f"{told(entry)} was applied to nothing")
                else:
                    self._follow_edit(commit, record, entry, op, outcome)
                    self._look_beneath(commit, working, entry, op)
            case Delete():
                if record is not None:
                    stood = not record.deleted
                    self._follow_delete(record, entry, outcome)
                    if stood and record.deleted and op.kind == "customer":
                        self._follow_beneath(commit, working, entry)

    def _follow_edit(
        self, commit: Commit, record: _Working, entry: Entry, op: Edit, outcome: Outcome
    ) -> None:
        conflicts = _conflicts(commit, outcome)
        if record.deleted and outcome.code != Code.UNCHANGED:
            if DELETED not in conflicts:
                self.find("no resurrection", f"{told(entry)} revived a record and told nobody")
            record.deleted, record.is_revived = False, True
        for name, value in op.fields.items():
            if SCHEMA.field(op.kind, name).policy is Policy.TEXT_MERGE:
                record.unknown.add(name)
            else:
                self._follow_field(record, entry, name, value, conflicts.get(name))
            record.said.add(name)
            if name not in record.unknown and name not in conflicts:
                record.writers[name] = entry.device_id
        record.unknown.update(op.sets)

    def _follow_field(
        self, record: _Working, entry: Entry, name: str, value: Any, conflict: HeldRecord | None
    ) -> None:
        current = record.fields.get(name)
        about = f"{told(entry)} wrote {name}={value!r} where {current!r} was held"
        has_seen = current in entry.seen.get(name, ())
        if conflict is not None:
            kept, other = conflict.fields["kept"], conflict.fields["other"]
            if {str(kept), str(other)} != {str(value), str(current)}:
                self.find("no silent loss", f"{about}; the conflict tells {kept!r} and {other!r}")
            if has_seen and self._is_certain(record, entry, name, current):
                self.find("causality", f"{about}; its author had seen it, and it is a conflict")
            self._compare_times(entry, kept, value, current)
            record.fields[name] = kept
            record.writers[name] = entry.device_id if kept == value else record.writers.get(name)
            return
        is_own = self._is_own(record, entry, name, current)
        is_unsaid = current is None and name not in record.said
        is_free = is_own or is_unsaid or name in record.unknown
        if not (value == current or has_seen or is_free):
            self.find("no silent loss", f"{about}; its author had not seen it, and no one is told")
        record.fields[name] = value

    def _is_own(self, record: _Working, entry: Entry, name: str, current: Any) -> bool:
        """Say whether a value was written on the device itself, which has not forgotten it."""
        is_own = record.writers.get(name) == entry.device_id
        return is_own and not self.diary.is_forgotten(entry, name, current)

    def _is_certain(self, record: _Working, entry: Entry, name: str, current: Any) -> bool:
        """Say whether a value that was seen must count as seen: it was written once, here.

        Who restores a value writes it once more: whoever saw it before then, be it as the desk's
        own, had not seen that it was taken back.
        """
        op = entry.op
        assert not isinstance(op, Intent), "intents write no fields"
        at_desk = (op.id, name, str(current)) in self.at_desk
        return (
            name in _UNLIKE.get(op.kind, ())
            and name not in record.unknown
            and current is not None
            and entry.epoch == self.tables.clock.epoch
            and len(self.diary.writes(op.id, name, current)) + at_desk <= 1
        )

    def _compare_times(self, entry: Entry, kept: Any, value: Any, current: Any) -> None:
        """Hold the later of two concurrent edits, by the true clock, where clocks are honest."""
        if not self.are_clocks_honest:
            return
        others = [
            each
            for each in self.diary.entries.values()
            if isinstance(each.op, Create | Edit) and current in each.op.fields.values()
        ]
        if len(others) != 1 or current is None:
            return
        difference = entry.at_ms - others[0].at_ms
        if abs(difference) > _SLACK_MS and (kept == value) != (difference > 0):
            self.find(
                "clocks",
                f"{kept!r} is kept of {value!r} and {current!r}, which was written"
                f" {difference / 1000:+.0f} s before",
            )

    def _follow_delete(self, record: _Working, entry: Entry, outcome: Outcome) -> None:
        if outcome.code == Code.EDIT_WON or record.deleted:
            return
        for name, current in record.fields.items():
            is_own = record.writers.get(name) == entry.device_id
            has_seen = str(current) in {str(each) for each in entry.seen.get(name, ())}
            is_free = name in record.unknown or name in _FILLED_IN or name in entry.unknown
            if current and not (is_own or has_seen or is_free):
                self.find(
                    "no silent loss",
                    f"{told(entry)} deleted {name}={current!r}, which its author had not seen",
                )
        record.deleted = True

    def _follow_beneath(
        self, commit: Commit, working: Mapping[Key, _Working], entry: Entry
    ) -> None:
        """Look whether who deleted a customer had seen all that belonged to it."""
        for row in commit.before.records.values():
            record = row.record
            if record.deleted or record.kind in {"conflict", "customer"}:
                continue
            is_deleted = record.key in working and working[record.key].deleted
            if is_deleted or customer_of(record) != entry.op.id:
                continue
            for name in _WORDS.get(record.kind, ()):
                current, is_own = record.fields[name], record.version(name).device
                if current is None or current in entry.beneath.get((record.id, name), ()):
                    continue
                if is_own != entry.device_id and name not in entry.unknown:
                    self.find(
                        "no silent loss",
                        f"{told(entry)} hides {record.kind} {record.id[-4:]}.{name}={current!r},"
                        " which its author had not seen",
                    )

    def _look_beneath(
        self, commit: Commit, working: Mapping[Key, _Working], entry: Entry, op: Edit
    ) -> None:
        """Look whether something was written where nobody looks: beneath a deleted customer."""
        row = commit.after.records.get((op.kind, op.id))
        if row is None or op.kind in {"conflict", "customer"}:
            return
        key = ("customer", str(customer_of(row.record)))
        before = commit.before.records.get(key)
        is_revived = key in working and working[key].is_revived
        if before is not None and before.record.deleted and not is_revived:
            self.find("no silent loss", f"{told(entry)} was written beneath a deleted customer")

    def _compare_held(self, commit: Commit, key: Key, record: _Working) -> None:
        """Compare what was followed by hand with what was committed."""
        row = commit.after.records.get(key)
        if row is None:
            self.find("exactly once", f"{key[0]} {key[1][-4:]} has an outcome and is not held")
            return
        if row.record.deleted != record.deleted:
            self.find("no resurrection", f"{key[0]} {key[1][-4:]}: deleted is {row.record.deleted}")
        for name, value in record.fields.items():
            held = row.record.fields.get(name)
            if name not in record.unknown and not _is_same(held, value):
                self.find(
                    "merge", f"{key[0]} {key[1][-4:]}.{name} is {held!r}, decided was {value!r}"
                )

    # -------------------------------------------------------------------------- the devices

    def shown(self, phone: Phone, answer: Answer | None) -> None:
        """Look at a device after a step of its sync."""
        client = phone.client
        if client is None or phone.disk.is_dead:
            return
        progress = client._replica.progress  # noqa: SLF001 - an oracle looks beneath
        now = (progress.epoch, progress.seq, progress.cursor)
        was = self._shown.get(phone.device_id)
        if was == (*now, phone.incarnation) or progress.cursor is None:
            self.own_writes(phone)
            return
        self._shown[phone.device_id] = (*now, phone.incarnation)
        is_older = was is not None and was[3] == phone.incarnation and was[:2] > now[:2]
        if is_older and not (answer is not None and answer.is_stale):
            assert was is not None, "it stood somewhere before"
            self.find("monotonic", f"{phone.device_id[-4:]} went from {was[1]} back to {now[1]}")
        if answer is not None and answer.actor is not None:
            self.compare_replica(phone, answer.actor)
        self.own_writes(phone)

    def compare_replica(self, phone: Phone, actor: Actor) -> None:
        """Compare a device's base tables with what the server held at that sequence."""
        client = phone.client
        assert client is not None, "the device is on"
        progress = client._replica.progress  # noqa: SLF001 - an oracle looks beneath
        tables = self.images.get((progress.epoch, progress.seq))
        if tables is None:
            if progress.epoch == self.tables.clock.epoch:
                self.find("no gap", f"a device stands at {progress.seq}, which never was")
            return
        held: dict[str, dict[str, tuple[Any, ...]]] = {kind: {} for kind in SCHEMA.kinds()}
        for row in tables.records.values():
            if is_shown(actor, tables, row.record):
                held[row.record.kind][row.record.id] = self._as_columns(row.record)
        for kind in SCHEMA.kinds():
            self._compare_kind(phone, kind, held[kind])

    def _compare_kind(self, phone: Phone, kind: str, held: Mapping[str, tuple[Any, ...]]) -> None:
        assert phone.client is not None, "the device is on"
        known = phone.schema.fields(kind)
        names = ", ".join(known)
        if phone.schema is not SCHEMA:
            places = [n for n, name in enumerate(SCHEMA.fields(kind), start=1) if name in known]
            held = {
                record_id: (row[0], *(row[place] for place in places))
                for record_id, row in held.items()
            }
        rows = phone.disk.rows(f"SELECT id, seq, {names} FROM base_{kind}")  # noqa: S608 - names of the schema
        there = {row[0]: row[1:] for row in rows}
        if there == held:
            return
        who = phone.device_id[-4:]
        for record_id in sorted(set(held) - set(there)):
            self.find("no gap", f"{who} lacks {kind} {record_id[-4:]}: {held[record_id]}")
        for record_id in sorted(set(there) - set(held)):
            self.find("no foreign rows", f"{who} holds {kind} {record_id[-4:]}: {there[record_id]}")
        for record_id in sorted(set(there) & set(held)):
            if there[record_id] != held[record_id]:
                self.find(
                    "convergence",
                    f"{who} holds {kind} {record_id[-4:]} as {there[record_id]},"
                    f" the server as {held[record_id]}",
                )

    def _as_columns(self, record: HeldRecord) -> tuple[Any, ...]:
        """Give a record as a device's table has it."""
        known = self._columns.get(id(record))
        # The record is kept beside its columns, so that no other takes its place in memory.
        if known is None or known[0] is not record:
            values = (
                to_column(spec, [] if _is_empty_set(spec.type, value) else value)
                for spec in SCHEMA.record(record.kind).fields
                for value in (record.fields.get(spec.name),)
            )
            known = self._columns[id(record)] = record, (record.seq, *values)
        return known[1]

    def own_writes(self, phone: Phone) -> None:
        """Look whether a device shows what was written on it and is not decided otherwise."""
        client = phone.client
        if client is None or phone.disk.is_dead:
            return
        seq = client._replica.progress.seq  # noqa: SLF001 - an oracle looks beneath
        expected: dict[Key, dict[str, Any] | None] = {}
        undone: set[Key] = phone.disk.lingering(seq)
        after, until = phone.disk.asked()
        for op, status in phone.disk.unshown_ops(seq):
            # Of what a restored server is asked about, the sequence is of another life.
            is_known = status == Status.APPLIED and not after < op.number <= until
            if isinstance(op, Intent) or (status is not None and not is_known):
                _forget(expected, op)
                if isinstance(op, Delete):
                    undone.add((op.kind, op.id))
            elif isinstance(op, Delete):
                expected[op.kind, op.id] = None
            elif (op.kind, op.id) in undone or expected.get((op.kind, op.id), {}) is None:
                # The deletion had been undone, and came back with a server that was restored.
                _forget(expected, op)
                undone.add((op.kind, op.id))
            else:
                expected[op.kind, op.id] = {**(expected.get((op.kind, op.id)) or {}), **op.fields}
        for (kind, record_id), fields in expected.items():
            self._compare_screen(phone, kind, record_id, fields)

    def _compare_screen(
        self, phone: Phone, kind: str, record_id: str, fields: Mapping[str, Any] | None
    ) -> None:
        assert phone.client is not None, "the device is on"
        record = phone.client.get(_TYPES[kind], record_id)
        who = f"{phone.device_id[-4:]}: {kind} {record_id[-4:]}"
        if fields is None:
            if record is not None:
                self.find("read your writes", f"{who} was deleted here and is shown")
            return
        if record is None:
            is_there = phone.disk.rows(f"SELECT 1 FROM base_{kind} WHERE id = ?", record_id)  # noqa: S608 - a name of the schema
            if is_there:
                self.find("read your writes", f"{who} was written here and is not shown")
            return
        for name, value in fields.items():
            if not _is_same(getattr(record, name), value):
                shown = getattr(record, name)
                self.find("read your writes", f"{who}.{name} is {shown!r}, written was {value!r}")


_WORDS: Final = {
    kind.KIND: frozenset(spec.name for spec in SCHEMA.record(kind.KIND).fields if is_free(spec))
    for kind in WRITTEN
}
"""Fields whose every value is unlike all others, with those that are written once."""
_FILLED_IN: Final = frozenset(
    {"owner_id", "team_id", "status", "written_at", "customer_id", "tags", "remark"}
).union(spec.name for record in SCHEMA.records for spec in record.fields if spec.server_only)
"""Fields that nobody's hands wrote, or whose parts are counted one by one."""


def _conflicts(commit: Commit, outcome: Outcome) -> dict[str, HeldRecord]:
    """Answer the conflicts that an op left, by field."""
    made = commit.unit.conflicts if commit.unit else ()
    return {
        record.fields["field"]: record for record in made if record.id in set(outcome.conflicts)
    }


def _forget(expected: dict[Key, dict[str, Any] | None], op: Op) -> None:
    """Expect nothing of what was decided otherwise."""
    if not isinstance(op, Intent):
        expected.pop((op.kind, op.id), None)


def _is_empty_set(kind: FieldType, value: Any) -> bool:
    return kind is FieldType.SET and value is None


def _is_same(held: Any, given: Any) -> bool:
    return held == given or (not held and not given)


def _is_poison(op: Op) -> bool:
    return isinstance(op, Unreadable) or (isinstance(op, Intent) and op.name == POISON)


def told(entry: Entry) -> str:
    """Name an op for a person."""
    op = entry.op
    kind = op.name if isinstance(op, Intent) else op.kind
    what = type(op).__name__.lower()
    return f"{what} {op.number} of {entry.device_id[-4:]} on {kind} {op.id[-4:]}"
