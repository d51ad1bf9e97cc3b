"""Have a file rewritten by a process of its own, and take nothing from it but what was written."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Final

import msgspec

import server
from server.attachments.rewriting.answers import Refused, Rewritten
from server.attachments.rewriting.process import CPU_S

TIME_LIMIT_S: Final = CPU_S + 40.0
_ANSWERS: Final[msgspec.msgpack.Decoder[Rewritten | Refused]] = msgspec.msgpack.Decoder(
    Rewritten | Refused
)
_TOO_ODD: Final = Refused("too_large_inside", "This file is too large or too odd to be read.")


async def rewrite(
    source: Path, media_type: str, *, pixels_max: int, target: Path
) -> Rewritten | Refused:
    """Rewrite a file apart from everything else."""
    with source.open("rb") as given, target.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "server.attachments.rewriting.process"),
            *(media_type, str(pixels_max), str(written.fileno())),
            stdin=given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=[written.fileno()],
            # No secrets, no addresses: only where the code is.
            env={"PYTHONPATH": str(Path(server.__file__).parents[1]), "PYTHONUTF8": "1"},
        )
        try:
            async with asyncio.timeout(TIME_LIMIT_S):
                answer, _ = await process.communicate()
        except TimeoutError:
            return _TOO_ODD
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    try:
        return _ANSWERS.decode(answer)
    except msgspec.DecodeError:
        # It was ended by a limit of the kernel.
        return _TOO_ODD
