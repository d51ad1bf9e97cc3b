"""Print a quote as PDF."""

import asyncio
import contextlib
import sys
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

import server
from server.access import Actor
from server.identity import queries as identity
from server.kit.errors import Unavailable
from server.sales import queries
from server.sales.printing import paper
from server.tenants import queries as tenants

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


async def as_pdf(actor: Actor, quote_id: UUID, *, now: datetime) -> bytes:
    """Give a quote within sight as PDF, in Chinese and English; nobody sees a floor there.

    :raises NotFound: there is no such quote, or it is out of sight.
    :raises NoChineseFont: the server's operator has to install one.
    :raises NotPrinted: it took too long.
    """
    quote = await queries.one(actor, quote_id)
    company = await tenants.tenant(actor)
    people = (await identity.directory(actor)).people
    author = people.get(quote.edited_by, "")
    said = paper.content(quote, company=company.name, author=author, now=now)
    return await typeset(msgspec.json.encode(said))


async def typeset(content: bytes, *more: str) -> bytes:
    """Have a process of its own typeset a paper; its memory goes with it.

    :param more: further words of its command line.
    """
    async with _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "server.sales.printing.typesetter", *more),
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
        raise NotPrinted("The quote could not be printed; try again.")
    return pdf
