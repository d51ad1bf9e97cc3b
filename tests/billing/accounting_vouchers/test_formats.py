"""What is exported is read back as it was, to the fen; what a format cannot hold is told."""

from collections.abc import Callable
from xml.etree import ElementTree as ET

import msgspec
import pytest

from benchmarks import voucher_readers as readers
from billing.accounting_vouchers.formats import gbt24589, generic, kingdee, u8
from billing.accounting_vouchers.formats.texts import (
    ExportDimensionUnknown,
    ExportForeignCurrency,
)
from billing.accounting_vouchers.schemas import Replaced, Volume, Written
from billing.ledger.schemas import Dimension
from tests.billing.accounting_vouchers.volumes import make_volume

Writer = Callable[[Volume], Written]
Reader = Callable[[bytes], list[readers.Row]]
_FORMATS = {
    "u8": (u8.write, readers.read_u8),
    "kingdee": (kingdee.write, readers.read_kingdee),
    "csv": (generic.write_csv, readers.read_csv),
    "xlsx": (generic.write_xlsx, readers.read_xlsx),
    "gbt24589": (gbt24589.write, readers.read_gbt24589),
}
_PACKAGES = [u8.write, kingdee.write, gbt24589.write]


def _as_gbk(text: str) -> str:
    """Write what U8 is told to find instead of what GBK lacks."""
    for character, by in (("𠮷", "〓"), (",", "，"), ('"', "＂")):
        text = text.replace(character, by)
    return text


@pytest.mark.parametrize(("write", "read"), _FORMATS.values(), ids=_FORMATS)
def test_s98_what_is_exported_is_read_back_as_it_was(write: Writer, read: Reader) -> None:
    volume = make_volume(7, 400)

    written = write(volume)

    expected = readers.told(volume.vouchers)
    if write is u8.write:
        expected = [(*row[:3], _as_gbk(row[3]), *row[4:]) for row in expected]
    assert read(written.content) == expected
    assert write(volume).content == written.content


def test_u8_tells_which_characters_it_replaced_and_how_often() -> None:
    volume = make_volume(7, 200)
    texts = [line.summary for each in volume.vouchers for line in each.lines]

    written = u8.write(volume)

    assert written.replaced == [
        Replaced(character='"', by="＂", times=sum(text.count('"') for text in texts)),
        Replaced(character=",", by="，", times=sum(text.count(",") for text in texts)),
        Replaced(character="𠮷", by="〓", times=sum(text.count("𠮷") for text in texts)),
    ]
    assert all(each.times for each in written.replaced)
    assert "镕" in written.content.decode("gbk"), "what GBK has is kept"


def test_a_voucher_of_u8_is_one_block_with_one_amount_a_line() -> None:
    rows = readers.read_u8(u8.write(make_volume(3, 300)).content)

    blocks = [row[:3] for place, row in enumerate(rows) if row[:3] != rows[place - 1][:3]]
    assert len(blocks) == len({row[1:3] for row in rows})
    assert all((row[5] == 0) != (row[6] == 0) for row in rows)


def test_the_standards_balances_go_on_to_the_fen() -> None:
    volume = make_volume(5, 200)

    content = gbt24589.write(volume).content.decode()

    tree = ET.fromstring(content)  # noqa: S314 - what was just written
    for each in tree.iter("科目余额及发生额"):
        opening, debit, credit, closing = (
            readers.fen(each.findtext(name))
            for name in ("期初本币余额", "借方本币金额", "贷方本币金额", "期末本币余额")
        )
        signs = {"借": 1, "贷": -1, "平": 0}
        assert (
            signs[each.findtext("期初余额方向") or ""] * opening + debit - credit
            == signs[each.findtext("期末余额方向") or ""] * closing
        )


@pytest.mark.parametrize("write", _PACKAGES)
def test_a_package_takes_the_books_own_currency_alone(write: Writer) -> None:
    with pytest.raises(ExportForeignCurrency, match="USD"):
        write(msgspec.structs.replace(make_volume(1, 5), currency="USD"))


@pytest.mark.parametrize("write", _PACKAGES[:2])
def test_what_a_package_has_no_column_for_is_named(write: Writer) -> None:
    volume = make_volume(1, 5)
    voucher = volume.vouchers[0]
    line = msgspec.structs.replace(voucher.lines[0], dims={Dimension.REGION: "110000"})
    odd = msgspec.structs.replace(voucher, lines=[line, *voucher.lines[1:]])

    with pytest.raises(ExportDimensionUnknown, match=f"{line.account_code}.*region"):
        write(msgspec.structs.replace(volume, vouchers=[odd]))
