"""The Merkle tree of RFC 9162, section 2.1 (that of RFC 6962): hashes, roots, proofs, and checks.

Leaves and inner nodes are hashed with different prefixes, so that one cannot pass for the other.
A tree of n leaves is put together of full subtrees, the largest first; what is stored are the
hashes of full subtrees, which never change. A *span* is a range of leaves [first, end) that stands
somewhere in such a tree.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

Span = tuple[int, int]
Place = tuple[int, int]
"""A full subtree: its level, and which one it is among those of its level."""

HASH_BYTES: Final = 32


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf (2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one (2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def places(span: Span) -> list[Place]:
    """List the full subtrees that a span is put together of, the largest first."""
    first, end = span
    found: list[Place] = []
    while first < end:
        level = (end - first).bit_length() - 1
        found.append((level, first >> level))
        first += 1 << level
    return found


def root(hashes: Sequence[bytes]) -> bytes:
    """Put the hashes of a span's full subtrees together into the one of the span."""
    assert hashes, "a span has leaves"
    *before, whole = hashes
    for larger in reversed(before):
        whole = node_hash(larger, whole)
    return whole


class Growth:
    """A tree that leaves are added to, beginning from the full subtrees of one that was stored."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        self.size = size
        self.full: list[tuple[Place, bytes]] = list(zip(places((0, size)), hashes, strict=True))

    def add(self, leaf: bytes) -> Iterator[tuple[Place, bytes]]:
        """Add a leaf's hash; give the full subtrees above it that this completes."""
        place, whole = (0, self.size), leaf
        self.size += 1
        while place[1] % 2:
            _, left = self.full.pop()
            place, whole = (place[0] + 1, place[1] // 2), node_hash(left, whole)
            yield place, whole
        self.full.append((place, whole))

    def root(self) -> bytes:
        """Give the hash of the whole tree."""
        return root([whole for _, whole in self.full])


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Give the root over some leaves' hashes alone."""
    growth = Growth()
    for leaf in leaves:
        list(growth.add(leaf))
    return growth.root()


# --------------------------------------------------------------------------------------- proofs


def inclusion_spans(seq: int, span: Span) -> list[Span]:
    """List what stands beside a leaf on its way up to the root (2.1.3.1)."""
    first, end = span
    if end - first == 1:
        return []
    middle = first + _split(end - first)
    if seq < middle:
        return [*inclusion_spans(seq, (first, middle)), (middle, end)]
    return [*inclusion_spans(seq, (middle, end)), (first, middle)]


def consistency_spans(older: int, newer: int) -> list[Span]:
    """List what shows that one tree is the beginning of another, by their leaves (2.1.4.1)."""
    return [] if older == newer else _subproof(older, (0, newer), is_known=True)


def _subproof(size: int, span: Span, *, is_known: bool) -> list[Span]:
    """List the spans of SUBPROOF: `is_known` while the older root itself need not be told."""
    first, end = span
    if size == end - first:
        return [] if is_known else [span]
    middle = first + _split(end - first)
    if size <= middle - first:
        return [*_subproof(size, (first, middle), is_known=is_known), (middle, end)]
    beyond = size - (middle - first)
    return [*_subproof(beyond, (middle, end), is_known=False), (first, middle)]


def _split(leaves: int) -> int:
    """Give the largest power of two below a number of leaves."""
    return 1 << ((leaves - 1).bit_length() - 1)


def resolve(spans: Sequence[Span], hash_of: Callable[[Place], bytes]) -> list[bytes]:
    """Give the hashes of spans out of those of full subtrees."""
    return [root([hash_of(place) for place in places(span)]) for span in spans]


# --------------------------------------------------------------------------------------- checks


def is_included(leaf: bytes, seq: int, size: int, proof: Sequence[bytes], whole: bytes) -> bool:
    """Say whether a proof leads from a leaf's hash to the root of a tree (2.1.3.2)."""
    if not 0 <= seq < size:
        return False
    place, last, found = seq, size - 1, leaf
    for beside in proof:
        if last == 0:
            return False
        if place % 2 or place == last:
            found = node_hash(beside, found)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and found == whole


def has_grown(
    older: int, older_root: bytes, newer: int, newer_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Say whether a proof shows that one tree is the beginning of another (2.1.4.2)."""
    if not 0 < older <= newer:
        return False
    if older == newer:
        return not proof and older_root == newer_root
    path = [older_root, *proof] if older & (older - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = older - 1, newer - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            old, new = node_hash(beside, old), node_hash(beside, new)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and (old, new) == (older_root, newer_root)
