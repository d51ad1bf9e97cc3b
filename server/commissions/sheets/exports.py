"""The rows of a sheet that were not recorded, to be corrected and sent again."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from server.access import Actor
from server.commissions.sheets import queries, words
from server.commissions.sheets.columns import TOLD
from server.commissions.sheets.schemas import SheetProblem, SheetRow
from server.kit import sheets
from server.kit.cells import harmless


async def refused(actor: Actor, sheet_id: UUID, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the refused rows as CSV, a block at a time: as they were, and why each was refused.

    Of ignored columns nothing was kept: they are blank. The agents that are named are told.

    :raises NotFound: there is no such sheet.
    """
    header, found = await queries.refused(actor, sheet_id, now=now)
    called = [harmless(name) for name in header if name not in TOLD]
    places = [at for at, name in enumerate(header) if name not in TOLD]

    async def blocks() -> AsyncIterator[bytes]:
        async for block in found:
            yield sheets.csv_of([_line(each, places) for each in block])

    return await sheets.begun(blocks(), before=sheets.BOM + sheets.csv_of([[*called, *TOLD]]))


def _line(row: SheetRow, places: list[int]) -> list[str]:
    """Write a row with its number, and why it was refused."""
    cells = [harmless(row.cells[at]) if at < len(row.cells) else "" for at in places]
    codes = " ".join(dict.fromkeys(each.code for each in row.problems))
    told = "".join(map(_why, row.problems))
    why = " ".join(f"{each.field}: {each.detail}" for each in row.problems)
    return [*cells, str(row.row), codes, told, harmless(why)]


def _why(problem: SheetProblem) -> str:
    """Say what is wrong with a cell."""
    return f"{words.column(problem.field)}：{words.reason(problem.code)}"
