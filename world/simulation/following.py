"""Each op of a commit, settled again by hand: by what its author saw, not by versions and bases."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog.kinds import RecordKind
from server.sync.registry import KINDS
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
    RecordOp,
    Status,
    Unreadable,
)
from sync_protocol.schema import SCHEMA, Policy
from world.simulation.customs import CUSTOM, names_of
from world.simulation.diary import Diary, Entry, has_forgotten
from world.simulation.hands import POISON
from world.simulation.notes import Notes, has_effect, is_same, told
from world.simulation.scheduler import MINUTE
from world.simulation.sight import sees_customer
from world.simulation.tables import Commit, customer_of
from world.simulation.written import TEXTS, WRITTEN, is_free

_UNLIKE: Final = {
    kind.KIND: frozenset({*names, *(CUSTOM[each] for each in (kind.KIND,) if each in CUSTOM)})
    for kind, names in TEXTS.items()
}
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


class Following(Notes):
    """Follows the ops of a commit, and compares what was decided with what is held."""

    def __init__(self, diary: Diary) -> None:
        super().__init__(diary)
        self._met: set[str] = set()
        """The conflicts that the ops of the commit have left so far."""
        self.actor_of: Callable[[UUID], Actor]
        """Gives a person with what the person may see now."""

    def follow(self, commit: Commit) -> None:
        """Settle the ops of a commit again, by what their authors saw; compare the results."""
        working: dict[Key, _Working] = {}
        by_intents = False
        self._met = set()
        for settled in commit.settled:
            device_id, row = settled.device_id, settled.row
            outcome = _decode_outcome(row.outcome)
            entry = self.diary.find(device_id, row.digest)
            if outcome.number != row.number:
                self.find("outcome", f"op {row.number} has the outcome of {outcome.number}")
            if entry is None:
                self._look_at_stranger(device_id, row.digest, outcome)
                continue
            self.counts[str(outcome.code)] += 1
            if outcome.code in _NEVER:
                self.find("well-formed", f"{told(entry)} is answered by {outcome.code}")
            if outcome.status is Status.QUARANTINED and not _is_poison(entry.op):
                self.find("no error", f"{told(entry)} was put into quarantine")
            self._look_for_record(commit, entry, outcome)
            by_intents = by_intents or (isinstance(entry.op, Intent) and has_effect(outcome))
            if has_effect(outcome) and not isinstance(entry.op, Intent):
                self._follow_op(commit, working, entry, outcome)
                self._met.update(outcome.conflicts)
        touched = _touched_by_merges(commit)
        for key, record in working.items():
            if key not in touched:
                self._compare_held(commit, key, record, by_intents=by_intents)

    def _look_for_record(self, commit: Commit, entry: Entry, outcome: Outcome) -> None:
        """Look whether what a restored server lacks is waited for."""
        op = entry.op
        if outcome.code == Code.PARENT_MISSING and self._is_led(commit, entry):
            self.find("merged customers", f"{told(entry)} names a merged customer, and is refused")
        is_old = entry.epoch not in {0, self.tables.clock.epoch}
        if not is_old or isinstance(op, Intent) or not _lacks(commit, op, outcome):
            return
        if op.group is not None and self._is_refused_beside(commit, entry, op.group):
            return
        self.find("waiting", f"{told(entry)} is refused, and its record may still come")

    def _is_refused_beside(self, commit: Commit, entry: Entry, group: tuple[int, int]) -> bool:
        """Say whether another op of a group is refused for something that waiting does not mend."""
        for settled in commit.settled:
            outcome = _decode_outcome(settled.row.outcome)
            other = self.diary.find(settled.device_id, settled.row.digest)
            if other is None or isinstance(other.op, Intent) or other.op.group != group:
                continue
            follows = outcome.code in (Code.GROUP_REJECTED, Code.DEPENDENCY_REJECTED)
            is_own = other.device_id == entry.device_id
            if is_own and not follows and not _lacks(commit, other.op, outcome):
                return True
        return False

    def _is_led(self, commit: Commit, entry: Entry) -> bool:
        """Say whether a child is of a customer that became another one, which its author sees."""
        tables, old_id = commit.before, str(getattr(entry.op, "fields", {}).get("customer_id"))
        into_id = tables.aliases.get(old_id, "")
        old, into = (tables.records.get(("customer", each)) for each in (old_id, into_id))
        if old is None or into is None or into.record.deleted or not old.record.deleted:
            return False
        return sees_customer(self.actor_of(UUID(entry.user_id)), tables, into_id)

    def _look_at_stranger(self, device_id: str, digest: bytes, outcome: Outcome) -> None:
        if has_effect(outcome):
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
        op = _led(entry.op, commit)
        assert not isinstance(op, Intent), "intents are counted by their effects"
        record = self._working(commit, working, op)
        match op:
            case Create():
                if record is None:
                    names = names_of(op.kind)
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
                        self._follow_open(commit, entry)

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
            is_led = bool(self.became.get(entry.op.id))
            if has_seen and not is_led and self._is_certain(record, entry, name, current):
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
        at_desk = self.at_desk[op.id, name, str(current)]
        here = self.names(op.id)
        # Some of it under the id of a customer that was merged into this one, or became it.
        known = here.union(each for each in self.became if self.names(each) & here)
        wrote = [each for one in known for each in self.diary.writes(one, name, current)]
        return (
            name in _UNLIKE.get(op.kind, ())
            and name not in record.unknown
            and current is not None
            and entry.epoch == self.tables.clock.epoch
            and len(wrote) + at_desk <= 1
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
                current, is_own = record.fields.get(name), record.version(name).device
                if current is None or current in entry.beneath.get((record.id, name), ()):
                    continue
                if is_own != entry.device_id and name not in entry.unknown:
                    self.find(
                        "no silent loss",
                        f"{told(entry)} hides {record.kind} {record.id[-4:]}.{name}={current!r},"
                        " which its author had not seen",
                    )

    def _follow_open(self, commit: Commit, entry: Entry) -> None:
        """Look whether who deleted a customer had seen what stands in its conflicts alone."""
        for record in self._open(commit, entry.op.id):
            key = (record.fields["record_id"], record.fields["field"])
            is_word = key[1] in _WORDS.get(record.fields["kind"], ())
            for value in (record.fields["kept"], record.fields["other"]) if is_word else ():
                wrote = self.diary.writes(*key, value)
                is_own = any(
                    each.device_id == entry.device_id and not has_forgotten(entry, each)
                    for each in wrote
                )
                if wrote and not is_own and value not in entry.beneath.get(key, ()):
                    self.find(
                        "no silent loss",
                        f"{told(entry)} hides the conflict about {key[0][-4:]}.{key[1]}, in which"
                        f" {value!r} stands, which its author had not seen",
                    )

    def _open(self, commit: Commit, customer_id: str) -> Iterator[HeldRecord]:
        """Answer the conflicts of a customer that nobody had settled when it was deleted."""
        for (kind, record_id), row in commit.after.records.items():
            before = commit.before.records.get((kind, record_id))
            held = before.record if before else row.record
            if kind != "conflict" or (before is None and record_id not in self._met):
                continue
            is_open = held.fields["state"] == "open" and not held.deleted
            if is_open and held.fields["customer_id"] == customer_id:
                yield held

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

    def _compare_held(
        self, commit: Commit, key: Key, record: _Working, *, by_intents: bool
    ) -> None:
        """Compare what was followed by hand with what was committed."""
        row = commit.after.records.get(key)
        if row is None:
            self.find("exactly once", f"{key[0]} {key[1][-4:]} has an outcome and is not held")
            return
        if row.record.deleted != record.deleted:
            self.find("no resurrection", f"{key[0]} {key[1][-4:]}: deleted is {row.record.deleted}")
        for name, value in record.fields.items():
            held = row.record.fields.get(name)
            is_free = name in record.unknown or name in _FOLLOWS.get(key[0], ())
            # An intent of the same push may have been about the record.
            is_asked = by_intents and SCHEMA.field(key[0], name).server_only
            if not (is_free or is_asked or is_same(held, value)):
                self.find(
                    "merge", f"{key[0]} {key[1][-4:]}.{name} is {held!r}, decided was {value!r}"
                )


_NO_ROOM: Final = RecordKind(name="", table="")
_FOLLOWS: Final = {
    name: frozenset(spec.name for spec in SCHEMA.record(name).fields if spec.server_only)
    for name, kind in KINDS.items()
    if kind.follow is not _NO_ROOM.follow
}
"""Fields of the server's own that a room lets follow from an edit: its word, and nobody's edit."""
_WORDS: Final = {
    kind.KIND: frozenset(
        name for name in names_of(kind.KIND) if is_free(SCHEMA.field(kind.KIND, name))
    )
    for kind in WRITTEN
}
"""Fields whose every value is unlike all others, with those that are written once."""
_FILLED_IN: Final = frozenset(
    {"owner_id", "team_id", "status", "written_at", "customer_id", "tags", "remark"}
).union(spec.name for record in SCHEMA.records for spec in record.fields if spec.server_only)
"""Fields that nobody's hands wrote, or whose parts are counted one by one."""


def _lacks(commit: Commit, op: RecordOp, outcome: Outcome) -> bool:
    """Say whether an op is refused for a record that is nowhere."""
    match outcome.code:
        case Code.NOT_FOUND:
            return (op.kind, op.id) not in commit.after.records
        case Code.PARENT_MISSING if isinstance(op, Create):
            return ("customer", str(op.fields.get("customer_id"))) not in commit.after.records
        case _:
            return False


def _led(op: Op, commit: Commit) -> Op:
    """Give an op as it is meant where it names a customer that was merged into another one."""
    before = commit.before

    def stayed(customer_id: Any) -> Any:
        row = before.records.get(("customer", customer_id))
        is_gone = row is None or row.record.deleted
        return before.aliases.get(customer_id, customer_id) if is_gone else customer_id

    match op:
        case Edit(kind="customer"):
            return msgspec.structs.replace(op, id=stayed(op.id))
        case Create() if "customer_id" in op.fields:
            fields = {**op.fields, "customer_id": stayed(op.fields["customer_id"])}
            return msgspec.structs.replace(op, fields=fields)
        case _:
            return op


def _touched_by_merges(commit: Commit) -> set[Key]:
    """Name what the merges of a commit wrote, after the ops that were followed."""
    known = {each.id for each in commit.before.merges}
    new = [each for each in commit.after.merges if each.id not in known]
    return {
        key
        for each in new
        for key in (
            ("customer", each.old_id),
            ("customer", each.into_id),
            *((kind, record_id) for kind, record_id, _ in each.moved),
        )
    }


def _conflicts(commit: Commit, outcome: Outcome) -> dict[str, HeldRecord]:
    """Answer the conflicts that an op left, by field."""
    made = [record for unit in commit.units for record in unit.conflicts]
    return {
        record.fields["field"]: record for record in made if record.id in set(outcome.conflicts)
    }


def _is_poison(op: Op) -> bool:
    return isinstance(op, Unreadable) or (isinstance(op, Intent) and op.name == POISON)
