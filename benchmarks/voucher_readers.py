"""Read what was exported as a package would, into the same plain rows whatever the format."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl

from billing.accounting_vouchers.formats import generic, kingdee, u8
from billing.accounting_vouchers.schemas import Voucher
from billing.ledger.schemas import Dimension

Row = tuple[str, str, int, str, str, int, int, dict[str, str]]
"""Day, word, number, summary, account, debit, credit in fen, and what it is counted for."""


def told(vouchers: Sequence[Voucher]) -> list[Row]:
    """Give the rows that vouchers are."""
    return [
        (
            *(f"{voucher.on}", voucher.word, voucher.no or 0, line.summary, line.account_code),
            *(line.debit_minor, line.credit_minor),
            {dimension.value: value for dimension, value in line.dims.items()},
        )
        for voucher in vouchers
        for line in voucher.lines
    ]


def fen(text: object) -> int:
    """Read an amount in yuan exactly."""
    minor = Decimal(str(text or "0")).scaleb(2)
    assert minor == int(minor), "no amount has parts of a fen"
    return int(minor)


def _dims(cells: Any, places: dict[Dimension, Any]) -> dict[str, str]:
    """Read what a row is counted for."""
    return {each.value: cells[place] for each, place in places.items() if cells[place]}


def read_u8(content: bytes) -> list[Row]:
    """Read text for U8."""
    first, *rest = content.decode("gbk").split("\r\n")
    assert first == u8.HEADER
    assert rest.pop() == ""
    rows = [line.split(",") for line in rest]
    assert {len(cells) for cells in rows} <= {u8.WIDTH}
    return [
        (
            *(cells[u8.ON], cells[u8.WORD], int(cells[u8.NO]), cells[u8.SUMMARY]),
            *(cells[u8.ACCOUNT], fen(cells[u8.DEBIT]), fen(cells[u8.CREDIT])),
            _dims(cells, dict(u8.DIMENSIONS)),
        )
        for cells in rows
    ]


def read_csv(content: bytes) -> list[Row]:
    """Read the table of small packages."""
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert tuple(header) == generic.HEADER
    return [_generic(cells) for cells in rows]


def read_xlsx(content: bytes) -> list[Row]:
    """Read the same table as a workbook."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    header, *rows = book.worksheets[0].iter_rows(values_only=True)
    assert header == generic.HEADER
    return [_generic(cells) for cells in rows]


def _generic(cells: Any) -> Row:
    """Read a row of the table."""
    of = dict(zip(generic.HEADER, cells, strict=True))
    return (
        *(of["日期"], of["凭证字"], int(of["凭证号"]), of["摘要"], of["科目代码"]),
        *(fen(of["借方"]), fen(of["贷方"])),
        _dims(of, dict(generic.DIMENSIONS)),
    )


def read_kingdee(content: bytes) -> list[Row]:
    """Read the workbook for Kingdee: a voucher's head stands in its first line."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    codes, names, *rows = book.worksheets[0].iter_rows(values_only=True)
    assert list(zip(codes, names, strict=True)) == list(kingdee.COLUMNS)
    read: list[Row] = []
    for cells in rows:
        of = dict(zip(codes, cells, strict=True))
        if of["FBillHead(GL_VOUCHER)"]:
            head = of
        read.append(
            (
                *(head["FDate"], head["FVOUCHERGROUPID"], int(head["FVOUCHERGROUPNO"])),
                *(of["FEXPLANATION"], of["FACCOUNTID"], fen(of["FDEBIT"]), fen(of["FCREDIT"])),
                _dims(of, dict(kingdee.DIMENSIONS)),
            )
        )
    return read


def read_gbt24589(content: bytes) -> list[Row]:
    """Read the vouchers of a ledger by the standard's names."""
    tree = ET.fromstring(content)  # noqa: S314 - what was just written
    wants: dict[str, list[str]] = {}
    for each in tree.iter("科目辅助核算"):
        wants.setdefault(_of(each, "科目编号"), []).append(_of(each, "辅助项描述"))
    return [
        (
            f"{day[:4]}-{day[4:6]}-{day[6:]}",
            _of(each, "记账凭证类型编号"),
            int(_of(each, "记账凭证编号")),
            _of(each, "记账凭证摘要"),
            _of(each, "科目编号"),
            fen(_of(each, "借方本币金额")),
            fen(_of(each, "贷方本币金额")),
            {
                name: _of(each, f"辅助项{place}编号")
                for place, name in enumerate(wants.get(_of(each, "科目编号"), []), 1)
            },
        )
        for each in tree.iter("记账凭证")
        for day in [_of(each, "记账凭证日期")]
    ]


def _of(record: ET.Element, name: str) -> str:
    """Read a field."""
    text = record.findtext(name)
    assert text is not None, f"there is {name}"
    return text
