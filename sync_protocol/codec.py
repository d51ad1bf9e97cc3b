"""Bytes of the wire: JSON and MessagePack of the same structs, optionally compressed with zstd.

Nothing that arrives is trusted: the size is checked before decompression and before decoding, and
every way in which bytes can be wrong is one ``DecodeError`` that names the field.
"""

import re
from typing import Annotated, Any, Final, Literal, TypeVar, cast

import msgspec

from sync_protocol.messages import (
    MAX_OPS,
    MAX_REQUEST_BYTES,
    Delete,
    Intent,
    Millis,
    Op,
    PullRequest,
    PushRequest,
    ReceivedOp,
    ReceivedPush,
    Seq,
    Unreadable,
)
from sync_protocol.schema import MAX_SAFE_INT

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"
ZSTD: Final = "zstd"
MAX_RESPONSE_BYTES: Final = 64 * 1024 * 1024
"""A device refuses a longer answer."""
MAX_DEPTH: Final = 32
"""Free values nest no deeper; the decoder itself ends any deeper nesting without building it."""
_ZSTD_LEVEL: Final = 3
_MAX_ZSTD_WINDOW: Final = 8 * 1024 * 1024

MediaType = Literal["application/json", "application/msgpack"]
T = TypeVar("T")


class DecodeError(Exception):
    """Bytes that are not the message they should be."""

    code = "message_invalid"

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class MessageTooLarge(DecodeError):
    """More bytes than a message may have."""

    code = "message_too_large"


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
    return msgspec.msgpack.encode(message)


def decode(
    body: bytes, kind: type[T], media: MediaType = MSGPACK, *, max_bytes: int = MAX_REQUEST_BYTES
) -> T:
    """Read a message.

    :raises DecodeError: if the bytes are not such a message.
    """
    if len(body) > max_bytes:
        raise MessageTooLarge(f"The message is longer than {max_bytes} bytes.")
    return cast("T", _decode(body, kind, media))


def decode_push(
    body: bytes, media: MediaType = MSGPACK, *, max_bytes: int = MAX_REQUEST_BYTES
) -> ReceivedPush:
    """Read a push; an op that cannot be read becomes ``Unreadable`` and the others stay.

    :raises DecodeError: if the frame itself is broken, or an op's place cannot be known.
    """
    try:
        push = decode(body, PushRequest, media, max_bytes=max_bytes)
    except MessageTooLarge:
        raise
    except DecodeError as error:
        if error.field is None or not error.field.startswith("ops["):
            raise
        return _decode_op_by_op(body, media)
    return _received(push, [_sound(op) for op in push.ops])


def _sound(op: Op) -> ReceivedOp:
    """Answer the op, or that it is unreadable where a free value of it could not be kept."""
    if isinstance(op, Delete):
        return op
    values = op.args if isinstance(op, Intent) else op.fields
    for name, value in values.items():
        flaw = _flaw(value) if isinstance(value, dict | list | int) else None
        if flaw is not None:
            group = None if isinstance(op, Intent) else op.group
            return Unreadable(number=op.number, field=name[:64], detail=flaw, group=group)
    return op


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
        layer = inside
    return None


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


class _OpHead(msgspec.Struct):
    """What must be known of an op to answer it."""

    number: int
    group: tuple[int, int] | None = None


def _decode_op_by_op(body: bytes, media: MediaType) -> ReceivedPush:
    push = _decode(body, _PushHead, media)
    raw_ops = _decode(body, _RawPush, media).ops
    if len(raw_ops) > MAX_OPS:
        raise DecodeError(f"A push has at most {MAX_OPS} ops.", "ops")
    ops: list[ReceivedOp] = []
    for index, raw in enumerate(raw_ops):
        try:
            ops.append(_sound(cast("Op", _decode(bytes(raw), Op, media))))
        except DecodeError as error:
            ops.append(_unreadable(bytes(raw), media, index, ops, error))
    return _received(push, ops)


def _unreadable(
    raw: bytes, media: MediaType, index: int, before: list[ReceivedOp], error: DecodeError
) -> Unreadable:
    """Answer an op that could not be read; its number, if unreadable too, follows from the last."""
    field = error.field or f"ops[{index}]"
    group = None
    try:
        head = _decode(raw, _OpHead, media)
        number, group = head.number, head.group
    except DecodeError:
        if not before:
            raise DecodeError("The number of the first op is unreadable.", "ops[0]") from error
        number = before[-1].number + 1
    if not 1 <= number <= MAX_SAFE_INT:
        raise DecodeError("Op numbers go from 1 to 2**53 - 1.", f"ops[{index}].number")
    return Unreadable(number=number, field=field, detail=error.detail, group=group)


def _received(push: PushRequest | _PushHead, ops: list[ReceivedOp]) -> ReceivedPush:
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
