"""A statement as a file: a workbook with amounts that add up, and a paper."""

import asyncio
import io
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.money import decimals
from billing.statements import rules as books
from billing.statements.schemas import Outcome, Said, Side, StatementLineView
from server.kit import apart, papers, typesetting
from server.statements import rules
from server.statements.schemas import StatementAccountView, StatementDetail

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEMPLATE: Final = Path(__file__).with_name("statement.typ")
WORKBOOK_LINES: Final = 100_000
PAPER_LINES: Final = 2_000
"""What has more is told on paper by its sums; its lines are in the workbook."""
_HEADING: Final = (
    *(
        "行号",
        "账户",
        "日期",
        "事项",
        "待结变动",
        "入账变动",
        "入账余额",
        "确认",
        "异议理由",
        "答复",
    ),
    "凭证编号",
)
_WIDTHS: Final = (6, 24, 12, 12, 14, 14, 16, 8, 28, 28, 40)
_SAID: Final[Mapping[Said | None, str]] = {
    None: "",
    Said.CONFIRMED: "已确认",
    Said.DISPUTED: "有异议",
}
_OUTCOMES: Final[Mapping[Outcome | None, str]] = {
    None: "",
    Outcome.CORRECTED: "已更正",
    Outcome.KEPT: "维持",
}
_COMMISSION: Final = "佣金"


def _name(account: StatementAccountView) -> str:
    """Name an account as both sides do."""
    return f"权益·{account.program_name}" if account.program_id else _COMMISSION


def _answer(line: StatementLineView) -> str:
    """Say what was answered to a dispute."""
    return "：".join(filter(None, (_OUTCOMES[line.outcome], line.note)))


# ------------------------------------------------------------------------------------ a workbook


async def as_workbook(told: StatementDetail, lines: Sequence[StatementLineView]) -> bytes:
    """Give a statement with its lines as XLSX, made in a process of its own."""
    return await asyncio.to_thread(apart.made_apart, lambda: workbook(told, lines))


def workbook(told: StatementDetail, lines: Sequence[StatementLineView]) -> bytes:
    """Write a statement: a sheet with its accounts' sums, and one with its lines."""
    import xlsxwriter  # noqa: PLC0415 - 14 MiB that only an export needs

    target = io.BytesIO()
    scale = decimals(told.currency)
    with xlsxwriter.Workbook(target, {"constant_memory": True, "in_memory": True}) as book:
        amount = book.add_format({"num_format": f"#,##0.{'0' * scale}" if scale else "#,##0"})
        write = _writer(amount, scale)
        sums = book.add_worksheet("汇总")
        sums.set_column(0, 6, 20)
        for row, cells in enumerate(_sums(told)):
            write(sums, row, cells)
        sheet = book.add_worksheet("明细")
        for column, width in enumerate(_WIDTHS):
            sheet.set_column(column, column, width)
        write(sheet, 0, list(_HEADING))
        names = {each.account_id: _name(each) for each in told.accounts}
        for row, line in enumerate(lines, 1):
            write(sheet, row, _cells(line, names[line.account_id]))
    return target.getvalue()


def _writer(amount: Any, scale: int) -> Callable[[Any, int, Sequence[str | int | None]], None]:
    """Give what writes a row: numbers are amounts, text is never a formula."""

    def write(sheet: Any, row: int, cells: Sequence[str | int | None]) -> None:
        for column, cell in enumerate(cells):
            if isinstance(cell, int):
                sheet.write_number(row, column, Decimal(cell).scaleb(-scale), amount)
            elif cell:
                sheet.write_string(row, column, cell)

    return write


def _sums(told: StatementDetail) -> list[list[str | int | None]]:
    """Write what stands before the lines."""
    head: list[list[str | int | None]] = [
        ["结算单", told.month],
        ["代理商", told.agent_name],
        ["币种", told.currency],
        ["内容指纹", told.hash],
        [],
        ["账户", "期初待结", "期初入账", "期末待结", "期末入账"],
    ]
    return head + [
        [
            _name(each),
            each.opening_pending,
            each.opening_posted,
            each.closing_pending,
            each.closing_posted,
        ]
        for each in told.accounts
    ]


def _cells(line: StatementLineView, account: str) -> list[str | int | None]:
    """Write one line."""
    said = [_SAID[line.said], line.reason, _answer(line), str(line.transfer_id)]
    texts = [str(line.n), account, f"{line.on}", rules.event(line.event)]
    return [*texts, line.pending_minor, line.posted_minor, line.posted_after, *said]


# --------------------------------------------------------------------------------------- a paper


async def as_pdf(told: StatementDetail, lines: Sequence[StatementLineView]) -> bytes:
    """Give a statement as PDF, in Chinese, with its lines where they are not too many.

    :raises NoChineseFont: the server's operator has to install one.
    :raises NotPrinted: it took too long.
    """
    said = paper(told, lines if told.lines <= PAPER_LINES else ())
    return await typesetting.typeset(TEMPLATE, msgspec.json.encode(said))


def paper(told: StatementDetail, lines: Sequence[StatementLineView]) -> dict[str, Any]:
    """Write a statement as the typesetter takes it: texts alone, none of which is markup."""
    owed = sum(each.closing_posted for each in told.accounts if each.program_id is None)
    by_account: dict[UUID, list[StatementLineView]] = {}
    for line in lines:
        by_account.setdefault(line.account_id, []).append(line)
    year, month = told.month.split("-")
    begins, ends = books.bounds(books.first_day(told.month))
    return {
        "title": f"对账单 {told.month} {told.agent_name}",
        "number": told.id.hex[-12:].upper(),
        "agent": told.agent_name,
        "period": f"{year} 年 {int(month)} 月",
        "begins": f"{begins:%Y-%m-%d}",
        "ends": f"{books.last_day(ends):%Y-%m-%d}",
        "currency": told.currency,
        "drawn": f"{told.drawn_at.astimezone(books.ZONE):%Y-%m-%d %H:%M}",
        "answer_by": f"{told.answer_by}",
        "hash": told.hash,
        "owed": papers.amount(owed, told.currency),
        "words": papers.in_words(owed) if told.currency == "CNY" else "",
        "lines": told.lines,
        "has_lines": bool(lines) or not told.lines,
        "disputes": told.disputes,
        "accounts": [
            _section(each, by_account.get(each.account_id, []), told.currency)
            for each in told.accounts
        ],
        **{f"{side}_signed": _signature(told, side) for side in Side},
    }


def _section(
    account: StatementAccountView, lines: Sequence[StatementLineView], currency: str
) -> dict[str, Any]:
    """Write one account: its sums, then its lines."""

    def said(minor: int) -> str:
        return papers.amount(minor, currency)

    return {
        "name": _name(account),
        "count": account.lines,
        "opening": said(account.opening_posted),
        "moved": said(account.closing_posted - account.opening_posted),
        "closing": said(account.closing_posted),
        "pending": said(account.closing_pending),
        "lines": [
            {
                "n": str(line.n),
                "on": f"{line.on}",
                "event": rules.event(line.event),
                "pending": said(line.pending_minor) if line.pending_minor else "",
                "posted": said(line.posted_minor) if line.posted_minor else "",
                "after": said(line.posted_after),
                "said": _SAID[line.said],
                "answer": _answer(line),
            }
            for line in lines
        ],
    }


def _signature(told: StatementDetail, side: Side) -> dict[str, str] | None:
    """Write one side's signature; None where it has not signed."""
    found = next((each for each in told.signatures if each.side is side), None)
    if found is None:
        return None
    at = f"{found.signed_at.astimezone(books.ZONE):%Y-%m-%d %H:%M}"
    return {
        "at": at,
        "by": found.signed_by.hex[-8:].upper(),
        "key": found.public_key or "",
        "signature": found.signature or "",
    }
