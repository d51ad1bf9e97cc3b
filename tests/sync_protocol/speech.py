"""Messages of every shape, for laws about what travels."""

from typing import Any

from hypothesis import strategies as st

from sync_protocol.messages import (
    Branch,
    BranchDigests,
    Create,
    Delete,
    DigestRequest,
    DigestResponse,
    Edit,
    Intent,
    Leaf,
    Op,
    Outcome,
    Patch,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
    RecordBatch,
    SetChange,
    Status,
)
from sync_protocol.schema import MAX_SAFE_INT, SCHEMA

_number = st.integers(1, MAX_SAFE_INT)
_whole = st.integers(0, MAX_SAFE_INT) | st.integers(0, 300)
_millis = st.integers(-MAX_SAFE_INT, MAX_SAFE_INT) | st.integers(
    1_799_999_990_000, 1_800_000_000_000
)
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_ids = st.uuids().map(str)
_anything_short = _ids | st.text(st.characters(exclude_categories=["Cs"]), max_size=36)
_kinds = st.sampled_from((*SCHEMA.kinds(), "deal", "#99")) | st.text("abc_", min_size=1, max_size=8)
_names = st.sampled_from(
    tuple(dict.fromkeys(name for kind in SCHEMA.kinds() for name in SCHEMA.fields(kind)))
) | st.sampled_from(("colour_of_door", "#99", "", "名"))
_scalars: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INT, MAX_SAFE_INT) | _text | _ids
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
"""Every value that JSON can say."""
_cursors = (
    st.none() | st.text("ABCab_-9", max_size=30) | st.text(max_size=5).filter(str.isprintable)
)
_pulls = st.builds(PullRequest, cursor=_cursors, limit=st.integers(1, 5_000))
_fields = st.dictionaries(_names, values, max_size=4)
_changes = st.builds(
    SetChange,
    add=st.lists(_ids, max_size=3).map(tuple),
    remove=st.lists(_text, max_size=2).map(tuple),
)


@st.composite
def _named(draw: st.DrawFn) -> dict[str, Any]:
    """Name a record, by its id or by its handle."""
    if draw(st.booleans()):
        return {"id": draw(_anything_short)}
    return {"handle": draw(st.integers(1, MAX_SAFE_INT))}


@st.composite
def _ops(draw: st.DrawFn) -> list[Op]:
    number = draw(st.integers(1, MAX_SAFE_INT - 100))
    return [draw(_op(number + step)) for step in range(draw(st.integers(0, 12)))]


@st.composite
def _op(draw: st.DrawFn, number: int) -> Op:
    at_ms, base = draw(_millis), draw(_whole)
    which = draw(st.sampled_from((Create, Edit, Edit, Delete, Intent)))
    if which is Intent:
        return Intent(
            number=number, id=draw(_ids), name=draw(_kinds), args=draw(_fields), at_ms=at_ms
        )
    group = draw(st.none() | st.tuples(st.integers(1, 99), st.integers(1, MAX_SAFE_INT)))
    about: dict[str, Any] = {
        "number": number, "kind": draw(_kinds), "at_ms": at_ms, "base": base, "group": group
    }  # fmt: skip
    if which is Create:
        return Create(id=draw(_ids), fields=draw(_fields), **about)
    if which is Delete:
        return Delete(**draw(_named()), **about)
    return Edit(
        **draw(_named()),
        fields=draw(_fields),
        sets=draw(st.dictionaries(_names, _changes, max_size=2)),
        was=draw(st.dictionaries(_names, st.none() | _text, max_size=2)),
        **about,
    )


pushes = st.builds(
    PushRequest,
    protocol=_whole,
    schema=_whole,
    device_time_ms=_millis,
    ops=_ops(),
    forgotten=_whole,
    pull=st.none() | _pulls,
    epoch=_whole,
    pending=_whole,
    app_version=_text.filter(lambda text: "\0" not in text),
    lost=st.none() | st.tuples(_number, _number),
)


@st.composite
def _batches(draw: st.DrawFn) -> RecordBatch:
    """Whole records, whose columns are of one sort of value as often as not."""
    ids = draw(st.lists(_anything_short, max_size=20))
    count = len(ids)
    names = draw(st.lists(_names, max_size=5, unique=True))
    return RecordBatch(
        kind=draw(_kinds),
        fields=names,
        ids=ids,
        seqs=draw(st.lists(_whole, min_size=count, max_size=count)),
        columns=[draw(columns(count)) for _ in names],
        handles=draw(st.just([]) | st.lists(_whole, min_size=count, max_size=count)),
    )


@st.composite
def columns(draw: st.DrawFn, count: int) -> list[Any]:
    """Values of one column: alike, few different ones, or anything at all."""
    of = draw(
        st.sampled_from(
            (
                values,
                _ids,
                _whole,
                _text,
                st.integers(-MAX_SAFE_INT, MAX_SAFE_INT),
                st.sampled_from((True, 1, 1.0, 0, False, "1")),
                st.sampled_from(("杭州", "宁波", None)),
                st.none() | _ids,
                st.none() | st.integers(-5, 5),
                st.lists(_ids, max_size=3),
                st.none() | st.lists(_text, max_size=3),
                st.sampled_from([["a"], ["a", "b"], [1]]),
            )
        )
    )
    return draw(st.lists(of, min_size=count, max_size=count))


_patches = st.builds(
    Patch, kind=_kinds, id=_anything_short, seq=_whole, fields=_fields, deleted=st.booleans()
)
pages = st.builds(
    PullResponse,
    from_cursor=_cursors,
    cursor=_cursors,
    seq=_whole,
    server_time_ms=_millis,
    more=st.booleans(),
    reset=st.booleans(),
    batches=st.lists(_batches(), max_size=3),
    patches=st.lists(_patches, max_size=6),
    drops=st.lists(_ids, max_size=3) | st.lists(_anything_short, max_size=3),
    acknowledged=st.none() | _whole,
    epoch=_whole,
    lease_ms=st.none() | _whole,
)
_outcomes = st.builds(
    Outcome,
    number=st.integers(1, MAX_SAFE_INT),
    status=st.sampled_from(Status),
    code=_text,
    detail=st.just("") | _text,
    field=st.none() | _text,
    seq=st.none() | _whole,
    conflicts=st.lists(_ids, max_size=2).map(tuple),
)
answers = st.builds(
    PushResponse,
    outcomes=st.lists(_outcomes, max_size=8),
    acknowledged=_whole,
    server_time_ms=_millis,
    pull=st.none() | pages,
)
_suffixes = st.text("0123456789abcdef", max_size=12)
_hashes = st.text("0123456789abcdef", min_size=16, max_size=16)
digest_requests = st.builds(
    DigestRequest,
    pull=_pulls,
    branches=st.lists(st.builds(Branch, kind=_kinds, suffix=_suffixes), max_size=4),
    leaves=st.lists(
        st.builds(Leaf, kind=_kinds, suffix=_suffixes, hashes=st.lists(_hashes, max_size=4)),
        max_size=4,
    ),
)
digest_answers = st.builds(
    DigestResponse,
    pull=pages,
    branches=st.lists(
        st.builds(
            BranchDigests,
            kind=_kinds,
            suffix=_suffixes,
            digests=st.lists(_hashes | _text, max_size=3),
        ),
        max_size=3,
    ),
    batches=st.lists(_batches(), max_size=2),
    strange=st.lists(_hashes, max_size=4),
)
messages = pushes | answers | _pulls | pages | digest_requests | digest_answers
