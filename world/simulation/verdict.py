"""The oracles at the end, when everybody is quiet: what must hold of the whole."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from server.sync.store import Remembered
from sync_protocol.merge import HeldRecord
from sync_protocol.messages import (
    Code,
    Create,
    Delete,
    Edit,
    Intent,
    Op,
    Outcome,
    SetChange,
    Status,
)
from sync_protocol.schema import SCHEMA, Policy
from world.simulation.diary import Entry, Identity, has_forgotten, identity
from world.simulation.hands import GRANT, POISON, REFUSE
from world.simulation.notes import has_effect
from world.simulation.notes import told as told_of
from world.simulation.phone import Phone
from world.simulation.tables import Tables

if TYPE_CHECKING:
    from world.simulation.stage import Stage

_decode_outcome = msgspec.json.Decoder(Outcome).decode
_COUNTED = frozenset({GRANT, REFUSE, POISON})
_NO_SECOND_EFFECT = frozenset({Code.DUPLICATE, Code.UNCHANGED})


def judge(stage: "Stage") -> None:
    """Look at everything once more, now that nothing moves."""
    _Verdict(stage).judge()


def look_at_waiting(stage: "Stage") -> None:
    """Look whether what waits for its record waits for one that is not there."""
    tables = stage.site.store.tables
    there = {record_id for _, record_id in tables.records}
    for kept in tables.orphans:
        if kept.waits_for in there:
            who = f"op {kept.op.number} of {str(kept.device_id)[-4:]}"
            stage.watch.find("waiting", f"{who} waits for {kept.waits_for[-4:]}, which is there")


class _Verdict:
    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.watch = stage.watch
        self.tables: Tables = stage.site.store.tables
        self.settled = self._settled()
        self.conflicts = self._conflicts()

    def judge(self) -> None:
        """Ask every question."""
        for phone in self.stage.phones:
            if not (phone.is_signed_out or phone.is_gone):
                self._device(phone)
        for what, entry in self.stage.diary.entries.items():
            self._entry(what, entry)
        self._effects()
        self._groups()
        if self.tables.orphans:
            self.watch.find("waiting", f"{len(self.tables.orphans)} ops still wait")
        if self.stage.plan.is_sequential:
            self._sequential()

    def _settled(self) -> dict[Identity, list[Outcome]]:
        """Gather the outcomes that the server remembers, by what was done."""
        settled: dict[Identity, list[Outcome]] = {}
        for (device_id, _), row in self.tables.outcomes.items():
            what = self.stage.diary.digests.get((device_id, row.digest))
            if what is not None:
                settled.setdefault(what, []).append(_decode_outcome(row.outcome))
        return settled

    def _conflicts(self) -> dict[tuple[str, str], set[str]]:
        """Gather the values that conflicts tell, by record and field."""
        told: dict[tuple[str, str], set[str]] = {}
        for (kind, _), row in self.tables.records.items():
            if kind == "conflict":
                fields = row.record.fields
                values = told.setdefault((fields["record_id"], fields["field"]), set())
                values |= {str(fields["kept"]), str(fields["other"])}
        return told

    # --------------------------------------------------------------------------- each device

    def _device(self, phone: Phone) -> None:
        """Compare a device with the server, and look for what is left over on it."""
        actor = self.stage.site.actor(phone.user_id)
        self.watch.compare_replica(phone, actor)
        self.watch.own_writes(phone)
        who = phone.device_id[-4:]
        if phone.rot.rows:
            self.watch.find("digest", f"{who} never looked at {sorted(phone.rot.rows)}")
        left = phone.disk.rows("SELECT DISTINCT number, kind, field FROM overlay")
        if left:
            self.watch.find("convergence", f"{who} still lays {left[:3]} over what it holds")
        last = self.tables.devices[phone.device_id].last_op
        highest = max((number for number, *_ in phone.disk.outcomes()), default=0)
        if highest > last:
            self.watch.find("exactly once", f"{who} settled {highest}, the server {last}")
        for number, op, held in phone.disk.outcomes():
            row = self._row_of(phone, number, op)
            if held is None:
                self.watch.find("liveness", f"op {number} of {who} has no outcome")
            elif row is not None and self._answer(row, number) != held:
                self.watch.find(
                    "exactly once",
                    f"op {number} of {who} is {held.code} there,"
                    f" {self._answer(row, number).code} here",
                )

    def _row_of(self, phone: Phone, number: int, op: Op) -> Remembered | None:
        """Find what the server remembers of an op: under its number, or under one of another life.

        A device that was put back to an old image twice may have given it another number between.
        """
        row = self.tables.outcomes.get((phone.device_id, number))
        if row is None or self._is_of(phone, row, op):
            return row
        rows = (held for key, held in self.tables.outcomes.items() if key[0] == phone.device_id)
        return next((held for held in rows if self._is_of(phone, held, op)), row)

    def _is_of(self, phone: Phone, row: Remembered, op: Op) -> bool:
        """Say whether an outcome is that of an op."""
        what = self.stage.diary.digests.get((phone.device_id, row.digest))
        return what == identity(phone.device_id, op)

    @staticmethod
    def _answer(row: Remembered, number: int) -> Outcome:
        """Give an outcome as it is told for the number that an op has on the device."""
        return msgspec.structs.replace(_decode_outcome(row.outcome), number=number)

    # ----------------------------------------------------------------------------- each op

    def _entry(self, what: Identity, entry: Entry) -> None:
        """Follow one thing that somebody did to its end."""
        outcomes = self.settled.get(what, [])
        effective = [
            each for each in outcomes if has_effect(each) and each.code not in _NO_SECOND_EFFECT
        ]
        if len(effective) > entry.times:
            numbers = [each.number for each in effective]
            self.watch.find("exactly once", f"{told_of(entry)} had an effect as {numbers}")
        if any(each.code == Code.WAITING for each in outcomes):
            self.watch.find("waiting", f"{told_of(entry)} waits for ever")
        phone = self._phone(entry)
        is_out_of_reach = entry.is_lost or phone.is_signed_out or phone.is_gone
        if not outcomes and not is_out_of_reach:
            self.watch.find("no silent loss", f"{told_of(entry)} was saved and has no outcome")
        if any(has_effect(each) for each in outcomes):
            self._rights(entry)
            self._values(entry)
        elif outcomes and not is_out_of_reach and not self._istold(phone, entry):
            self.watch.find("no silent loss", f"{told_of(entry)} was refused and nobody is told")

    def _istold(self, phone: Phone, entry: Entry) -> bool:
        """Say whether the device shows a refusal of this to its person."""
        assert phone.client is not None, "the device is on"
        return any(refusal.record_id == entry.op.id for refusal in phone.client.refusals())

    def _rights(self, entry: Entry) -> None:
        """Look whether whoever changed a tag is who answers for it: no manager has a device."""
        op = entry.op
        if not isinstance(op, Edit | Delete) or op.kind != "tag":
            return
        row = self.tables.records.get((op.kind, op.id))
        if row is not None and row.record.fields["owner_id"] != entry.user_id:
            self.watch.find("rights", f"{told_of(entry)} changed a tag of somebody else")

    def _values(self, entry: Entry) -> None:
        """Look where each value went that was accepted."""
        op = entry.op
        if isinstance(op, Intent | Delete):
            if isinstance(op, Delete):
                self._deletion(entry)
            return
        names = sorted(self.watch.names(op.id))
        rows = [self.tables.records.get((op.kind, each)) for each in names]
        if isinstance(op, Edit):
            self._marks(entry, op)
        for name, value in op.fields.items():
            if SCHEMA.field(op.kind, name).policy is Policy.TEXT_MERGE:
                self._words(entry, name, value)
                continue
            is_unsaid = value is None and isinstance(op, Create)
            is_kept = any(
                (row is not None and self._is_held(row.record, name, value))
                or str(value) in self.conflicts.get((each, name), ())
                or (each, name, str(value)) in self.watch.knowingly
                for each, row in zip(names, rows, strict=True)
            )
            if not (is_unsaid or is_kept or self._was_replaced_knowingly(entry, name, value)):
                self.watch.find(
                    "no silent loss", f"{told_of(entry)} wrote {name}={value!r}, which is nowhere"
                )

    def _is_held(self, record: HeldRecord, name: str, value: Any) -> bool:
        held = record.fields.get(name)
        if name == "customer_id" and held is not None and held != value:
            # The customer was merged into another one, or the merge taken back.
            return not record.deleted and bool(self.watch.names(value) & self.watch.names(held))
        return bool(held == value) and not record.deleted

    def _words(self, entry: Entry, name: str, value: Any) -> None:
        """Look where each word went that somebody put into a text that several people write."""
        op = entry.op
        assert not isinstance(op, Intent), "intents write no texts"
        names = self.watch.names(op.id)
        rows = [self.tables.records.get((op.kind, each)) for each in names]
        held = " ".join(
            str(row.record.fields.get(name)) for row in rows if row and not row.record.deleted
        )
        told = {text for each in names for text in self.conflicts.get((each, name), ())}
        before = {word for text in entry.seen.get(name, ()) for word in str(text).split()}
        for word in set(str(value).split()) - before:
            is_there = word in held or any(word in text for text in told)
            if not (is_there or self._was_taken_out(entry, name, word)):
                self.watch.find(
                    "no silent loss", f"{told_of(entry)} wrote {word}, which is nowhere"
                )

    def _was_taken_out(self, entry: Entry, name: str, word: str) -> bool:
        """Say whether somebody who had seen a word left it out, or deleted the text."""
        at_desk = any(
            word in value
            for record_id, field, value in self.watch.knowingly
            if field == name and record_id in self.watch.names(entry.op.id)
        )
        return at_desk or any(
            any(word in str(text) for text in other.seen[name])
            or other.device_id == entry.device_id
            for other in self._others(entry)
            if name in other.seen and word not in str(getattr(other.op, "fields", {}).get(name))
        )

    def _marks(self, entry: Entry, op: Edit) -> None:
        """Look whether marks that were put on stand, and those taken off are gone."""
        names = self.watch.names(op.id)
        rows = [self.tables.records.get((op.kind, each)) for each in names]
        there = [row.record for row in rows if row is not None and not row.record.deleted]
        if not there:
            return
        for name, change in op.sets.items():
            held = {mark for record in there for mark in record.fields.get(name) or ()}
            others = [
                other
                for other in self._others(entry)
                if isinstance(other.op, Edit) and name in other.op.sets and self._has_effect(other)
            ]
            # It may be on a customer to which it was led, and which was deleted since.
            kept = {mark for row in rows if row for mark in row.record.fields.get(name) or ()}
            for mark in set(change.add) - kept:
                if not any(mark in _sets(other, name).remove for other in others):
                    self.watch.find("no silent loss", f"{told_of(entry)} put on {mark[-4:]}: gone")
                elif not any(
                    mark in _sets(other, name).remove and self._saw_mark(entry, other, name, mark)
                    for other in others
                ):
                    detail = f"{told_of(entry)} put on {mark[-4:]}, taken off by none who saw it"
                    self.watch.find("no silent loss", detail)
            # A merge puts the marks of both on the one that stays.
            for mark in set(change.remove) & held if len(names) == 1 else ():
                if not any(mark in _sets(other, name).add for other in others):
                    self.watch.find("no resurrection", f"{told_of(entry)} took {mark[-4:]} off")

    def _saw_mark(self, entry: Entry, other: Entry, name: str, mark: str) -> bool:
        """Say whether who took a mark off could have seen this person put it on."""
        if other.device_id == entry.device_id:
            return True
        put_on = [each.seq or 0 for each in self.settled[identity(entry.device_id, entry.op)]]
        is_of_now = other.epoch == entry.epoch == self.tables.clock.epoch
        could_see = not is_of_now or any(seq <= other.seq for seq in put_on)
        return could_see and any(mark in (marks or ()) for marks in other.seen.get(name, ()))

    def _has_effect(self, entry: Entry) -> bool:
        outcomes = self.settled.get(identity(entry.device_id, entry.op), ())
        return any(has_effect(each) for each in outcomes)

    def _was_replaced_knowingly(self, entry: Entry, name: str, value: Any) -> bool:
        """Say whether somebody who had seen a value wrote or deleted something in its place.

        Whoever wrote it may do so on a form that was opened before.
        """
        return any(
            self._has_seen(other, name, value)
            or name in other.unknown
            or (other.device_id == entry.device_id and not has_forgotten(other, entry))
            for other in self._others(entry)
            if name in other.seen
        )

    def _has_seen(self, other: Entry, name: str, value: Any) -> bool:
        seen = other.seen[name]
        if name == "customer_id":
            # A merged customer is shown as the one that it became.
            return any(self._are_one(str(each), str(value)) for each in seen if each)
        return value in seen

    def _others(self, entry: Entry) -> Iterable[Entry]:
        return (
            other
            for other in self.stage.diary.entries.values()
            if other is not entry and self._are_one(other.op.id, entry.op.id)
        )

    def _are_one(self, one: str, other: str) -> bool:
        """Say whether two ids are, or were for a while, of one customer."""
        if one == other or not self.watch.became:
            return one == other
        return bool(self.watch.names(one) & self.watch.names(other))

    def _deletion(self, entry: Entry) -> None:
        """Look whether a deletion holds, or whoever deleted is told that it does not."""
        op = entry.op
        assert isinstance(op, Delete), "it was asked for one"
        row = self.tables.records.get((op.kind, op.id))
        if row is None or row.record.deleted or (op.id, "deleted") in self.conflicts:
            return
        if op.id in self.watch.came_back:
            # Who was deleted while it was another one is back since.
            return
        self.watch.find("no resurrection", f"{told_of(entry)} was accepted, and the record lives")

    def _phone(self, entry: Entry) -> Phone:
        return next(each for each in self.stage.phones if each.device_id == entry.device_id)

    # -------------------------------------------------------------------------------- effects

    def _effects(self) -> None:
        """Count what intents did: once for each that was accepted, never for another."""
        done = [intent_id for intent_id, _ in self.tables.effects]
        if len(set(done)) != len(done):
            self.watch.find("exactly once", "an intent was done twice")
        accepted = {
            entry.op.id
            for what, entry in self.stage.diary.entries.items()
            if isinstance(entry.op, Intent)
            and entry.op.name in _COUNTED
            and any(each.status is Status.APPLIED for each in self.settled.get(what, ()))
        }
        if accepted != set(done):
            difference = sorted(accepted ^ set(done))
            self.watch.find("exactly once", f"intents and their effects differ by {difference}")

    def _groups(self) -> None:
        """Look whether atomic groups were settled whole."""
        groups: dict[tuple[str, int, int, int], list[Outcome]] = {}
        for what, entry in self.stage.diary.entries.items():
            if isinstance(entry.op, Intent) or entry.op.group is None or what not in self.settled:
                continue
            key = (entry.device_id, *entry.op.group, entry.incarnation)
            groups.setdefault(key, []).append(self.settled[what][-1])
        for key, outcomes in groups.items():
            if len({has_effect(each) for each in outcomes}) > 1:
                codes = [str(each.code) for each in outcomes]
                self.watch.find("atomic groups", f"the group {key[1:3]} of {key[0][-4:]}: {codes}")

    # ---------------------------------------------------------------------------- a simple model

    def _sequential(self) -> None:
        """Where nobody was ever behind, the last word holds and nothing is a conflict."""
        model: dict[tuple[str, str], dict[str, Any] | None] = {}
        for what, entry in self.stage.diary.entries.items():
            op = entry.op
            outcomes = self.settled.get(what, [])
            if isinstance(op, Intent) or not any(has_effect(each) for each in outcomes):
                continue
            if isinstance(op, Delete):
                model[op.kind, op.id] = None
            else:
                held = model.get((op.kind, op.id)) or {}
                model[op.kind, op.id] = {**held, **op.fields}
            if isinstance(op, Create | Edit) and outcomes[-1].status is Status.MERGED:
                self.watch.find("sequential model", f"{told_of(entry)} met something unseen")
        for key, fields in model.items():
            row = self.tables.records.get(key)
            if fields is None:
                if row is not None and not row.record.deleted:
                    self.watch.find("sequential model", f"{key} was deleted and lives")
                continue
            for name, value in fields.items():
                if row is None or row.record.fields.get(name) != value:
                    self.watch.find("sequential model", f"{key}.{name} is not {value!r}")


def _sets(entry: Entry, name: str) -> SetChange:
    """Answer what an edit did to a set."""
    assert isinstance(entry.op, Edit), "it was chosen as one"
    return entry.op.sets[name]
