"""Odd workbooks are read right, or refused by row and column; nothing of them is left out."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import numbers

from billing.reconciliation.rules.columns import Field
from billing.reconciliation.rules.lines import LineState, Side
from server.imports.sandbox import SeveralTables
from server.reconciliation import service
from server.reconciliation.schemas import FileSeen
from tests.factories import NOW, Tenant
from tests.server.benefits import stories
from tests.server.reconciliation.stories import FINANCE

pytestmark = pytest.mark.usefixtures("database")
HEADER = ["单号", "金额", "日期", "状态"]
DAY = date(2026, 3, 2)
SERIAL = 46083
"""The same day as spreadsheets count."""
_FORMULA = re.compile(rb"<c ([^>]*)>(<f>.*?</f>)<v ?/?>(?:</v>)?</c>")


async def seen(
    tenant: Tenant, fill: Callable[[Any], None], save: Callable[[bytes], bytes] = bytes
) -> FileSeen:
    """Make a workbook, save it, and look at it as it would be read."""
    book = openpyxl.Workbook()
    fill(book)
    made = io.BytesIO()
    book.save(made)
    await stories.admit(tenant)
    content = save(made.getvalue())
    return await service.preview(FINANCE, Side.HERE, content, agent_id=tenant.tenant_id, now=NOW)


def told(found: FileSeen) -> list[tuple[int, str, int, date]]:
    """Give number, id, amount and day of the lines."""
    assert found.refusal is None
    return [(each.number, each.id, each.amount_minor, each.on) for each in found.lines]


def unread(found: FileSeen) -> list[tuple[int, Field, str]]:
    """Give row, column and code of the cells that cannot be read."""
    return [(each.row, each.field, each.code) for each in found.unread]


async def test_column_names_below_a_title_and_blank_rows_and_over_several_columns(
    tenant: Tenant,
) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        sheet["A3"] = "三月权益对账"
        sheet.merge_cells("A3:D3")
        for column, name in enumerate(["单号", "权益", None, "状态"], 1):
            sheet.cell(5, column, name)
        sheet.merge_cells("B5:C5")
        sheet.merge_cells("A5:A6")
        sheet["B6"], sheet["C6"] = "金额", "日期"
        for column, value in enumerate(["X-1", 50, DAY, "有效"], 1):
            sheet.cell(8, column, value)

    assert told(await seen(tenant, fill)) == [(8, "X-1", 5000, DAY)]


async def test_days_are_read_as_numbers_as_days_and_as_text(tenant: Tenant) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(HEADER)
        for written in (SERIAL, datetime(2026, 3, 2, 23, 30), DAY, "2026年3月2日", "20260302"):  # noqa: DTZ001 - a cell's time has no zone
            sheet.append(["X-1", 1, written, "有效"])
        sheet.cell(2, 3).number_format = numbers.FORMAT_GENERAL

    assert [day for *_, day in told(await seen(tenant, fill))] == [DAY] * 5


async def test_amounts_as_people_write_them(tenant: Tenant) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(HEADER)
        for written in ("¥1,234.50", "￥ 1，234.5", "1,234.50元", 1234.5, "12,34.50", "1.2万"):
            sheet.append(["X-1", written, DAY, "有效"])

    found = await seen(tenant, fill)

    assert [amount for _, _, amount, _ in told(found)] == [123450] * 4
    assert unread(found) == [(at, Field.AMOUNT, "cell_unread") for at in (6, 7)]


async def test_what_a_formula_has_not_come_to_is_refused_in_each_column(tenant: Tenant) -> None:
    """A workbook that a program made has no values beside its formulas; others have errors."""

    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(HEADER)
        for column in range(4):
            row: list[Any] = ["X-1", 5, DAY, "有效"]
            row[column] = "=B99"
            sheet.append(row)
        for column in range(4):
            row = ["X-1", 5, DAY, "有效"]
            row[column] = "#N/A"
            sheet.append(row)

    found = await seen(tenant, fill)

    assert told(found) == []
    columns = [Field.ID, Field.AMOUNT, Field.DAY, Field.STATE]
    assert unread(found) == [
        (at, field, "cell_unread") for at, field in enumerate([*columns, *columns], 2)
    ]


async def test_a_formula_that_came_to_an_empty_text_says_nothing(tenant: Tenant) -> None:
    """So spreadsheets save rows that are drawn down below the last one, t="str" and no letters."""

    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(HEADER)
        sheet.append(["X-1", 5, DAY, '=IF(F2="","",F2)'])
        sheet.append(['=IF(F3="","",F3)'] * 4)

    found = await seen(tenant, fill, _saved)

    assert (told(found), unread(found), found.rows) == ([(2, "X-1", 500, DAY)], [], 1)


def _saved(content: bytes) -> bytes:
    """Save with each formula that it came to the empty text."""
    saved = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as made, zipfile.ZipFile(saved, "w") as archive:
        for name in made.namelist():
            part = made.read(name)
            if name.startswith("xl/worksheets/"):
                part = _FORMULA.sub(rb'<c \1 t="str">\2<v></v></c>', part)
            archive.writestr(name, part)
    return saved.getvalue()


async def test_hidden_rows_count_as_the_others_do(tenant: Tenant) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(HEADER)
        for at in range(1, 4):
            sheet.append([f"X-{at}", at, DAY, "已撤销"])
        sheet.row_dimensions[3].hidden = True
        sheet.auto_filter.ref = "A1:D4"

    found = await seen(tenant, fill)

    assert [reference for _, reference, *_ in told(found)] == ["X-1", "X-2", "X-3"]
    assert {each.state for each in found.lines} == {LineState.REVERSED}


async def test_of_several_sheets_the_one_that_is_a_table_is_read(tenant: Tenant) -> None:
    def fill(book: Any) -> None:
        book.active.append(["说明", "请勿修改"])
        for name, state in (("旧数据", "hidden"), ("三月", "visible")):
            sheet = book.create_sheet(name)
            sheet.sheet_state = state
            sheet.append(HEADER)
            sheet.append([name, 1, DAY, "有效"])

    assert [reference for _, reference, *_ in told(await seen(tenant, fill))] == ["三月"]


async def test_two_sheets_that_are_tables_are_refused_since_one_would_be_left_out(
    tenant: Tenant,
) -> None:
    def fill(book: Any) -> None:
        for sheet in (book.active, book.create_sheet("下半月")):
            sheet.append(HEADER)
            sheet.append(["X-1", 1, DAY, "有效"])

    with pytest.raises(SeveralTables):
        await seen(tenant, fill)


async def test_long_numbers_are_read_while_a_spreadsheet_has_all_their_digits(
    tenant: Tenant,
) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(HEADER)
        # As Excel keeps what was typed with 15, 16 and 18 digits; and as text.
        for written in (123456789012345.0, 1234567890123450, 1.23456789012345e17):
            sheet.append([written, 1, DAY, "有效"])
        sheet.append(["123456789012345678", 1, DAY, "有效"])

    found = await seen(tenant, fill)

    assert [reference for _, reference, *_ in told(found)] == [
        *("123456789012345", "123456789012345678"),
    ]
    assert unread(found) == [(3, Field.ID, "digits_lost"), (4, Field.ID, "digits_lost")]
