"""A pull, and the page that answers it: where it leads, and what it brings."""

from typing import Any, Final

import msgspec

from sync_protocol.columns import Cells
from sync_protocol.compact.places import EPOCH, FORMAT, Reader, cut, opened, read_time, refusal_of
from sync_protocol.compact.records import pack_batch, pack_patches, read_batch, read_patches
from sync_protocol.compact.texts import pack_counted_ids, pack_cursor, read_counted_ids, read_cursor
from sync_protocol.messages import DecodeError, PullRequest, PullResponse
from sync_protocol.schema import MAX_SAFE_INT

_SAME_CURSOR: Final = True
_MORE, _RESET = 1, 2
_LIMIT: Final = PullRequest().limit


def pack_request(pull: PullRequest) -> list[Any]:
    """Answer a pull as it stands within a message."""
    return cut([pack_cursor(pull.cursor), pull.limit], None, _LIMIT)


def read_request(packed: object, field: str) -> PullRequest | None:
    """Answer a pull within a message, if there is one."""
    if packed is None:
        return None
    reader = Reader(packed, field)
    cursor = read_cursor(reader.take(0, "cursor", object, None), reader.name("cursor"))
    limit = reader.take(1, "limit", int, _LIMIT)
    try:
        return msgspec.convert({"cursor": cursor, "limit": limit}, PullRequest)
    except msgspec.ValidationError as error:
        raise refusal_of(error, field) from error


def take_in_request(values: object, _: Cells) -> PullRequest:
    """Read a pull."""
    opened(values)
    assert isinstance(values, list), "an opened message is an array"
    pull = read_request(values[1:], "")
    assert pull is not None, "an array is a pull"
    return pull


def lay_out_request(pull: PullRequest) -> list[Any]:
    """Answer a pull as an array."""
    return [FORMAT, *pack_request(pull)]


def lay_out(page: PullResponse) -> list[Any]:
    """Answer a page by itself as an array."""
    return [FORMAT, *pack_page(page)]


def head(page: PullResponse) -> list[Any]:
    """Answer what stands in a page before its batches."""
    cursor: object = pack_cursor(page.cursor)
    if page.cursor is not None and page.cursor == page.from_cursor:
        cursor = _SAME_CURSOR
    return [
        page.server_time_ms,
        page.seq,
        pack_cursor(page.from_cursor),
        cursor,
        page.epoch,
        page.acknowledged,
        page.lease_ms,
        _MORE * page.more + _RESET * page.reset,
    ]


def pack_page(page: PullResponse) -> list[Any]:
    """Answer a page as it stands within a message."""
    return cut(
        [
            *head(page),
            [pack_batch(batch) for batch in page.batches],
            pack_patches(page.patches),
            pack_counted_ids(page.drops),
        ],
        EPOCH,
        None,
        None,
        0,
        [],
        [],
        b"",
    )


def take_in(values: object, cells: Cells) -> PullResponse:
    """Read a page by itself."""
    opened(values)
    assert isinstance(values, list), "an opened message is an array"
    return read_page(values[1:], "", cells)


def read_page(packed: object, field: str, cells: Cells) -> PullResponse:
    """Answer a page."""
    reader = Reader(packed, field)
    from_cursor = read_cursor(reader.take(2, "from_cursor", object), reader.name("from_cursor"))
    cursor = reader.take(3, "cursor", object)
    flags = reader.take(7, "more", int, 0)
    batches = reader.take(8, "batches", list, [])
    seq = reader.take(1, "seq", int)
    if not 0 <= seq <= MAX_SAFE_INT:
        raise DecodeError("The number is out of bounds.", reader.name("seq"))
    return PullResponse(
        server_time_ms=read_time(
            reader.take(0, "server_time_ms", int), reader.name("server_time_ms")
        ),
        seq=seq,
        from_cursor=from_cursor,
        cursor=(
            from_cursor if cursor is _SAME_CURSOR else read_cursor(cursor, reader.name("cursor"))
        ),
        epoch=reader.take(4, "epoch", int, EPOCH),
        acknowledged=reader.take(5, "acknowledged", int, None),
        lease_ms=reader.take(6, "lease_ms", int, None),
        more=bool(flags & _MORE),
        reset=bool(flags & _RESET),
        batches=[
            read_batch(batch, reader.name(f"batches[{place}]"), cells)
            for place, batch in enumerate(batches)
        ],
        patches=read_patches(reader.take(9, "patches", list, []), reader.name("patches"), cells),
        drops=read_counted_ids(reader.take(10, "drops", object, b""), reader.name("drops"), cells),
    )
