"""Texts that are bytes underneath, and travel as such: cursors, ids and hashes."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Final

from sync_protocol.columns import Cells, pack_ids, read_ids
from sync_protocol.messages import DecodeError

_HASH_BYTES: Final = 8


def pack_cursor(cursor: str | None) -> object:
    """Answer a cursor as the bytes that its text spells."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
    except ValueError:
        return cursor
    return raw if _spelled(raw) == cursor else cursor


def _spelled(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(packed: object, field: str) -> str | None:
    """Answer the text of a cursor, if there is one."""
    if packed is None or isinstance(packed, str):
        return packed
    if isinstance(packed, bytes):
        return _spelled(packed)
    raise DecodeError("A cursor is text or bytes.", field)


def pack_counted_ids(ids: Sequence[str]) -> object:
    """Answer ids whose count follows from their length."""
    packed = pack_ids(ids) if ids else b""
    return list(ids) if packed is None else packed


def read_counted_ids(packed: object, field: str, cells: Cells) -> list[str]:
    """Answer ids, as many as there are."""
    if isinstance(packed, bytes):
        count, rest = divmod(len(packed), 16)
        if rest:
            raise DecodeError("An id has 16 bytes.", field)
        cells.take(count, field)
        return read_ids(packed, count, field)
    if not isinstance(packed, list) or any(type(each) is not str for each in packed):
        raise DecodeError("These are not ids.", field)
    cells.take(len(packed), field)
    return packed


def pack_hashes(hashes: Iterable[str]) -> object:
    """Answer hashes as bytes, one behind the other."""
    texts = list(hashes)
    joined = "".join(texts)
    try:
        raw = bytes.fromhex(joined)
    except ValueError:
        return texts
    is_plain = set(map(len, texts)) <= {2 * _HASH_BYTES} and raw.hex() == joined
    return raw if is_plain else texts


def read_hashes(packed: object, field: str) -> list[str]:
    """Answer hashes, as many as there are."""
    if isinstance(packed, bytes) and len(packed) % _HASH_BYTES == 0:
        text = packed.hex()
        return [text[at : at + 2 * _HASH_BYTES] for at in range(0, len(text), 2 * _HASH_BYTES)]
    if isinstance(packed, list) and all(type(each) is str for each in packed):
        return packed
    raise DecodeError("These are not hashes.", field)
