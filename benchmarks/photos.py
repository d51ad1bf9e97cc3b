"""S9: a photo whose sender is killed within every chunk, and the bytes that this costs."""

import io
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Final

from PIL import Image

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from server import supervisor
from sync_protocol.attachments import CHUNK_BYTES

_SIDE: Final = 512
_KILLED: Final = -9


async def measure(machine: Machine, owner: Company, rng: random.Random, mib: int) -> list[Figure]:
    """Send a photo of so many MiB, killing the app with SIGKILL once for each chunk it has."""
    size = mib * 2**20
    photo = machine.folder / "photo.jpg"
    photo.write_bytes(_photo(rng, size))
    file, code = machine.folder / "photo.db", await channel.device(owner, rng)
    kills = size // CHUNK_BYTES
    first = [code, str(photo)]
    put: list[int] = []
    for _ in range(kills):
        put += _send(machine, file, first, is_killed=True)
        first = []
    put += _send(machine, file, first, is_killed=False)
    return [
        Figure(
            goal="S9",
            what=f"bytes sent again, {kills} x kill -9; floor: photo",
            unit="B",
            ours=Spread.of([sum(put) - size]),
            floor=Spread.of([size]),
            limit=CHUNK_BYTES,
        )
    ]


def _photo(rng: random.Random, size: int) -> bytes:
    """Take a photo of exactly so many bytes, most of it behind its end, as some phones write."""
    target = io.BytesIO()
    Image.frombytes("RGB", (_SIDE, _SIDE), rng.randbytes(3 * _SIDE * _SIDE)).save(target, "JPEG")
    taken = target.getvalue()
    return taken + rng.randbytes(size - len(taken))


def _send(machine: Machine, file: Path, first: list[str], *, is_killed: bool) -> list[int]:
    """Let the app send, and kill it while its second piece is on the way; give the pieces' bytes.

    Each turn of the app gets one piece through and loses one: that is the worst that it can meet
    and still come to an end.
    """
    process = subprocess.Popen(  # noqa: S603 - our own module
        [
            *(sys.executable, "-m", "benchmarks.photo_sender"),
            *(str(file), machine.tonglu_url, *first),
        ],
        stdout=subprocess.PIPE,
        env=dict(os.environ),
        preexec_fn=supervisor.die_with_parent(),  # noqa: PLW1509 - system calls only
        text=True,
    )
    assert process.stdout is not None, "it was asked for"
    put: list[int] = []
    for line in process.stdout:
        if line.startswith("put"):
            put.append(int(line.split()[1]))
            if is_killed and len(put) == 2:  # noqa: PLR2004 - the second piece
                process.kill()
    process.stdout.close()
    ended = process.wait()
    assert ended == (_KILLED if is_killed else 0), f"the sender ended with {ended}"
    return put
