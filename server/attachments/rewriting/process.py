"""Rewrite one file in a process of its own: `python -m server.attachments.rewriting.process`.

Takes the file on standard input and writes it anew to the file descriptor that is named; answers on
standard output, as MessagePack. Memory, time and files are limited by the kernel, so that a hostile
file hurts nobody but this process.
"""

import os
import resource
import sys
from typing import BinaryIO, Final

import msgspec

from server.attachments.rewriting.answers import FileRefused, Refused, Rewritten
from sync_protocol import attachments

MEMORY_BYTES: Final = 1024 * 1024 * 1024
"""Of addresses, which libraries take plenty of; a picture of 25 million pixels needs a third."""
CPU_S: Final = 20
WRITTEN_BYTES: Final = 64 * 1024 * 1024


def rewrite(source: BinaryIO, media_type: str, pixels_max: int, target: BinaryIO) -> Rewritten:
    """Rewrite a file that is what its record says.

    :raises FileRefused: it is something else, or not to be kept.
    """
    if attachments.sniff(source.read(attachments.SNIFFED_BYTES)) != media_type:
        raise FileRefused("not_readable", "This is not the kind of file it says to be.")
    source.seek(0)
    if media_type == "application/pdf":
        from server.attachments.rewriting import documents  # noqa: PLC0415 - the other is not needed

        return documents.rewrite(source, target)
    from server.attachments.rewriting import pictures  # noqa: PLC0415 - the other is not needed

    return pictures.rewrite(source, media_type, pixels_max, target)


def limit_self() -> None:
    """Give up what is not needed; the kernel holds this process to it."""
    # Requests go before pictures.
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_BYTES, WRITTEN_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Read standard input, write to the descriptor, answer on standard output."""
    limit_self()
    media_type, pixels_max, descriptor = sys.argv[1:]
    answer: Rewritten | Refused
    try:
        with os.fdopen(int(descriptor), "wb") as target:
            answer = rewrite(sys.stdin.buffer, media_type, int(pixels_max), target)
    except FileRefused as refused:
        answer = Refused(refused.code, refused.detail)
    except (MemoryError, RecursionError, OSError):
        answer = Refused("too_large_inside", "This file is too large when it is unpacked.")
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
