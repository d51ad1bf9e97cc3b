"""Customers that become one, and two again: what each said, and what belonged to it, is kept."""

from server.sync.merge_rows import Merge
from sync_protocol.merge import HeldRecord
from sync_protocol.schema import SCHEMA, Policy
from world.simulation.customs import names_of
from world.simulation.notes import Notes
from world.simulation.tables import Commit, customer_of

_BOTH = frozenset({Policy.KEEP_BOTH, Policy.TEXT_MERGE})


class Merging(Notes):
    """Looks at each merge as it is committed, and as it is taken back."""

    def look_at_merges(self, commit: Commit) -> None:
        """Look whether a merge loses anything, and its taking back gives everything back."""
        before = {each.id: each for each in commit.before.merges}
        gone = {each.old_id for each in commit.after.merges if each.id not in before}
        for merge in commit.after.merges:
            if merge.id not in before:
                self.counts["merge"] += 1
                self.became.setdefault(merge.old_id, set()).add(merge.into_id)
                # One push may merge on what it has merged: then the last of them tells.
                if merge.into_id not in gone:
                    self._look_at_merge(commit, merge)
            elif merge.undone is not None and before[merge.id].undone is None:
                self.counts["unmerge"] += 1
                self.came_back.add(merge.old_id)
                self._look_at_unmerge(commit, merge)

    def _look_at_merge(self, commit: Commit, merge: Merge) -> None:
        old = commit.after.records["customer", merge.old_id].record
        into = commit.after.records["customer", merge.into_id].record
        about = f"the merge of {merge.old_id[-4:]} into {merge.into_id[-4:]}"
        if not old.deleted or into.deleted:
            self.find("merged customers", f"{about} left both or none")
        if commit.device_id is not None:
            # What a merge fills in may have stood there before it was taken back.
            filled = [(into.id, name, str(into.fields[name])) for name in merge.filled]
            self.at_desk.update(filled)
        told = {
            (record.fields["field"], str(record.fields["other"]))
            for unit in commit.units
            for record in unit.conflicts
            if record.fields["record_id"] == into.id
        }
        for name in names_of("customer"):
            said = old.fields.get(name)
            is_kept = SCHEMA.field("customer", name).policy in _BOTH
            if not is_kept or said in (None, "", into.fields.get(name)):
                continue
            if (name, str(said)) not in told:
                self.find("merged customers", f"{about} lost {name}={said!r}")
        lost = set(old.fields.get("tags") or ()) - set(into.fields.get("tags") or ())
        if lost:
            self.find("merged customers", f"{about} lost the tags {sorted(lost)}")
        for key, row in commit.before.records.items():
            if row.record.kind == "customer" or customer_of(row.record) != old.id:
                continue
            now = commit.after.records[key].record
            if customer_of(now) != into.id or now.deleted != row.record.deleted:
                self.find("merged customers", f"{about} left {key[0]} {key[1][-4:]} behind")

    def _look_at_unmerge(self, commit: Commit, merge: Merge) -> None:
        about = f"the merge of {merge.old_id[-4:]} into {merge.into_id[-4:]}"
        old = commit.after.records["customer", merge.old_id].record
        was = commit.before.records["customer", merge.old_id].record
        if old.deleted or _words(old) != _words(was):
            self.find("merged customers", f"taking back {about} did not bring it back as it was")
        for kind, record_id, _ in merge.moved:
            before = commit.before.records.get((kind, record_id))
            if before is None or customer_of(before.record) != merge.into_id:
                continue
            now = commit.after.records[kind, record_id].record
            if customer_of(now) != merge.old_id or now.deleted != before.record.deleted:
                self.find("merged customers", f"taking back {about} left {kind} {record_id[-4:]}")


def _words(record: HeldRecord) -> dict[str, object]:
    return {name: value for name, value in record.fields.items() if value not in (None, "", [])}
