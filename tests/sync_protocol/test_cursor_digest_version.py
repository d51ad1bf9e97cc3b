"""Cursors belong to one device, digests to one content, fingerprints to one version."""

import random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import codec, cursor, digest, version
from sync_protocol.messages import (
    Branch,
    DigestRequest,
    DigestResponse,
    Leaf,
    PullRequest,
    PullResponse,
    RecordBatch,
)
from sync_protocol.schema import SCHEMA

KEY = b"k" * 32
cursors = st.builds(
    cursor.Cursor,
    epoch=st.integers(0, 2**32 - 1),
    base=st.integers(0, 2**53),
    seq=st.integers(0, 2**53),
    kind_index=st.integers(0, 255),
    after_id=st.none() | st.uuids(version=4),
    grants=st.integers(0, 2**53),
    started=st.integers(0, 2**53),
)


@given(cursors)
def test_a_cursor_comes_back_to_its_device(place: cursor.Cursor) -> None:
    text = cursor.encode(place, key=KEY, bound_to=b"tenant/device")

    assert cursor.decode(text, key=KEY, bound_to=b"tenant/device") == place
    assert len(text) <= cursor.MAX_CURSOR_LENGTH
    for key, bound_to in ((b"x" * 32, b"tenant/device"), (KEY, b"tenant/other")):
        with pytest.raises(cursor.CursorRefused):
            cursor.decode(text, key=key, bound_to=bound_to)


@given(cursors, st.data())
def test_a_forged_cursor_is_refused(place: cursor.Cursor, data: st.DataObject) -> None:
    text = cursor.encode(place, key=KEY, bound_to=b"d")
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda sign: sign != text[at]))

    with pytest.raises(cursor.CursorRefused):
        cursor.decode(text[:at] + other + text[at + 1 :], key=KEY, bound_to=b"d")


@given(st.text(max_size=200))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(cursor.CursorRefused):
        cursor.decode(text, key=KEY, bound_to=b"d")


rows = st.lists(
    st.tuples(
        st.uuids().map(str),
        st.integers(0, 99),
        st.dictionaries(
            st.sampled_from("abc"), st.none() | st.integers(0, 3) | st.text(max_size=3)
        ),
    ),
    max_size=6,
)


@given(rows, st.randoms(use_true_random=False))
def test_a_digest_knows_no_order(
    content: list[tuple[str, int, dict[str, object]]], rng: random.Random
) -> None:
    hashes = [digest.row_hash("customer", *row) for row in content]
    shuffled = list(hashes)
    rng.shuffle(shuffled)

    total = digest.digest_of(hashes)

    assert digest.digest_of(shuffled) == total
    for hashed in shuffled:
        total = total.remove(hashed)
    assert total == digest.Digest()


def test_a_digest_sees_each_difference() -> None:
    one = str(UUID(int=1))
    base = digest.row_hash("customer", one, 1, {"name": "a", "city": None})

    assert digest.row_hash("customer", one, 1, {"name": "a"}) == base, "absent is none"
    assert digest.row_hash("customer", one, 2, {"name": "a"}) != base
    assert digest.row_hash("customer", one, 1, {"name": "b"}) != base
    assert digest.row_hash("contact", one, 1, {"name": "a"}) != base
    assert len(digest.digest_of([base]).hex()) == 32


def test_what_travels_changes_only_with_the_version() -> None:
    """If this fails: raise a version in version.py, write its line in the diary, then this hash."""
    known = {(2, 4): "f9f396fae33696d4d3386ec0f344eb1e"}

    assert known[version.PROTOCOL_VERSION, version.SCHEMA_VERSION] == version.fingerprint()
    assert version.DIARY[-1][0] == f"{version.PROTOCOL_VERSION}.{version.SCHEMA_VERSION}"


def test_field_numbers_and_names_are_used_once() -> None:
    for record in SCHEMA.records:
        numbers = [field.number for field in record.fields]
        names = [field.name for field in record.fields]
        assert len(set(numbers)) == len(numbers)
        assert len(set(names)) == len(names)
        assert "deleted" not in names, "the name of a conflict about a deletion"
    assert len({record.number for record in SCHEMA.records}) == len(SCHEMA.records)


def test_old_protocols_are_known_and_new_ones_are_not() -> None:
    assert version.is_supported(1)
    assert version.is_supported(2)
    assert not version.is_supported(0)
    assert not version.is_supported(3)


class _Counted(dict[str, int]):
    """Rows that know how often all of them were gone through."""

    passes = 0

    def items(self) -> Any:
        """Count, and go on as a dict does."""
        self.passes += 1
        return super().items()


def test_many_ranges_cost_no_more_passes_than_one() -> None:
    rng = random.Random(7)
    rows = _Counted({str(UUID(int=rng.getrandbits(128))): rng.getrandbits(128) for _ in range(900)})
    suffixes = ["", *"0123456789abcdef", *(f"{number:02x}" for number in range(200))]
    request = DigestRequest(
        pull=PullRequest(),
        branches=[Branch(kind="note", suffix=each) for each in suffixes],
        leaves=[Leaf(kind="note", suffix=each) for each in [*suffixes, *suffixes]],
    )

    found = digest.answer(request, {"note": rows})

    assert rows.passes == 1
    told = {each.suffix: each.digests for each in found.branches}
    assert told == {each: digest.digests_within(dict(rows), each) for each in suffixes}
    few = [each for each in suffixes if len(digest.rows_within(dict(rows), each)) <= 256]
    lacking = {each for suffix in few for each in digest.rows_within(dict(rows), suffix)}
    assert sorted(found.missing["note"]) == sorted(lacking), "each once"


def test_an_answer_has_room_for_a_page_and_the_search_goes_on_for_the_rest() -> None:
    rng = random.Random(7)
    rows = {str(UUID(int=rng.getrandbits(128))): rng.getrandbits(128) for _ in range(6_000)}
    search, most = digest.Search(), 0
    # The device has all of what ends in most digits, and nothing of what ends in some.
    held = {each: hashed for each, hashed in rows.items() if each[-2] not in "0123456789abcd"}

    def held_by_kind() -> digest.Hashes:
        return {"note": held}

    for _ in range(8):
        asked = search.request(PullRequest())
        found = digest.answer(asked, {"note": rows})
        lacking = found.missing.get("note", [])
        most = max(most, len(lacking))
        page = PullResponse(from_cursor=None, cursor="c", seq=1, server_time_ms=0)
        batch = RecordBatch(kind="note", fields=[], ids=lacking, seqs=[], columns=[])
        answer = DigestResponse(
            pull=page,
            branches=found.branches,
            batches=[batch] if lacking else [],
            strange=found.strange,
        )
        assert search.receive(answer, held_by_kind) == {}
        held.update({each: rows[each] for each in lacking})
        if search.is_done:
            break

    assert search.is_done
    assert held == rows
    assert 4_500 < most <= 5_000


@pytest.mark.parametrize("media", [codec.JSON, codec.MSGPACK])
def test_a_range_of_twelve_digits_has_no_ranges_within(media: codec.MediaType) -> None:
    record_id = "019cac0f-2680-7d09-8059-161b8f71ead2"
    suffix = record_id[-12:]
    asked = DigestRequest(
        pull=PullRequest(),
        branches=[Branch(kind="note", suffix=suffix)],
        leaves=[Leaf(kind="note", suffix=suffix)],
    )
    sent = codec.decode(codec.encode(asked, media), DigestRequest, media)

    found = digest.answer(sent, {"note": {record_id: 5}})

    assert [each.digests for each in found.branches] == [["0" * 16] * 16]
    assert found.missing == {"note": [record_id]}
