"""Bytes before a zstd frame: any decoder reads both as one."""

import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from server.kit import zstd_frames
from sync_protocol import codec


@given(
    head=st.binary(max_size=3_000),
    words=st.lists(st.sampled_from([b"\x00", b"abc", b"tonglu", bytes(range(64))]), min_size=1),
    times=st.sampled_from([1, 7, 300, 5_000]),
)
def test_what_stands_before_is_read_before(head: bytes, words: list[bytes], times: int) -> None:
    content = b"".join(words) * times

    frame = zstd_frames.behind(head, codec.compress(content))

    assert codec.decompress(frame, max_bytes=10**8) == head + content
    assert zstandard.frame_content_size(frame) == len(head) + len(content)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 300_000, 5_000_000])
@pytest.mark.parametrize("choices", [2, 16, 256])
def test_frames_of_every_size(size: int, choices: int) -> None:
    rng = random.Random(size)
    fewer = bytes(byte % choices for byte in range(256))
    content, head = rng.randbytes(size).translate(fewer), rng.randbytes(200)

    frame = zstd_frames.behind(head, codec.compress(content))

    assert codec.decompress(frame, max_bytes=10**8) == head + content


def test_a_frame_with_a_checksum_is_refused() -> None:
    frame = zstandard.ZstdCompressor(write_checksum=True).compress(b"content")

    with pytest.raises(AssertionError):
        zstd_frames.behind(b"head", frame)
