"""Bugs in the merge: who saw what, who wins, and what the loser is told."""

from collections.abc import Sequence
from typing import Final

from world.simulation.mutants.mutant import Mutant

_WRITE: Final = "sync_protocol.merge.write:Write"
_BATCH: Final = "sync_protocol.merge.batch:_Batch"

MERGE: Final[Sequence[Mutant]] = (
    Mutant(
        "base off by one",
        "A write that its author had seen counts as unseen.",
        f"{_WRITE}.causal",
        "version.seq <= self.base",
        "version.seq < self.base",
        ("desk", "network"),
    ),
    Mutant(
        "everything is seen",
        "The last to sync wins, and nobody is told.",
        f"{_WRITE}.causal",
        "return version.seq != NEW_SEQ and version.seq <= self.base",
        "return True",
        ("desk", "network"),
    ),
    Mutant(
        "own writes are foreign",
        "A device is in conflict with itself.",
        f"{_WRITE}._is_own",
        "self.device is None or version.device != self.device",
        "True",
        ("network", "desk"),
    ),
    Mutant(
        "clocks are ignored",
        "The greater device id is held, not the later edit.",
        "sync_protocol.merge.write:_order",
        "version.at_ms, ",
        "0, ",
        ("clocks",),
    ),
    Mutant(
        "the offset has the wrong sign",
        "A wrong clock is made twice as wrong.",
        "sync_protocol.merge.records:EditClock.bound",
        "at_ms + self.offset_ms",
        "at_ms - self.offset_ms",
        ("clocks",),
    ),
    Mutant(
        "edit times are not corrected",
        "The device set to 2099 wins every conflict.",
        "sync_protocol.merge.records:EditClock.bound",
        "return min(max(at_ms + self.offset_ms, self.floor_ms), self.received_at_ms)",
        "return at_ms",
        ("clocks",),
    ),
    Mutant(
        "the loser is not kept",
        "Whoever comes with an older edit loses it without a word.",
        f"{_WRITE}._replace",
        "self._conflict(held, field.name, (before, there), (value, self.version))",
        "pass",
        ("desk", "network"),
    ),
    Mutant(
        "the winner overwrites",
        "The value that was replaced concurrently is not kept.",
        f"{_WRITE}._replace",
        "self._conflict(held, field.name, (value, self.version), (before, there))",
        "pass",
        ("desk", "network"),
    ),
    Mutant(
        "conflicts tell the wrong value",
        "A conflict tells the held value twice.",
        f"{_WRITE}._conflict",
        "other=other[0]",
        "other=kept[0]",
        ("desk", "network"),
    ),
    Mutant(
        "one conflict id for all fields",
        "Of two fields in conflict, one conflict is told.",
        "sync_protocol.conflicts:conflict_id",
        ":{record_id}:{field}",
        ":{record_id}",
        ("desk", "network", "storm"),
    ),
    Mutant(
        "what was emptied is nobody's word",
        "A field that somebody emptied is filled by somebody who had not seen it.",
        "sync_protocol.merge.write:_is_unsaid",
        "before is None and name not in held.versions",
        "before is None",
        ("desk", "network", "storm"),
    ),
    Mutant(
        "a removal removes what it has not seen",
        "A tag that was put on elsewhere is gone.",
        f"{_WRITE}._write_set",
        "tuple(dot for dot in known if not self.causal(dot))",
        "()",
        ("marks",),
    ),
    Mutant(
        "a deletion sees everything",
        "A record is deleted under an edit that was not seen.",
        f"{_WRITE}._delete",
        "if unseen:",
        "if False:",
        ("desk", "network"),
    ),
    Mutant(
        "a deletion looks at the customer alone",
        "What others added to a customer unseen goes with it, and nobody is told.",
        f"{_WRITE}._delete",
        "(held, *self.beneath.records)",
        "(held,)",
        ("sights", "groups", "storm"),
    ),
    Mutant(
        "a deletion hides what its device wrote over",
        "A value that lost to the deleter's own edit goes with the customer, and nobody is told.",
        f"{_WRITE}._delete",
        "[each for each in self.beneath.lost if not self.causal(each[0])]",
        "[]",
        ("desk", "sights", "groups", "network", "storm"),
    ),
    Mutant(
        "words are written where nobody looks",
        "An edit beneath a deleted customer is accepted and shown to nobody.",
        f"{_BATCH}._check_kin",
        "if above is None or above.deleted:",
        "if False:",
        ("desk", "sights", "storm"),
    ),
    Mutant(
        "reviving tells nobody",
        "A deleted record comes back and its deleter is not told.",
        f"{_WRITE}._revive",
        "self._conflict(held, DELETED, (False, self.version), (True, deletion))",
        "pass",
        ("desk", "network"),
    ),
    Mutant(
        "a group is settled by halves",
        "What is accepted of a refused group stays.",
        f"{_BATCH}.settle_unit",
        "self.working, self.refused_ids = before, refused_ids",
        "return",
        ("groups",),
    ),
    Mutant(
        "texts swallow words",
        "Of two texts that were written at once, one is lost.",
        f"{_WRITE}._write_field",
        "        case Policy.STRICT | Policy.KEEP_BOTH",
        "        case Policy.TEXT_MERGE:\n"
        "            self._put(held, field, value)\n"
        "        case Policy.STRICT | Policy.KEEP_BOTH",
        ("texts",),
    ),
)
"""All of the merge."""
