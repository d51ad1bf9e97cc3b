"""Throw bytes that libFuzzer makes up at the decoder; outside CI, where `atheris` is installed.

    python -m tests.sync_protocol.fuzz -max_total_time=60

Any error but ``DecodeError`` is a finding, and so is a message that does not come back as it was.
"""

import sys
from importlib import import_module
from typing import Any

from sync_protocol import codec
from sync_protocol.messages import (
    DigestRequest,
    DigestResponse,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
)
from tests.sync_protocol import people

KINDS: tuple[type[Any], ...] = (
    PushRequest,
    PushResponse,
    PullRequest,
    PullResponse,
    DigestRequest,
    DigestResponse,
)


def one_input(body: bytes) -> None:
    """Read bytes as the message that the first of them chooses."""
    if not body:
        return
    kind = KINDS[body[0] % len(KINDS)]
    try:
        message = codec.decode(body[1:], kind)
        if kind is PushRequest:
            codec.decode_push(body[1:])
    except codec.DecodeError:
        return
    # Values of a type that does not travel are refused where they are checked, by the merge.
    assert codec.decode(codec.encode(message), kind, max_bytes=10**9) is not None


def seeds() -> list[bytes]:
    """Make messages to begin with."""
    push, page = people.a_push(6), people.a_snapshot(12)
    return [bytes([0]) + codec.encode(push), bytes([3]) + codec.encode(page)]


if __name__ == "__main__":
    atheris = import_module("atheris")
    atheris.instrument_all()
    for seed in seeds():
        one_input(seed)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
