"""Bytes of the wire: readable JSON and compact MessagePack, optionally compressed with zstd.

Nothing that arrives is trusted: the size is checked before decompression and before decoding, and
every way in which bytes can be wrong is one ``DecodeError`` that names the field.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeVar, cast

import msgspec

from sync_protocol.columns import Cells
from sync_protocol.compact import LAY_OUT, TAKE_IN, refusal_of, take_in_push
from sync_protocol.compact.pages import head
from sync_protocol.compact.places import FORMAT
from sync_protocol.compact.records import pack_batch
from sync_protocol.messages import (
    MAX_INTENTS,
    MAX_OPS,
    MAX_REQUEST_BYTES,
    Create,
    DecodeError,
    Delete,
    Edit,
    FormatUnknown,
    Intent,
    MessageTooLarge,
    Millis,
    Op,
    OpRange,
    PullRequest,
    PullResponse,
    PushRequest,
    ReceivedOp,
    ReceivedPush,
    RecordBatch,
    Seq,
    Unreadable,
    tellable,
)
from sync_protocol.schema import MAX_SAFE_INT

__all__ = [
    "JSON",
    "MAX_DEPTH",
    "MAX_RESPONSE_BYTES",
    "MSGPACK",
    "WORTH_COMPRESSING",
    "ZSTD",
    "DecodeError",
    "FormatUnknown",
    "MediaType",
    "MessageTooLarge",
    "compress",
    "decode",
    "decode_push",
    "decompress",
    "encode",
    "encode_batches",
    "encode_head",
    "media_type",
]

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"
ZSTD: Final = "zstd"
MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
"""A device refuses a longer answer."""
MAX_DEPTH: Final = 32
"""Free values nest no deeper; the decoder itself ends any deeper nesting without building it."""
WORTH_COMPRESSING: Final = 200
"""Shorter bodies are sent as they are."""
_CELLS: Final = 10_000
"""An answer may unfold into so many values, and into 16 more for each of its bytes."""
_ZSTD_LEVEL: Final = 3
_MAX_ZSTD_WINDOW: Final = 8 * 1024 * 1024

MediaType = Literal["application/json", "application/msgpack"]
T = TypeVar("T")


def media_type(content_type: str | None) -> MediaType | None:
    """Answer which of the two encodings a content type names, if any."""
    name = (content_type or "").partition(";")[0].strip().lower()
    if name in (JSON, MSGPACK):
        return cast("MediaType", name)
    return None


def encode(message: object, media: MediaType = MSGPACK) -> bytes:
    """Answer the bytes of a message."""
    if media == JSON:
        return msgspec.json.encode(message)
    lay_out = LAY_OUT.get(type(message))
    return msgspec.msgpack.encode(message if lay_out is None else lay_out(message))


def encode_batches(batches: Sequence[RecordBatch]) -> bytes:
    """Answer the bytes of batches, as they end a page of the compact form that has nothing else."""
    return msgspec.msgpack.encode(list(map(pack_batch, batches)))


def encode_head(page: PullResponse) -> bytes:
    """Answer the bytes of such a page that stand before its batches."""
    return msgspec.msgpack.encode([FORMAT, *head(page), msgspec.Raw(b"")])


def decode(
    body: bytes, kind: type[T], media: MediaType = MSGPACK, *, max_bytes: int = MAX_REQUEST_BYTES
) -> T:
    """Read a message.

    :raises DecodeError: if the bytes are not such a message.
    """
    if len(body) > max_bytes:
        raise MessageTooLarge(f"The message is longer than {max_bytes} bytes.")
    if media == JSON:
        return cast("T", _decode(body, kind, media))
    if kind is PushRequest:
        return cast("T", _whole(_unpacked_push(body)))
    take_in = TAKE_IN.get(kind)
    if take_in is None:
        return cast("T", _decode(body, kind, media))
    return cast("T", take_in(_decode(body, object, media), Cells(_CELLS + 16 * len(body))))


def decode_push(
    body: bytes, media: MediaType = MSGPACK, *, max_bytes: int = MAX_REQUEST_BYTES
) -> ReceivedPush:
    """Read a push; an op that cannot be read becomes ``Unreadable`` and the others stay.

    :raises DecodeError: if the frame itself is broken, or an op's place cannot be known.
    """
    if len(body) > max_bytes:
        raise MessageTooLarge(f"The message is longer than {max_bytes} bytes.")
    if media == MSGPACK:
        return _bounded(_unpacked_push(body))
    try:
        push = _decode(body, PushRequest, media)
    except DecodeError as error:
        if error.field is None or not error.field.startswith("ops["):
            raise
        return _bounded(_decode_op_by_op(body))
    return _bounded(_received(push, [_sound(op) for op in push.ops]))


def _unpacked_push(body: bytes) -> ReceivedPush:
    """Read a push in its compact form."""
    taken = take_in_push(_decode(body, object, MSGPACK))
    try:
        head = msgspec.convert(taken.head, _PushHead)
    except msgspec.ValidationError as error:
        raise refusal_of(error) from error
    return _received(head, [_sound(op) for op in taken.ops])


def _whole(push: ReceivedPush) -> PushRequest:
    """Answer a push every op of which could be read."""
    ops: list[Op] = []
    for index, op in enumerate(push.ops):
        if isinstance(op, Unreadable):
            raise DecodeError(op.detail, f"ops[{index}].{op.field}")
        ops.append(op)
    return PushRequest(
        protocol=push.protocol,
        schema=push.schema,
        device_time_ms=push.device_time_ms,
        ops=ops,
        forgotten=push.forgotten,
        pull=push.pull,
        epoch=push.epoch,
        pending=push.pending,
        app_version=push.app_version,
        lost=push.lost,
    )


def _bounded(push: ReceivedPush) -> ReceivedPush:
    """Refuse more intents than a push may have."""
    if sum(isinstance(op, Intent) for op in push.ops) > MAX_INTENTS:
        raise DecodeError(f"A push has at most {MAX_INTENTS} intents.", "ops")
    return push


def _sound(op: ReceivedOp) -> ReceivedOp:
    """Answer the op, or that it is unreadable where a free value of it could not be kept."""
    if isinstance(op, Delete | Unreadable):
        return op
    values = op.args if isinstance(op, Intent) else op.fields
    for name, value in values.items():
        flaw = None if type(value) in _SIMPLE else _flaw(value)
        if flaw is not None or "\0" in name:
            return _unsound(op, name, flaw or "No name has a zero.")
    if isinstance(op, Edit) and (name := next((each for each in op.sets if "\0" in each), "")):
        return _unsound(op, name, "No name has a zero.")
    return op


def _unsound(op: Create | Edit | Intent, name: str, flaw: str) -> Unreadable:
    group = None if isinstance(op, Intent) else op.group
    return Unreadable(number=op.number, field=tellable(name[:64]), detail=flaw, group=group)


def _flaw(value: object) -> str | None:
    """Answer why a free value cannot be kept, without recursion and no further than the bound.

    Keys are text and numbers have at most 64 bits, or the op had no digest to be known again by.
    """
    layer, depth = [value], 0
    while layer:
        depth += 1
        if depth > MAX_DEPTH:
            return "The value nests too deep."
        inside: list[object] = []
        for item in layer:
            if isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    return "The value has a key that is not text."
                inside += item.values()
            elif isinstance(item, list):
                inside += item
            elif isinstance(item, int) and not -(2**63) <= item < 2**64:
                return "The value has a number of more than 64 bits."
            elif type(item) not in _SCALARS:
                return "The value is of a type that does not travel."
        layer = inside
    return None


_SIMPLE: Final = frozenset({str, bool, float, type(None)})
_SCALARS: Final = _SIMPLE | {int}


def compress(body: bytes) -> bytes:
    """Answer the bytes compressed with zstd."""
    import zstandard  # noqa: PLC0415 - optional on a device; JSON clients need none

    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body)


def decompress(body: bytes, *, max_bytes: int = MAX_REQUEST_BYTES) -> bytes:
    """Answer the bytes that were compressed with zstd, if they are few enough.

    :raises DecodeError: if they are not zstd, or too many.
    """
    import zstandard  # noqa: PLC0415 - optional on a device; JSON clients need none

    if len(body) > max_bytes:
        raise MessageTooLarge(f"The message is longer than {max_bytes} bytes.")
    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW)
    try:
        announced = zstandard.frame_content_size(body)
        with reader.stream_reader(body) as stream:
            plain = stream.read(max_bytes + 1)
    except zstandard.ZstdError as error:
        raise DecodeError("The message is not zstd.") from error
    if len(plain) > max_bytes:
        raise MessageTooLarge(f"The message is longer than {max_bytes} bytes.")
    if announced not in (-1, len(plain)):
        raise DecodeError("The message is cut short.")
    return plain


# ------------------------------------------------------------------------------------- inside


class _RawPush(msgspec.Struct):
    """A push whose ops are not looked at yet."""

    ops: list[msgspec.Raw]


class _PushHead(msgspec.Struct):
    """A push without its ops."""

    protocol: Seq
    schema: Seq
    device_time_ms: Millis
    forgotten: Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INT)] = 0
    pull: PullRequest | None = None
    epoch: Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INT)] = 0
    pending: Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INT)] = 0
    app_version: Annotated[str, msgspec.Meta(max_length=64)] = ""
    lost: OpRange | None = None


class _OpHead(msgspec.Struct):
    """What must be known of an op to answer it."""

    number: int
    group: tuple[int, int] | None = None


def _decode_op_by_op(body: bytes) -> ReceivedPush:
    push = _decode(body, _PushHead, JSON)
    raw_ops = _decode(body, _RawPush, JSON).ops
    if len(raw_ops) > MAX_OPS:
        raise DecodeError(f"A push has at most {MAX_OPS} ops.", "ops")
    ops: list[ReceivedOp] = []
    for index, raw in enumerate(raw_ops):
        try:
            ops.append(_sound(cast("Op", _decode(bytes(raw), Op, JSON))))
        except DecodeError as error:
            ops.append(_unreadable(bytes(raw), index, ops, error))
    return _received(push, ops)


def _unreadable(raw: bytes, index: int, before: list[ReceivedOp], error: DecodeError) -> Unreadable:
    """Answer an op that could not be read; its number, if unreadable too, follows from the last."""
    field = error.field or f"ops[{index}]"
    group = None
    try:
        head = _decode(raw, _OpHead, JSON)
        number, group = head.number, head.group
    except DecodeError:
        if not before:
            raise DecodeError("The number of the first op is unreadable.", "ops[0]") from error
        number = before[-1].number + 1
    if not 1 <= number <= MAX_SAFE_INT:
        raise DecodeError("Op numbers go from 1 to 2**53 - 1.", f"ops[{index}].number")
    return Unreadable(number=number, field=field, detail=error.detail, group=group)


def _received(push: PushRequest | _PushHead, ops: list[ReceivedOp]) -> ReceivedPush:
    if "\0" in push.app_version:
        raise DecodeError("No text has a zero.", "app_version")
    return ReceivedPush(
        protocol=push.protocol,
        schema=push.schema,
        device_time_ms=push.device_time_ms,
        ops=ops,
        forgotten=push.forgotten,
        pull=push.pull,
        epoch=push.epoch,
        pending=push.pending,
        app_version=push.app_version,
        lost=push.lost,
    )


_AT_PATH: Final = re.compile(r" - at `(?:key in )?`?\$\.?([^`]*)`$")


def _decode(body: bytes, kind: Any, media: MediaType) -> Any:
    try:
        if media == JSON:
            return msgspec.json.decode(body, type=kind)
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.ValidationError as error:
        words = str(error)
        place = _AT_PATH.search(words)
        field = place.group(1) if place else None
        raise DecodeError(_AT_PATH.sub("", words) + ".", field or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"The message is not readable: {error}.") from error
    except RecursionError as error:
        raise DecodeError("The message nests too deep.") from error
