"""A spreadsheet looks like a person's, and its truth is what a careful reader finds in it."""

import csv
import io
import random
import unicodedata
from datetime import date

import openpyxl
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import uscc

from world import numbers, spreadsheets
from world.spreadsheets import Fault, FileKind, Order, Spreadsheet

_ENCODINGS = {
    FileKind.CSV_UTF8: "utf-8",
    FileKind.CSV_UTF8_BOM: "utf-8-sig",
    FileKind.CSV_GB18030: "gb18030",
}


def _written(seed: int, kind: FileKind, vocabulary: int = 0, rows: int = 400) -> Spreadsheet:
    """Write a file from a seed."""
    rng = random.Random(seed)
    order = Order(rows=rows, kind=kind, vocabulary=spreadsheets.VOCABULARIES[vocabulary])
    return spreadsheets.write(rng, numbers.start(rng), order)


def _lines(sheet: Spreadsheet) -> list[dict[str, str]]:
    """Read a file with other programs than the product."""
    if sheet.kind is FileKind.XLSX:
        book = openpyxl.load_workbook(io.BytesIO(sheet.content))
        cells = [
            [str(cell) if cell is not None else "" for cell in row]
            for row in book.worksheets[0].values
        ]
        book.close()
    else:
        text = sheet.content.decode(_ENCODINGS[sheet.kind])
        cells = list(csv.reader(io.StringIO(text, newline="")))
    header = cells[0]
    return [dict(zip(header, row, strict=True)) for row in cells[1:]]


def _mended(text: str) -> str:
    """Read as a careful person does: full-width is half-width, spaces at the ends are nothing."""
    return unicodedata.normalize("NFKC", text).strip()


def _phone(text: str) -> str | None:
    """Read a phone, if it is one."""
    try:
        number = phonenumbers.parse(_mended(text), "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize("kind", list(FileKind))
@pytest.mark.parametrize("vocabulary", range(len(spreadsheets.VOCABULARIES)))
def test_a_careful_reader_finds_in_the_file_what_the_truth_says(
    kind: FileKind, vocabulary: int
) -> None:
    sheet = _written(8, kind, vocabulary)
    headers = sheet.vocabulary.headers

    lines = _lines(sheet)

    assert len(lines) == len(sheet.truth.rows) == 400
    for row, line in zip(sheet.truth.rows, lines, strict=True):
        if not row.faults:
            assert _mended(line[headers["name"]]) == row.fields["name"]
            assert _phone(line[headers["phone"]]) == row.fields["phone"]
            assert uscc.validate(_mended(line[headers["uscc"]])) == row.fields["uscc"]
            assert line[headers["district"]] == row.fields["district"]


@settings(max_examples=15, deadline=None)
@given(st.integers(min_value=0, max_value=2**32), st.sampled_from(list(FileKind)))
def test_good_and_bad_and_repeated_rows_are_all_rows(seed: int, kind: FileKind) -> None:
    sheet = _written(seed, kind)
    truth = sheet.truth

    assert len(truth.good) + len(truth.bad) + len(truth.duplicates) == len(truth.rows)
    assert len(truth.bad) == 12
    assert len(truth.duplicates) == 4
    assert [row.number for row in truth.rows] == list(range(2, 402))
    by_number = {row.number: row for row in truth.rows}
    for row in truth.duplicates:
        original = by_number[row.duplicate_of or 0]
        assert original.number < row.number
        assert not original.faults
        assert original.fields == row.fields
    identities = [row.fields["uscc"] for row in truth.good]
    assert len(set(identities)) == len(identities)


@settings(max_examples=15, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_a_bad_row_cannot_be_mended(seed: int) -> None:
    sheet = _written(seed, FileKind.CSV_UTF8)
    headers = sheet.vocabulary.headers
    lines = _lines(sheet)

    assert {row.faults[0] for row in sheet.truth.bad} == set(Fault)
    for row in sheet.truth.bad:
        line = lines[row.number - 2]
        match row.faults[0]:
            case Fault.BAD_PHONE:
                assert _phone(line[headers["phone"]]) is None
            case Fault.BAD_USCC:
                assert not uscc.is_valid(_mended(line[headers["uscc"]]))
            case Fault.EMPTY_NAME:
                assert not _mended(line[headers["name"]])
            case Fault.NAME_TOO_LONG:
                assert len(line[headers["name"]]) > 300
            case Fault.BAD_STATUS:
                assert (
                    not line[headers["status"]].endswith("客户") or "的" in line[headers["status"]]
                )


def test_some_name_needs_gb18030() -> None:
    rng = random.Random(1)
    order = Order(rows=2000, kind=FileKind.CSV_GB18030)
    sheet = spreadsheets.write(rng, numbers.start(rng), order)

    with pytest.raises(UnicodeDecodeError):
        sheet.content.decode("gbk")
    with pytest.raises(UnicodeDecodeError):
        sheet.content.decode("utf-8")


def test_files_of_one_run_are_of_every_kind_and_do_not_overlap() -> None:
    sheets = spreadsheets.several(random.Random(2), 4, rows=200, today=date(2026, 11, 1))

    codes = [row.fields["uscc"] for sheet in sheets for row in sheet.truth.good]
    assert {sheet.kind for sheet in sheets} == set(FileKind)
    assert len(set(codes)) == len(codes)
