"""Text that Yonyou U8 imports (总账 - 凭证引入).

Source: programs in public that write it for U8 and agree on its shape: the first line, GBK, CRLF,
48 columns of which 21 are named in common, and noughts in the same ten of the others. The maker
publishes no specification. A voucher is its date, word and number; its lines stand together; one of
debit and credit is not nothing. Red amounts are below nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from billing.accounting_vouchers.formats.texts import Charset, ensure_base, ensure_columns
from billing.accounting_vouchers.schemas import Line, Volume, Voucher, Written
from billing.journal.rules import amount
from billing.ledger.schemas import Dimension

HEADER: Final = "填制凭证,V800"
CHARSET: Final = "gbk"
WIDTH: Final = 48
ON, WORD, NO, ATTACHED, SUMMARY, ACCOUNT, DEBIT, CREDIT = range(8)
MAKER, HAPPENED_ON = 11, 14
DIMENSIONS: Final[Mapping[Dimension, int]] = {
    Dimension.DEPARTMENT: 15,
    Dimension.EMPLOYEE: 16,
    Dimension.CUSTOMER: 17,
    Dimension.AGENT: 18,
    Dimension.PROGRAM: 20,
}
"""部门, 个人, 客户, 供应商, 项目."""
_NOUGHTS: Final = (27, 29, 38, 39, 40, 41, 42, 44, 45, 46, 47)
_ALSO: Final = {",": "，", '"': "＂", "\r": " ", "\n": " ", "\t": " "}
"""Columns are parted by commas, and nothing is quoted."""


def ensure_writable(volume: Volume) -> None:
    """Refuse what the file cannot hold.

    :raises ExportForeignCurrency: it is not in the books' own currency.
    :raises ExportDimensionUnknown: a line is counted for what has no column.
    """
    ensure_base(volume)
    ensure_columns(volume, DIMENSIONS, "U8")


def write(volume: Volume) -> Written:
    """Write vouchers; characters that GBK lacks become 〓, commas full-width ones, as is told.

    :raises ExportForeignCurrency: they are not in the books' own currency.
    :raises ExportDimensionUnknown: a line is counted for what has no column.
    """
    ensure_writable(volume)
    charset = Charset(CHARSET, also=_ALSO)
    rows = [HEADER, *(row for each in volume.vouchers for row in _rows(each, charset))]
    content = "".join(f"{row}\r\n" for row in rows).encode(CHARSET)
    return Written(content, charset.replaced())


def _rows(voucher: Voucher, charset: Charset) -> Iterator[str]:
    """Write the lines of a voucher."""
    for line in voucher.lines:
        yield ",".join(_cells(voucher, line, charset))


def _cells(voucher: Voucher, line: Line, charset: Charset) -> list[str]:
    """Write the columns of a line."""
    cells = [""] * WIDTH
    for place in _NOUGHTS:
        cells[place] = "0"
    cells[ON] = cells[HAPPENED_ON] = f"{voucher.on}"
    cells[WORD], cells[NO], cells[ATTACHED] = voucher.word, f"{voucher.no}", "0"
    cells[SUMMARY], cells[ACCOUNT] = charset.fit(line.summary), line.account_code
    cells[DEBIT] = amount(line.debit_minor, voucher.currency)
    cells[CREDIT] = amount(line.credit_minor, voucher.currency)
    cells[MAKER] = charset.fit(voucher.maker_name)
    for dimension, value in line.dims.items():
        cells[DIMENSIONS[dimension]] = charset.fit(value)
    return cells
