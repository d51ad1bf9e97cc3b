"""Put bytes before a zstd frame without compressing it anew.

A frame is a header and blocks (RFC 8878, 3.1.1). A block looks back at what stands before it by
distance, and its tables at blocks of its own frame: so blocks stay what they are when a raw block,
which has no tables, comes before the first of them.
"""

from typing import Final

_MAGIC: Final = (0xFD2FB528).to_bytes(4, "little")
_SINGLE_SEGMENT: Final = 1 << 5
_CHECKSUM: Final = 1 << 2
_SIZE_BYTES: Final = (0, 2, 4, 8)
_DICTIONARY_BYTES: Final = (0, 1, 2, 4)
_WITH_SIZE: Final = 0b11 << 6
"""A header with a window, a content size of 8 bytes, no checksum and no dictionary."""
_BLOCK_MAX: Final = 1 << 10
"""Blocks are no longer than the window, and no window is smaller than this."""


class _Header:
    """What the header of a frame says."""

    __slots__ = ("content_size", "end", "window")

    def __init__(self, frame: bytes) -> None:
        assert frame[:4] == _MAGIC, "this is a zstd frame"
        flags, place = frame[4], 5
        is_single = bool(flags & _SINGLE_SEGMENT)
        assert not flags & _CHECKSUM, "a checksum would be of the content alone"
        window = 0
        if not is_single:
            exponent, mantissa = divmod(frame[place], 8)
            window = (1 << 10 + exponent) // 8 * (8 + mantissa)
            place += 1
        place += _DICTIONARY_BYTES[flags & 3]
        width = _SIZE_BYTES[flags >> 6] or int(is_single)
        assert width, "our frames tell their size"
        size = int.from_bytes(frame[place : place + width], "little")
        # A size of two bytes begins where one byte ends.
        self.content_size = size + 256 if width == 2 else size  # noqa: PLR2004 - as said
        self.window = self.content_size if is_single else window
        self.end = place + width


def behind(head: bytes, frame: bytes) -> bytes:
    """Give one frame whose content is the head and then the frame's.

    :param frame: without checksum and dictionary, and with its content size, as ``compress`` of
        `sync_protocol.codec` makes it.
    """
    header = _Header(frame)
    exponent = max(0, (max(header.window, 1) - 1).bit_length() - 10)
    size = len(head) + header.content_size
    raw = b"".join(_block(head[at : at + _BLOCK_MAX]) for at in range(0, len(head), _BLOCK_MAX))
    fresh = _MAGIC + bytes([_WITH_SIZE, exponent << 3]) + size.to_bytes(8, "little")
    return fresh + raw + frame[header.end :]


def _block(content: bytes) -> bytes:
    """Write a raw block (sort 0) that is not the last one."""
    return (len(content) << 3).to_bytes(3, "little") + content
