"""Have a file read by a process of its own, and take nothing from it but rows."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Final

import msgspec

import server
from server.imports.reader import CPU_S, Order, Read, Refused
from server.imports.rules.columns import Vocabulary
from server.kit.errors import Invalid

TIME_LIMIT_S: Final = CPU_S + 10.0
_ANSWERS: Final[msgspec.msgpack.Decoder[Read | Refused]] = msgspec.msgpack.Decoder(Read | Refused)


class FileNotRead(Invalid):
    """The file cannot be imported; the reason says why."""

    code = "file_not_read"


class SeveralTables(Invalid):
    """Several sheets of a workbook are tables, and all but one would be left out."""

    code = "several_tables"


class RowTooLong(Invalid):
    """A row of a CSV has more cells than there are columns: a comma has cut one of them in two."""

    code = "row_too_long"


_TOLD: Final = {each.code: each for each in (SeveralTables, RowTooLong)}
"""What is refused in words of its own; all else is a file that is not read, for a reason."""


async def read(
    content: bytes,
    vocabulary: Vocabulary,
    encoding: str | None = None,
    *,
    is_whole: bool = False,
) -> Read:
    """Read a file apart from everything else.

    :param is_whole: nothing of it may be left out; see `reader.Order`.
    :raises FileNotRead: with the reader's reason.
    :raises SeveralTables: where nothing may be left out.
    :raises RowTooLong: likewise.
    """
    order = Order(names=vocabulary.names, encoding=encoding, is_whole=is_whole)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "server.imports.reader",
        msgspec.json.encode(order).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # No secrets, no addresses: only where the code is.
        env={"PYTHONPATH": str(Path(server.__file__).parents[1]), "PYTHONUTF8": "1"},
    )
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            answer, _ = await process.communicate(content)
    except TimeoutError as error:
        raise FileNotRead("This file takes too long to read; split it.", reason="slow") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return _taken(answer)


def _taken(answer: bytes) -> Read:
    """Take the reader's answer; one that was killed by a limit has none."""
    try:
        message = _ANSWERS.decode(answer)
    except msgspec.DecodeError as error:
        raise FileNotRead(
            "This file is too large or too odd to be read.", field="file", reason="limits"
        ) from error
    if isinstance(message, Refused) and message.code in _TOLD:
        raise _TOLD[message.code](message.detail, field="file")
    if isinstance(message, Refused):
        raise FileNotRead(message.detail, field="file", reason=message.code)
    return message
