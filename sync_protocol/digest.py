"""Prove that a replica holds what the server holds, and find what differs in a few round trips.

A row's hash covers its kind, id, sequence, handle and values; the digest of a range is the sum of
its rows' hashes, in any order. A range is all ids of a kind that end in the same hexadecimal
digits; it has 16 ranges within, one for each digit before those. A device compares the digests of
ranges with its own, goes into those that differ, and at last tells the hashes of the few rows that
it has there: the server answers the rows that are missing among them, and which are strange.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from sync_protocol.messages import (
    MAX_LEAF_ROWS,
    MAX_PULL_ROWS,
    MAX_RANGES,
    Branch,
    BranchDigests,
    DigestRequest,
    DigestResponse,
    Leaf,
    PullRequest,
)

_MODULUS: Final = 2**128
_ENCODER: Final = msgspec.msgpack.Encoder(order="sorted")
_DIGITS: Final = "0123456789abcdef"
_MAX_SUFFIX: Final = 12
"""The last group of an id has so many digits; ranges within go no deeper."""

Hashes = Mapping[str, Mapping[str, int]]
"""The hash of each row: by kind, then by id."""


def row_hash(
    kind: str, record_id: str, seq: int, fields: Mapping[str, Any], handle: int | None = None
) -> int:
    """Hash one record: what it is, its sequence and its values. Absent, none and empty are one.

    A field that a schema adds changes no hash until it has a value.
    """
    values = {name: value for name, value in fields.items() if value is not None and value != []}
    about: list[Any] = [kind, record_id, seq, values]
    if handle:
        about.append(handle)
    return int.from_bytes(blake2b(_ENCODER.encode(about), digest_size=16).digest())


class Digest(msgspec.Struct, frozen=True):
    """The hash of a set of rows; adding and removing rows needs no other row."""

    total: int = 0

    def add(self, hashed: int) -> "Digest":
        """Answer the digest with one row more."""
        return Digest((self.total + hashed) % _MODULUS)

    def remove(self, hashed: int) -> "Digest":
        """Answer the digest with one row less."""
        return Digest((self.total - hashed) % _MODULUS)

    def hex(self) -> str:
        """Answer 32 characters that travel."""
        return f"{self.total:032x}"


def digest_of(hashes: Iterable[int]) -> Digest:
    """Answer the digest of these rows."""
    return Digest(sum(hashes) % _MODULUS)


def short(hashed: int) -> str:
    """Answer the first 8 bytes of a hash or a digest, as they travel."""
    return f"{hashed % _MODULUS >> 64:016x}"


def digests_within(rows: Mapping[str, int], suffix: str) -> list[str]:
    """Answer the digests of the 16 ranges within a range."""
    totals = dict.fromkeys(_DIGITS, 0)
    place = -len(suffix) - 1
    for record_id, hashed in rows.items():
        if record_id.endswith(suffix):
            totals[record_id[place]] += hashed
    return [short(total) for total in totals.values()]


def rows_within(rows: Mapping[str, int], suffix: str) -> dict[str, int]:
    """Answer the rows of a range."""
    return {each: hashed for each, hashed in rows.items() if each.endswith(suffix)}


# -------------------------------------------------------------------------- the server's side


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the server answers, apart from the page and the values of the rows."""

    branches: list[BranchDigests]
    missing: dict[str, list[str]]
    """The ids of the rows that the device lacks or holds otherwise, by kind."""
    strange: list[str]
    """The device's hashes that no row has."""


def kinds_asked(request: DigestRequest, kinds: Sequence[str]) -> list[str]:
    """Answer the kinds whose rows must be at hand to answer a request."""
    if not (request.branches or request.leaves):
        return list(kinds)
    named = {each.kind for each in request.branches} | {each.kind for each in request.leaves}
    return [kind for kind in kinds if kind in named]


def answer(request: DigestRequest, held: Hashes) -> Found:
    """Compare what a device holds with what it should hold.

    ``held`` has the rows of every kind that ``kinds_asked`` names; other kinds are not known here.
    Each row is looked at once for each length of the ranges, however many ranges are asked about.
    A leaf whose records do not fit into the answer any more is answered like a branch.
    """
    asked = request.branches
    if not (request.branches or request.leaves):
        asked = [Branch(kind=kind) for kind in held]
    ranges = {kind: _ranges(rows, _suffixes(asked, request, kind)) for kind, rows in held.items()}
    branches = [
        _within(each.kind, ranges[each.kind][each.suffix]) for each in asked if each.kind in held
    ]
    missing: dict[str, dict[str, None]] = {}
    strange: list[str] = []
    room = MAX_PULL_ROWS
    for leaf in request.leaves:
        if leaf.kind not in held:
            continue
        found = ranges[leaf.kind][leaf.suffix]
        theirs, ours = set(leaf.hashes), {short(hashed) for hashed in found.rows.values()}
        lacking = [each for each, hashed in found.rows.items() if short(hashed) not in theirs]
        is_full = len(lacking) > room and len(leaf.suffix) < _MAX_SUFFIX
        if found.is_large or is_full:
            branches.append(_within(leaf.kind, found))
            continue
        room -= len(lacking)
        if lacking:
            missing.setdefault(leaf.kind, {}).update(dict.fromkeys(lacking))
        strange += [each for each in leaf.hashes if each not in ours]
    return Found(
        branches=branches,
        missing={kind: list(ids) for kind, ids in missing.items()},
        strange=strange,
    )


class _Range:
    """What is known of a range: the sums of those within, and its rows while they are few."""

    __slots__ = ("is_large", "rows", "suffix", "totals")

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self.totals = dict.fromkeys(_DIGITS, 0)
        self.rows: dict[str, int] = {}
        self.is_large = False

    def add(self, record_id: str, hashed: int) -> None:
        """Take in a row of the range."""
        if len(self.suffix) == _MAX_SUFFIX:
            # There is no range within: however many rows it has, they are told one by one.
            self.rows[record_id] = hashed
            return
        self.totals[record_id[-len(self.suffix) - 1]] += hashed
        if len(self.rows) < MAX_LEAF_ROWS:
            self.rows[record_id] = hashed
        else:
            self.is_large = True


def _suffixes(asked: Iterable[Branch], request: DigestRequest, kind: str) -> set[str]:
    """Name the ranges of a kind that are asked about."""
    branches = {each.suffix for each in asked if each.kind == kind}
    return branches | {each.suffix for each in request.leaves if each.kind == kind}


def _ranges(rows: Mapping[str, int], suffixes: Iterable[str]) -> dict[str, _Range]:
    """Answer these ranges, from one pass over the rows."""
    ranges = {suffix: _Range(suffix) for suffix in suffixes}
    lengths = {len(suffix) for suffix in ranges}
    for record_id, hashed in rows.items():
        for length in lengths:
            found = ranges.get(record_id[len(record_id) - length :])
            if found is not None:
                found.add(record_id, hashed)
    return ranges


def _within(kind: str, found: _Range) -> BranchDigests:
    digests = [short(total) for total in found.totals.values()]
    return BranchDigests(kind=kind, suffix=found.suffix, digests=digests)


# -------------------------------------------------------------------------- the device's side


class TooMuchDiffers(Exception):
    """So much differs that a new first load costs less than to look for it."""


class Search:
    """A device's search for what differs, from the digests of all kinds down to single rows.

    Ask with ``request``; take the page of the answer, then ``receive`` it with what is held now.
    """

    def __init__(self) -> None:
        self._branches: list[Branch] = []
        self._leaves: list[Leaf] = []
        self.is_done = False
        """Nothing is left to ask; whether anything differed tells ``has_repaired``."""
        self.has_repaired = False

    def request(self, pull: PullRequest) -> DigestRequest:
        """Answer what to ask next."""
        return DigestRequest(pull=pull, branches=self._branches, leaves=self._leaves)

    def receive(self, answered: DigestResponse, held: Callable[[], Hashes]) -> dict[str, list[str]]:
        """Compare an answer; answer the ids of strange rows by kind, which must go away.

        After that the rows of the answer's batches are put in.

        :raises TooMuchDiffers: if there are more ranges to look into than a request may have.
        """
        if answered.pull.more or answered.pull.reset:
            self._branches, self._leaves = [], []
            return {}
        own = held()
        strange = self._strange(set(answered.strange), own)
        self.has_repaired = self.has_repaired or bool(strange or answered.batches)
        self._branches, self._leaves = [], []
        for branch in answered.branches:
            self._look_into(branch, own.get(branch.kind, {}))
        if len(self._branches) > MAX_RANGES or len(self._leaves) > MAX_RANGES:
            raise TooMuchDiffers("More differs than can be looked into.")
        self.is_done = not (self._branches or self._leaves)
        return strange

    def _look_into(self, branch: BranchDigests, rows: Mapping[str, int]) -> None:
        """Note the ranges within which something differs."""
        ours = digests_within(rows, branch.suffix)
        for digit, mine, theirs in zip(_DIGITS, ours, branch.digests, strict=False):
            if mine == theirs:
                continue
            suffix = digit + branch.suffix
            within = rows_within(rows, suffix)
            if len(within) <= MAX_LEAF_ROWS or len(suffix) >= _MAX_SUFFIX:
                hashes = [short(hashed) for hashed in within.values()][:MAX_LEAF_ROWS]
                self._leaves.append(Leaf(kind=branch.kind, suffix=suffix, hashes=hashes))
            else:
                self._branches.append(Branch(kind=branch.kind, suffix=suffix))

    def _strange(self, hashes: set[str], own: Hashes) -> dict[str, list[str]]:
        """Answer whose hashes the server does not know, within the ranges that were asked about."""
        strange: dict[str, list[str]] = {}
        for leaf in self._leaves:
            for record_id, hashed in rows_within(own.get(leaf.kind, {}), leaf.suffix).items():
                if short(hashed) in hashes:
                    strange.setdefault(leaf.kind, []).append(record_id)
        return strange
