"""The oracles that look on while a schedule runs: every commit, every page, every screen.

They compare what happens with what the diary says that people did and saw. What they find ends the
schedule at once, near to its cause.
"""

from collections.abc import Sequence

import msgspec

from sync_protocol.messages import (
    Delete,
    Edit,
    ReceivedOp,
    op_digest,
)
from world.simulation.diary import Diary, identity
from world.simulation.following import Following
from world.simulation.joining import Merging
from world.simulation.screens import Screens
from world.simulation.tables import Commit, Tables


class Watch(Following, Merging, Screens):
    """Looks on, and writes down what must not be."""

    def __init__(self, diary: Diary) -> None:
        super().__init__(diary)
        self._handles: dict[tuple[int, str, int], str] = {}
        """The records behind all handles that ever were, by epoch and kind."""

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
        if after.seq != before.seq + len(commit.units) or after.epoch != before.epoch:
            self.find("clock", f"the sequence went from {before.seq} to {after.seq}")
        self.stands(commit.after)
        self.look_at_merges(commit)
        if commit.device_id is None:
            self._note_desk(commit)
        else:
            self.follow(commit)

    def _note_desk(self, commit: Commit) -> None:
        """Write down what was written at a desk, and replaced: everything is seen there."""
        for record in [each for unit in commit.units for each in unit.created]:
            self.at_desk.update((record.id, name, str(at)) for name, at in record.fields.items())
        for change in [each for unit in commit.units for each in unit.changed]:
            if change.before is None:
                continue
            for name, value in change.before.fields.items():
                written = change.after.fields.get(name)
                if written != value:
                    self.at_desk[change.after.id, name, str(written)] += 1
                is_merged = change.after.id in commit.after.aliases
                if (change.after.deleted and not is_merged) or written != value:
                    self.knowingly.add((change.after.id, name, str(value)))
            if change.after.id in commit.after.aliases:
                # What a merged customer said is looked for where it went.
                continue
            if change.after.deleted and change.after.kind == "customer":
                self._note_children(commit, change.after.id)

    def _note_children(self, commit: Commit, customer_id: str) -> None:
        for row in commit.before.records.values():
            if row.record.fields.get("customer_id") == customer_id:
                for name, value in row.record.fields.items():
                    self.knowingly.add((row.record.id, name, str(value)))
