"""What the oracles share: the diary, what the server held, and what must not be.

What they find ends the schedule at once, near to its cause.
"""

from collections import Counter
from typing import Any, Final

import msgspec

from sync_protocol.messages import Code, Intent, Outcome, Status
from world.simulation.diary import Diary, Entry
from world.simulation.tables import Tables

_EFFECT: Final = frozenset({Status.APPLIED, Status.MERGED})


def has_effect(outcome: Outcome) -> bool:
    """Say whether an op did anything: one that waits for its record did not yet."""
    return outcome.status in _EFFECT and outcome.code != Code.WAITING


class Finding(msgspec.Struct, frozen=True):
    """Something that must not be."""

    oracle: str
    detail: str


class Notes:
    """What whoever looks on knows, and writes down."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.findings: list[Finding] = []
        self.images: dict[tuple[int, int], Tables] = {}
        """What the server held, by epoch and sequence."""
        self.tables = Tables()
        """What the server holds now."""
        self.knowingly: set[tuple[str, str, str]] = set()
        """Record, field and value that somebody at a desk replaced or deleted, having seen it."""
        self.at_desk: Counter[tuple[str, str, str]] = Counter()
        """Record, field and value that a desk or a merge wrote, and how often."""
        self.counts: Counter[str] = Counter()
        """How often each recovery happened: what a run has met at all."""
        self.are_clocks_honest = False
        """Whether edit times may be compared: clocks were off, but were not set in between."""

        self.became: dict[str, set[str]] = {}
        """Which customers each customer was ever merged into."""
        self.came_back: set[str] = set()
        """Customers of whom a merge was taken back."""

    def names(self, record_id: str) -> set[str]:
        """Give a record and all those in which what was written on it may be found."""
        found, grown = set[str](), {record_id}
        while grown != found:
            found = grown
            grown = found.union(*(self.became.get(each, ()) for each in found))
        return found

    def find(self, oracle: str, detail: str) -> None:
        """Write a finding down."""
        self.findings.append(Finding(oracle, detail))

    def failed(self, where: str, error: Exception) -> None:
        """Hear of an error that nobody expected."""
        self.find("no error", f"{where} failed with {type(error).__name__}: {error}")


def is_same(held: Any, given: Any) -> bool:
    """Say whether two values look the same to a person."""
    return held == given or (not held and not given)


def told(entry: Entry) -> str:
    """Name an op for a person."""
    op = entry.op
    kind = op.name if isinstance(op, Intent) else op.kind
    what = type(op).__name__.lower()
    return f"{what} {op.number} of {entry.device_id[-4:]} on {kind} {op.id[-4:]}"
