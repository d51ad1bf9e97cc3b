"""Print papers as PDF: a process of its own typesets them, and its memory goes with it."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Final

import server
from server.kit.errors import Unavailable

TIME_LIMIT_S: Final = 20.0
PDF: Final = "application/pdf"
NO_FONT: Final = 3
"""The typesetter's exit code; its module is not imported here, for it brings the typesetter."""
_AT_ONCE: Final = asyncio.Semaphore(2)


class NoChineseFont(Unavailable):
    """The server has no font with Chinese characters, so nothing is printed."""

    code = "no_chinese_font"


class NotPrinted(Unavailable):
    """The typesetter did not answer in time."""

    code = "not_printed"


async def typeset(template: Path, content: bytes, *more: str) -> bytes:
    """Have a process of its own typeset a paper; its memory goes with it.

    :param template: in the typesetter's language; what people wrote comes in as data.
    :param content: what the paper says, as JSON.
    :param more: further words of its command line.
    :raises NoChineseFont: the server's operator has to install one.
    :raises NotPrinted: it took too long, or could not be done.
    """
    async with _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "server.kit.typesetter", str(template), *more),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # No secrets, no addresses: only where the code is.
            env={"PYTHONPATH": str(Path(server.__file__).parents[1]), "PYTHONUTF8": "1"},
        )
        try:
            async with asyncio.timeout(TIME_LIMIT_S):
                pdf, _ = await process.communicate(content)
        except TimeoutError as error:
            raise NotPrinted("Printing took too long; try again.") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    if process.returncode == NO_FONT:
        raise NoChineseFont(
            "This server has no Chinese font; its operator installs one, on Debian fonts-noto-cjk."
        )
    if process.returncode or not pdf.startswith(b"%PDF"):
        raise NotPrinted("The paper could not be printed; try again.")
    return pdf
