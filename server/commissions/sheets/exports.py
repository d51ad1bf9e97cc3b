"""The rows of a sheet that were not recorded, to be corrected and sent again."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import Response

from server.access import Actor
from server.commissions.sheets import queries, words
from server.commissions.sheets.columns import TOLD, SaleField
from server.commissions.sheets.schemas import SheetProblem, SheetRow
from server.kit import sheets
from server.kit.cells import harmless

_TEMPLATE: Final = (
    *(SaleField.REFERENCE, SaleField.SALE, SaleField.AGENT, SaleField.PLAN, SaleField.CONTRACT),
    *(SaleField.DAY, SaleField.SOLD, SaleField.REASON),
)
"""The columns of the sheet that is handed out to be filled in."""


def template(actor: Actor) -> Response[bytes]:
    """Answer an empty sheet whose columns are known."""
    queries.ensure_may_see(actor)
    content = sheets.BOM + sheets.csv_of([[words.column(field) for field in _TEMPLATE]])
    headers = sheets.attached("sales.csv")
    return Response(content, media_type=sheets.CSV, headers=headers)


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
