"""An agent's statement of a month and its year, as files: amounts add up, text is no formula."""

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from litestar import Response

from billing.commissions.rules.statements import Statement, StatementKind
from billing.commissions.schemas import AgentYear, YearLine, YearTotal
from billing.money import decimals
from server.kit.sheets import BOM, CSV, attached, csv_of

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_HEADING: Final = ("日期", "事项", "金额", "余额", "币种", "凭证编号")
_WIDTHS: Final = (12, 12, 16, 16, 8, 40)
_KINDS: Final[Mapping[StatementKind, str]] = {
    StatementKind.EARNED: "佣金",
    StatementKind.CLAWED_BACK: "退款追回",
    StatementKind.CORRECTED: "更正",
    StatementKind.PAID_OUT: "付款",
    StatementKind.PAYMENT_RETURNED: "付款退回",
    StatementKind.WITHHELD: "代扣个税",
    StatementKind.WITHHELD_RETURNED: "代扣个税退回",
}
"""What moved an account, as the agent is told."""


def workbook(told: Statement) -> bytes:
    """Write a statement: what stood, each line with what stood after it, what stands."""
    import xlsxwriter  # noqa: PLC0415 - 14 MiB that only an export needs

    target = io.BytesIO()
    scale = decimals(told.currency)
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet(f"{told.period:%Y-%m}")
        amount = book.add_format({"num_format": f"#,##0.{'0' * scale}" if scale else "#,##0"})

        def line(row: int, texts: Mapping[int, str], minors: Mapping[int, int]) -> None:
            for column, text in texts.items():
                sheet.write_string(row, column, text)
            for column, minor in minors.items():
                sheet.write_number(row, column, Decimal(minor).scaleb(-scale), amount)

        for column, width in enumerate(_WIDTHS):
            sheet.set_column(column, column, width)
        line(0, dict(enumerate(_HEADING)), {})
        line(1, {1: "期初余额", 4: told.currency}, {3: told.opening_minor})
        stands = told.opening_minor
        for row, each in enumerate(told.lines, 2):
            stands += each.amount_minor
            texts = {0: f"{each.on}", 1: _KINDS[each.kind], 4: told.currency}
            line(row, {**texts, 5: str(each.transfer_id)}, {2: each.amount_minor, 3: stands})
        moved = sum(each.amount_minor for each in told.lines)
        last = {1: "期末余额", 4: told.currency}
        line(len(told.lines) + 2, last, {2: moved, 3: told.closing_minor})
    return target.getvalue()


# ---------------------------------------------------------------------------------------- a year

_YEAR: Final = (
    *("月份", "方案编号", "币种", "佣金", "退款追回", "更正", "已付（税前）", "退回"),
    *("代扣个税", "实付"),
)
"""Of plans only what adds up over them is told; tax is withheld of a payment as a whole."""
_PAYMENT: Final = ("日期", "事项", "币种", "税前", "代扣个税", "实付")
_MOVED: Final = YearTotal.__struct_fields__[1:]
Row: TypeAlias = tuple[Sequence[str], list[Decimal]]
"""Texts, and amounts in whole units of a currency."""


def _amounts(each: YearLine | YearTotal) -> list[Decimal]:
    """Give what a line has of a total's amounts."""
    scale = decimals(each.currency)
    minors = [getattr(each, name) for name in _MOVED if hasattr(each, name)]
    return [Decimal(minor).scaleb(-scale) for minor in minors]


def _year_rows(told: AgentYear) -> list[Row]:
    """Give a year's lines, and the sum of each currency below them."""
    lines: list[Row] = [
        ((f"{each.month:%Y-%m}", str(each.plan_id), each.currency), _amounts(each))
        for each in told.lines
    ]
    return lines + [(("合计", "", each.currency), _amounts(each)) for each in told.totals]


def _payment_rows(told: AgentYear) -> list[Row]:
    """Give a year's payments and what came back."""
    return [
        (
            (f"{each.on}", "付款退回" if each.is_return else "付款", each.currency),
            [
                Decimal(minor).scaleb(-decimals(each.currency))
                for minor in (each.amount_minor, each.withheld_minor, each.net_minor)
            ],
        )
        for each in told.payments
    ]


def year_as_csv(told: AgentYear) -> Response[bytes]:
    """Answer a year as CSV that is saved."""
    headers = attached(f"commission-{told.year}.csv")
    return Response(year_csv(told), media_type=CSV, headers=headers)


def year_as_xlsx(told: AgentYear) -> Response[bytes]:
    """Answer a year as a workbook that is saved."""
    headers = attached(f"commission-{told.year}.xlsx")
    return Response(year_workbook(told), media_type=XLSX, headers=headers)


def year_csv(told: AgentYear) -> bytes:
    """Write a year as CSV that spreadsheet programs open."""
    rows = [[*texts, *(f"{amount:f}" for amount in amounts)] for texts, amounts in _year_rows(told)]
    wide = [row + [""] * (len(_YEAR) - len(row)) for row in rows]
    return BOM + csv_of([_YEAR, *wide])


def year_workbook(told: AgentYear) -> bytes:
    """Write a year as a workbook: a line a month and plan with their sums, and a line a payment."""
    import xlsxwriter  # noqa: PLC0415 - 14 MiB that only an export needs

    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        for name, heading, rows in (
            (f"{told.year}", _YEAR, _year_rows(told)),
            ("付款", _PAYMENT, _payment_rows(told)),
        ):
            sheet = book.add_worksheet(name)
            sheet.set_column(0, 0, 12)
            sheet.set_column(1, 1, 38 if heading is _YEAR else 12)
            sheet.set_column(3, len(heading) - 1, 16)
            for column, text in enumerate(heading):
                sheet.write_string(0, column, text)
            for row, (texts, amounts) in enumerate(rows, 1):
                scale = decimals(texts[2])
                form = book.add_format({"num_format": f"#,##0.{'0' * scale}" if scale else "#,##0"})
                for column, text in enumerate(texts):
                    sheet.write_string(row, column, text)
                for column, amount in enumerate(amounts, 3):
                    sheet.write_number(row, column, amount, form)
    return target.getvalue()
