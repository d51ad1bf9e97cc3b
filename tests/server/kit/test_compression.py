"""Which encoding an answer has: what the client takes, by its weights."""

import pytest

from server.kit import compression


@pytest.mark.parametrize(
    ("accept_encoding", "chosen"),
    [
        (b"zstd, gzip", b"zstd"),
        (b"gzip", b"gzip"),
        (b"ZSTD ; Q=0.3 , gzip; q=0.2", b"zstd"),
        (b"zstd;q=0.1, gzip;q=0.9", b"gzip"),
        (b"zstd;q=0", None),
        (b"zstd;q=0.000, gzip;q=0.001", b"gzip"),
        (b"*", b"zstd"),
        (b"*;q=0.5, zstd;q=0", b"gzip"),
        (b"zstd;q=0, *", b"gzip"),
        (b"gzip;q=0, zstd;q=0, *", None),
        (b"zstd;level=3;q=0", None),
        (b"zstd;q=nan, gzip;q=2", None),
        (b"zstd;q=-1", None),
        (b"xzstd, zstdx, br", None),
        (b"identity", None),
        (b"", None),
        (b";,;;q=,=", None),
    ],
)
def test_the_encoding_is_the_one_that_the_client_likes_best(
    accept_encoding: bytes, chosen: bytes | None
) -> None:
    assert compression.choose_encoding(accept_encoding) == chosen


def test_what_is_refused_by_its_weight_is_not_accepted() -> None:
    assert compression.accepts(b"gzip, zstd;q=0.5", b"zstd")
    assert not compression.accepts(b"gzip, zstd;q=0.00", b"zstd")
    assert not compression.accepts(b"gzip", b"zstd")
