"""What came of a file as sheets: the cells that could not be read, and what differs.

The sheet of unread cells repeats nothing of what they say.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from billing.money import decimals
from billing.reconciliation.rules.findings import Kind
from billing.reconciliation.rules.lines import Side
from billing.reconciliation.schemas import ExceptionOutcome
from server.access import Actor
from server.audit.exports import Columns, written
from server.kit import sheets
from server.reconciliation import queries, words
from server.reconciliation.schemas import ReconExceptionRow

_HEADING: Final = ("行号", "列", "原因代码", "原因", "reason")
_AMOUNTS: Final = (Kind.AMOUNT_DIFFERS, Kind.SUM_DIFFERS)
"""Where what a side says is an amount in minor units."""
_OUTCOMES: Final[Mapping[ExceptionOutcome, str]] = {
    ExceptionOutcome.CORRECTED_HERE: "平台已更正",
    ExceptionOutcome.CORRECTED_THERE: "代理商已更正",
    ExceptionOutcome.ACCEPTED: "双方保留，不再更正",
    ExceptionOutcome.REJECTED: "平台不予认可",
}
_DIFFERENCES: Final[Columns[ReconExceptionRow]] = {
    "差异编号": lambda each: str(each.id),
    "差异": lambda each: each.words_zh,
    "我方行号": lambda each: _numbers(each.here),
    "对方行号": lambda each: _numbers(each.there),
    "我方编号": lambda each: " ".join(each.here_ids),
    "对方编号": lambda each: " ".join(each.there_ids),
    "我方记录": lambda each: _said(each, each.here_says),
    "对方记录": lambda each: _said(each, each.there_says),
    "我方金额": lambda each: _amount(each.here_minor, _currency(each, each.here_says)),
    "对方金额": lambda each: _amount(each.there_minor, _currency(each, each.there_says)),
    "币种": lambda each: each.currency,
    "轮到": lambda each: None if each.outcome else "我方" if each.owner is Side.HERE else "对方",
    "期限": lambda each: None if each.outcome else each.due_on,
    "代理商答复": lambda each: each.answer,
    "结果": lambda each: each.outcome and _OUTCOMES[each.outcome],
    "说明": lambda each: each.note,
    "处理时间": lambda each: each.resolved_at,
}
"""What heads a column, and what stands in it; our side is who asks."""


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


async def differences(
    actor: Actor, seen_by: Side, file_id: UUID, *, now: datetime
) -> AsyncIterator[bytes]:
    """Write how a file differs as CSV, a block at a time; at most `queries.EXPORTED_MAX` lines.

    :raises FileNotFound: also when the file is another company's.
    """

    async def blocks() -> AsyncIterator[bytes]:
        async for block in queries.differences_of(actor, seen_by, file_id, now=now):
            yield sheets.csv_of(
                [[written(cell(each)) for cell in _DIFFERENCES.values()] for each in block]
            )

    return await sheets.begun(blocks(), before=sheets.BOM + sheets.csv_of([list(_DIFFERENCES)]))


def _numbers(lines: list[int]) -> str:
    """Write numbers of lines, the first ten of many."""
    shown = " ".join(map(str, lines[: queries.NUMBERS_MAX]))
    return shown + (" …" if len(lines) > queries.NUMBERS_MAX else "")


def _currency(found: ReconExceptionRow, said: str) -> str:
    """Give a side's currency: its own where the currencies are what differs."""
    return said if found.kind is Kind.CURRENCY_DIFFERS and said else found.currency


def _said(found: ReconExceptionRow, text: str) -> str | Decimal:
    """Write what a side says: an amount as amounts are written, all else in its words."""
    is_amount = found.kind in _AMOUNTS and text.isascii() and text.isdigit()
    return _amount(int(text), found.currency) if is_amount else text


def _amount(minor: int, currency: str) -> Decimal:
    """Write an amount with the decimals of its currency."""
    return Decimal(minor).scaleb(-decimals(currency))
