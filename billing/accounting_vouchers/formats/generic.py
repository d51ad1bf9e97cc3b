"""A table that small packages import, as CSV or a workbook.

Source: the first eleven columns are those that importers of small Chinese packages have in common;
no package's own specification is followed. Behind them stands who checked it and what a line is
counted for.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from billing.accounting_vouchers.formats.texts import BASE, sides
from billing.accounting_vouchers.schemas import Volume, Written
from billing.ledger.schemas import Dimension
from billing.money import decimals

DIMENSIONS: Final[Mapping[Dimension, str]] = {
    Dimension.AGENT: "代理商",
    Dimension.CUSTOMER: "客户",
    Dimension.PROGRAM: "权益方案",
    Dimension.REGION: "地区",
    Dimension.DEPARTMENT: "部门",
    Dimension.EMPLOYEE: "员工",
    Dimension.PROJECT: "项目",
}
HEADER: Final = (
    *("日期", "凭证字", "凭证号", "附单据数", "摘要", "科目代码", "借方", "贷方", "币别", "汇率"),
    *("制单人", "审核人", "科目名称"),
    *DIMENSIONS.values(),
)
DEBIT: Final = HEADER.index("借方")
CREDIT: Final = HEADER.index("贷方")
_NUMBERS: Final = (HEADER.index("凭证号"), HEADER.index("附单据数"))
_AMOUNTS: Final = (DEBIT, CREDIT)
_BOM: Final = b"\xef\xbb\xbf"
_MADE: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""A workbook says when it was made; the same vouchers are the same bytes whenever that is."""


def ensure_writable(_: Volume) -> None:
    """Refuse nothing: there is a column for all that vouchers say."""


def write_csv(volume: Volume) -> Written:
    """Write vouchers as CSV in UTF-8, by its mark known to spreadsheet programs."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(_rows(volume))
    return Written(_BOM + target.getvalue().encode())


def write_xlsx(volume: Volume) -> Written:
    """Write vouchers as a workbook: amounts that add up, text that is no formula."""
    import xlsxwriter  # noqa: PLC0415 - 14 MiB that only an export needs

    target, scale = io.BytesIO(), decimals(volume.currency)
    with xlsxwriter.Workbook(target, {"in_memory": True, "constant_memory": True}) as book:
        book.set_properties({"created": _MADE})
        form = book.add_format({"num_format": f"#,##0.{'0' * scale}" if scale else "#,##0"})
        sheet = book.add_worksheet("凭证")
        sheet.set_column(0, len(HEADER) - 1, 12)
        for row, cells in enumerate((HEADER, *_rows(volume))):
            for column, text in enumerate(cells):
                if row and column in _AMOUNTS:
                    if text:
                        sheet.write_number(row, column, Decimal(text), form)
                elif row and column in _NUMBERS:
                    sheet.write_number(row, column, int(text))
                elif text:
                    sheet.write_string(row, column, text)
    return Written(target.getvalue())


def _rows(volume: Volume) -> Iterator[tuple[str, ...]]:
    """Write the cells of each line."""
    rate = "1" if volume.currency == BASE else ""
    for voucher in volume.vouchers:
        for line in voucher.lines:
            yield (
                *(f"{voucher.on}", voucher.word, f"{voucher.no}", "0", line.summary),
                *(line.account_code, *sides(line, volume.currency), volume.currency, rate),
                *(voucher.maker_name, voucher.checker_name or ""),
                volume.chart[line.account_code].name,
                *(line.dims.get(dimension, "") for dimension in DIMENSIONS),
            )
