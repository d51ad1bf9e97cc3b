"""The tree of the log is that of RFC 9162: known roots, and laws against its plain definition."""

import contextlib
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.sealing import tonglu_verify, tree

# The leaves and roots that implementations of RFC 6962 are tested with.
LEAVES = [
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
sizes = st.integers(1, 70)


def leaves(count: int) -> list[bytes]:
    """Make the hashes of some leaves."""
    return [tree.leaf_hash(str(number).encode()) for number in range(count)]


def defined(hashes: list[bytes]) -> bytes:
    """Give MTH as section 2.1.1 defines it."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    pair = b"\x01" + defined(hashes[:middle]) + defined(hashes[middle:])
    return hashlib.sha256(pair).digest()


def proof(spans: list[tree.Span], hashes: list[bytes]) -> list[bytes]:
    """Resolve spans from the leaves alone."""
    return tree.resolve(
        spans, lambda place: defined(hashes[place[1] << place[0] : (place[1] + 1) << place[0]])
    )


@pytest.mark.parametrize("size", ROOTS)
def test_the_roots_are_those_that_are_known(size: int) -> None:
    hashes = [tree.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES[:size]]

    assert tree.root_of(hashes).hex() == ROOTS[size]


@given(sizes, sizes)
def test_a_tree_grows_from_what_is_stored(older: int, more: int) -> None:
    hashes = leaves(older + more)
    stored = [
        defined(hashes[place << level : (place + 1) << level])
        for level, place in tree.places((0, older))
    ]
    growth = tree.Growth(older, stored)
    made = [one for leaf in hashes[older:] for one in growth.add(leaf)]

    assert growth.root() == defined(hashes)
    for (level, place), whole in made:
        assert whole == defined(hashes[place << level : (place + 1) << level])


@given(sizes, st.data())
def test_every_leaf_is_proven_and_no_other(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    seq = data.draw(st.integers(0, size - 1))
    told = proof(tree.inclusion_spans(seq, (0, size)), hashes)
    whole = defined(hashes)

    assert tree.is_included(hashes[seq], seq, size, told, whole)
    tonglu_verify.ensure_included(hashes[seq], seq, size, told, whole)
    other = data.draw(st.integers(0, size))
    if other != seq:
        assert not tree.is_included(hashes[seq], other, size, told, whole)
    assert not tree.is_included(hashes[seq], seq, size, [*told, whole], whole)
    assert not tree.is_included(tree.leaf_hash(b"x"), seq, size, told, whole)


@given(sizes, sizes)
def test_a_log_that_grew_is_proven_and_no_other(one: int, other: int) -> None:
    older, newer = sorted((one, other))
    hashes = leaves(newer)
    told = proof(tree.consistency_spans(older, newer), hashes)
    roots = defined(hashes[:older]), defined(hashes)

    assert tree.has_grown(older, roots[0], newer, roots[1], told)
    tonglu_verify.ensure_grown(
        {"size": older, "log_root": roots[0].hex()},
        {"size": newer, "log_root": roots[1].hex()},
        told,
    )
    forged = defined([tree.leaf_hash(b"x"), *hashes[1:older]])
    assert not tree.has_grown(older, forged, newer, roots[1], told)
    with pytest.raises(tonglu_verify.Wrong):
        tonglu_verify.ensure_grown(
            {"size": older, "log_root": forged.hex()},
            {"size": newer, "log_root": roots[1].hex()},
            told,
        )


@settings(max_examples=12)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 511))
def test_signatures_are_verified_as_the_library_does(seed: bytes, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)

    assert tonglu_verify.is_signed(public, message, signature)
    assert not tonglu_verify.is_signed(public, message + b"x", signature)
    harmed = bytearray(signature)
    harmed[bit // 8] ^= 1 << bit % 8
    # A point that is none is refused as such, which is as good as no.
    with contextlib.suppress(tonglu_verify.Wrong):
        assert not tonglu_verify.is_signed(public, message, bytes(harmed))
