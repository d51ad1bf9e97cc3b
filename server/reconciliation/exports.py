"""The cells of a file that could not be read, as a sheet. It repeats nothing of what they say."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.reconciliation.rules.lines import Side
from server.access import Actor
from server.kit import sheets
from server.reconciliation import queries, words

_HEADING: Final = ("行号", "列", "原因代码", "原因", "reason")


async def rejected(
    actor: Actor, seen_by: Side, file_id: UUID, *, now: datetime
) -> AsyncIterator[bytes]:
    """Write the rejected cells as CSV, a block at a time.

    :raises FileNotFound: also when the file is another company's.
    """

    async def blocks() -> AsyncIterator[bytes]:
        async for block in queries.rejected(actor, seen_by, file_id, now=now):
            yield sheets.csv_of(
                [
                    (
                        str(each.row),
                        words.column(each.field),
                        each.code,
                        words.reason(each.code),
                        each.detail,
                    )
                    for each in block
                ]
            )

    return await sheets.begun(blocks(), before=sheets.BOM + sheets.csv_of([_HEADING]))
