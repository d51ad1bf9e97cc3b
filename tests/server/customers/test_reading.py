"""Spreadsheets are read as people make them, and hostile ones are refused in words."""

import contextlib
import csv
import io
import random
import resource
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.customers.imports.columns import VOCABULARY
from server.customers.imports.rows import Known
from server.customers.imports.rows import interpret as as_customer
from server.imports import csv_text, reader, sandbox, xlsx
from server.imports.reader import Order as ReadOrder
from server.imports.rules.rows import Interpreted, said_by
from server.imports.sandbox import FileNotRead
from server.imports.sheets import FileRefused, Row, Sheet, as_table, unpacked
from server.kit.cells import harmless, plain
from world import numbers
from world.spreadsheets import VOCABULARIES, FileKind, Order, Vocabulary, write

TABLE = [
    ["客户名称", "电话", "备注"],
    ["杭州龙井茶行", "13805710001", '逢"六"有集,别去'],
    ["绍兴黄酒坊", "", "两行\n备注;还有|号"],
]
# Written down: they stand in names of tests, which must be the same in each process of a run.
OWNER = "01900000-0000-7000-8000-00000000000a"
TAGS = {
    "重点": "01900000-0000-7000-8000-00000000000b",
    "老客户": "01900000-0000-7000-8000-00000000000c",
}
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"


def read_sheet(content: bytes) -> Sheet:
    """Read a file of customers."""
    return reader.read(content, VOCABULARY)


def split_header(sheet: Sheet) -> tuple[list[str], list[Row]]:
    """Give the column names and what stands below them."""
    table = as_table(sheet.rows, VOCABULARY)
    rows = [row for chunk in table.chunks for row in unpacked(chunk)]
    assert len(rows) == table.row_count
    return table.header, rows


def interpret(row: Row, columns: list[str | None], known: Known) -> Interpreted:
    """Understand a row of a sheet."""
    return as_customer(row.number, said_by(row.cells, columns, {}), known)


@pytest.mark.parametrize("kind", FileKind)
@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda each: each.name)
def test_every_kind_of_file_is_understood_row_by_row(
    kind: FileKind, vocabulary: Vocabulary
) -> None:
    rng = random.Random(7)
    order = Order(rows=400, kind=kind, vocabulary=vocabulary, bad_per_thousand=100)
    file = write(rng, numbers.start(rng), order)

    header, rows = split_header(read_sheet(file.content))
    guessed = VOCABULARY.guess(header)
    told = {row.number: interpret(row, guessed, Known()) for row in rows}

    assert {row.number for row in file.truth.bad} == {
        number for number, row in told.items() if row.problems
    }
    for row in file.truth.rows:
        if not row.faults:
            wanted = {name: value for name, value in row.fields.items() if value}
            assert told[row.number].fields == wanted


@pytest.mark.parametrize(
    ("encode", "named"),
    [
        (lambda text: text.encode(), "utf-8"),
        (lambda text: text.encode("utf-8-sig"), "utf-8-sig"),
        (lambda text: text.encode("gb18030"), "gb18030"),
        (lambda text: text.encode("utf-16"), "utf-16"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_encoding_and_delimiter_are_found(
    encode: Callable[[str], bytes], named: str, delimiter: str
) -> None:
    table = io.StringIO()
    csv.writer(table, delimiter=delimiter).writerows(TABLE)

    sheet = read_sheet(encode(table.getvalue()))

    assert (sheet.encoding, sheet.delimiter) == (named, delimiter)
    assert [row.cells for row in sheet.rows] == TABLE


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("客戶名稱\r\n龍井茶行\r\n臺北麵館\r\n".encode("big5"), "encoding_uncertain"),
        ("名前\r\nさくら商店\r\nみどり食堂\r\n".encode("shift_jis"), "encoding_uncertain"),
        (b"name,phone\r\nCaf\xe9 Z\xfcrich,1\r\n", "encoding_uncertain"),
        (b"name\0,phone", "not_text"),
        (b"\xff\xfe\x00", "encoding_wrong"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls_old"),
        (b"PK\x03\x04 and nothing more", "xlsx_broken"),
        (b"name," * 300 + b"\r\n" + b"a," * 300, "too_many_columns"),
        (b"name\r\n" + b"a\r\n" * 310_001, "too_many_rows"),
        (b"name\r\n" + b"a" * 30_000, "cell_too_long"),
        (b'name\r\n"' + b"a" * 300_000, "csv_broken"),
        ('客户名称,电话\r\n"龙井茶行,1\r\n黄酒坊,2\r\n'.encode(), "quote_open"),
        ('客户名称,电话\r\n龙井茶行,"1'.encode(), "quote_open"),
    ],
)
def test_what_is_not_certain_or_too_large_is_refused_in_words(content: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_sheet(content)

    assert refused.value.code == code
    assert len(refused.value.detail) > 20


@pytest.mark.parametrize(
    "content", [b"", b"\r\n\r\n", "客户名称,电话\r\n".encode(), b",,,\r\n,,\r\n"]
)
def test_a_file_without_rows_is_refused(content: bytes) -> None:
    with pytest.raises(FileRefused) as refused:
        split_header(read_sheet(content))

    assert refused.value.code == "empty"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_any_bytes_are_a_sheet_or_refused(content: bytes) -> None:
    for read in (csv_text.read, lambda given: xlsx.read(given, VOCABULARY), read_sheet):
        with contextlib.suppress(FileRefused):
            assert all(any(row.cells) for row in read(content).rows)


def workbook(change: Callable[[openpyxl.Workbook], None]) -> bytes:
    """Make a workbook as Excel would."""
    book = openpyxl.Workbook()
    change(book)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def with_shared_strings(*rows: list[str]) -> bytes:
    """Make a workbook whose cells share their texts."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, cells in enumerate(rows):
        sheet.write_row(number, 0, cells)
    book.close()
    return target.getvalue()


def replaced(
    content: bytes, part: str, change: Callable[[bytes], bytes], how: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Change a part of a workbook."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w", how) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return target.getvalue()


def simple(book: openpyxl.Workbook) -> None:
    book.active.append(["客户名称", "电话"])
    book.active.append(["龙井茶行", 13805710001])


def test_a_workbook_is_read_as_a_person_sees_it() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        hidden = book.create_sheet("旧", 0)
        hidden.sheet_state = "hidden"
        hidden.append(["不要"])
        book.active = 1
        simple(book)
        sheet = book.worksheets[1]
        sheet.append(["=1+1", 12.5, True, None, "第五列"])
        sheet["A9"] = "隔了几行"

    sheet = read_sheet(workbook(fill))

    assert list(sheet.rows) == [
        Row(1, ["客户名称", "电话"]),
        Row(2, ["龙井茶行", "13805710001"]),
        # A formula is never computed; nobody saved a value with this one.
        Row(3, ["", "12.5", "TRUE", "", "第五列"]),
        Row(9, ["隔了几行"]),
    ]


def test_a_text_over_several_rows_is_said_of_each_and_a_number_of_the_first() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.active
        sheet.append(["客户名称", "联系人", "预计金额", "负责人"])
        for person in ("甲", "乙", "丙", None, "丁"):
            sheet.append([None, person])
        sheet["A2"], sheet["C2"], sheet["D3"] = "龙井茶行", 500, "王"
        for span in ("A2:A5", "C2:C4", "D3:D4", "A7:D7"):
            sheet.merge_cells(span)

    assert list(read_sheet(workbook(fill)).rows)[1:] == [
        Row(2, ["龙井茶行", "甲", "500"]),
        Row(3, ["龙井茶行", "乙", "", "王"]),
        Row(4, ["龙井茶行", "丙", "", "王"]),
        # Nothing stands in row 5 but the merged cell.
        Row(6, ["", "丁"]),
    ]


def test_a_text_over_more_rows_than_are_read_at_once_is_said_of_all() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        book.active.append(["客户名称", "联系人"])
        for number in range(2, 2_500):
            book.active.append([None, f"第{number}人"])
        book.active["A2"] = "龙井茶行"
        book.active.merge_cells("A2:A2400")

    rows = list(read_sheet(workbook(fill)).rows)

    assert [row.number for row in rows if "龙井茶行" in row.cells] == list(range(2, 2_401))


def test_a_long_text_over_all_rows_is_too_long() -> None:
    rows = [["客户名称", "备注"], ["茶" * 20_000, "1"], *(["", "1"] for _ in range(2_600))]
    merged = replaced(
        with_shared_strings(*rows),
        SHEET,
        lambda xml: xml.replace(
            b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="A2:A2602"/></mergeCells>'
        ),
    )

    with pytest.raises(FileRefused) as refused:
        read_sheet(merged)

    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        (b"0.10000000000000001", "0.1"),
        (b"2451.3699999999999", "2451.37"),
        (b"0.30000000000000004", "0.30000000000000004"),
        (b"123456789012345678", "123456789012345678"),
        # Fifteen digits are what a spreadsheet keeps; it never had the others.
        (b"1234567890123450", "1.234567890123450E+15"),
        (b"123456789012345000", "1.23456789012345000E+17"),
    ],
)
def test_a_number_is_read_as_short_as_it_was_typed(stored: bytes, seen: str) -> None:
    typed = replaced(
        workbook(simple),
        SHEET,
        lambda xml: xml.replace(b"<v>13805710001</v>", b"<v>%b</v>" % stored),
    )

    assert list(read_sheet(typed).rows)[1] == Row(2, ["龙井茶行", seen])


@pytest.mark.parametrize(
    ("value", "number_format", "seen"),
    [
        (0.13, "0%", "13%"),
        (0.005, "0.00%", "0.5%"),
        (1, "0%", "100%"),
        (0.29, '0.0" 点"%', "29%"),
        (0.13, '0.00"%"', "0.13"),
        (0.13, "0.00", "0.13"),
    ],
)
def test_a_percentage_is_read_as_one(value: float, number_format: str, seen: str) -> None:
    def fill(book: openpyxl.Workbook) -> None:
        simple(book)
        book.active["B2"] = value
        book.active["B2"].number_format = number_format

    assert list(read_sheet(workbook(fill)).rows)[1] == Row(2, ["龙井茶行", seen])


def test_a_style_of_thousands_of_digits_is_none() -> None:
    hostile = replaced(
        workbook(simple),
        SHEET,
        lambda xml: xml.replace(b'r="B2"', b'r="B2" s="%b"' % (b"1" * 5000)),
    )

    assert list(read_sheet(hostile).rows)[1] == Row(2, ["龙井茶行", "13805710001"])


def test_a_page_of_notes_before_the_table_is_passed_over() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        book.active.append(["说明", "本表由系统导出"])
        table = book.create_sheet("客户")
        table.append(["客户名称", "电话"])
        table.append(["龙井茶行", 13805710001])

    sheet = read_sheet(workbook(fill))

    assert list(sheet.rows)[1:] == [Row(2, ["龙井茶行", "13805710001"])]


def test_one_cell_in_the_last_corner_is_one_cell() -> None:
    corner = replaced(
        workbook(simple),
        SHEET,
        lambda xml: xml.replace(b'r="2"', b'r="1048576"').replace(b"A2", b"A1048576"),
    )

    assert [row.number for row in read_sheet(corner).rows] == [1, 1048576]

    wide = replaced(corner, SHEET, lambda xml: xml.replace(b"B2", b"XFD1048576"))
    with pytest.raises(FileRefused) as refused:
        read_sheet(wide)
    assert refused.value.code == "too_many_columns"


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("part", "change", "code"),
    [
        ("xl/workbook.xml", lambda xml: ENTITIES + xml.rpartition(b"?>")[2], "xlsx_doctype"),
        (STRINGS, lambda xml: ENTITIES + xml.rpartition(b"?>")[2], "xlsx_doctype"),
        (SHEET, lambda xml: ENTITIES + xml, "xlsx_doctype"),
        (SHEET, lambda xml: xml[:-20], "xlsx_broken"),
        (SHEET, lambda _: b"\0" * 30_000_000, "xlsx_bomb"),
        (
            RELATIONS,
            lambda xml: xml.replace(b"Target=", b'TargetMode="External" Target='),
            "xlsx_broken",
        ),
        (RELATIONS, lambda xml: xml.replace(b"worksheets/", b"../../../etc/"), "xlsx_broken"),
    ],
)
def test_a_hostile_workbook_is_refused(
    part: str, change: Callable[[bytes], bytes], code: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        read_sheet(replaced(with_shared_strings(["客户名称"], ["龙井茶行"]), part, change))

    assert refused.value.code == code


def test_a_workbook_of_too_many_parts_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(3000):
            archive.writestr(f"xl/{number}.xml", "x")

    with pytest.raises(FileRefused) as refused:
        read_sheet(target.getvalue())
    assert refused.value.code == "xlsx_bomb"


def test_a_text_that_a_million_cells_share_is_counted_a_million_times() -> None:
    shared = with_shared_strings(["x" * 15_000] * 50)

    def many(xml: bytes) -> bytes:
        head, row, rest = xml.partition(b"<row")
        body, end, tail = (row + rest).partition(b"</row>")
        return head + (body + end) * 100 + tail

    with pytest.raises(FileRefused) as refused:
        read_sheet(replaced(shared, SHEET, many, zipfile.ZIP_STORED))
    assert refused.value.code == "too_large"


async def test_the_reader_is_a_process_of_its_own() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)

    content = "客户名称,电话\r\n杭州龙井茶行,13805710001\r\n".encode("gb18030")

    read = await sandbox.read(content, VOCABULARY)
    with pytest.raises(FileNotRead) as refused:
        await sandbox.read(b"name\0", VOCABULARY)

    assert read == reader.answer(content, ReadOrder(names=VOCABULARY.names))
    assert [unpacked(chunk) for chunk in read.chunks] == [[Row(2, ["杭州龙井茶行", "13805710001"])]]
    assert refused.value.extra["reason"] == "not_text"
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@settings(max_examples=300, deadline=None)
@given(st.text("ab=+-@|'%\n\r\t ＝＠茶", max_size=20))
def test_a_cell_never_begins_a_formula_and_comes_back_as_it_was(text: str) -> None:
    marked = harmless(text)

    for line in marked.replace("\r", "\n").split("\n"):
        bare = line.strip()
        assert not bare or bare[0] not in "=+-@|%＝＋－＠"
    assert plain(marked) == text


@given(st.text(max_size=30))
def test_only_marks_are_taken_off(text: str) -> None:
    if not text.startswith("'") and "\n'" not in text and "\r'" not in text:
        assert plain(text) == text or any(sign in text for sign in "\r\n")


@pytest.mark.parametrize(
    ("column", "cell", "field", "value"),
    [
        ("expected_revenue_yuan", "￥1.2万", "expected_revenue_minor", 1_200_000),
        ("expected_revenue_yuan", "12,000.50元", "expected_revenue_minor", 1_200_050),
        ("status", "意向", "status", "intent"),
        ("status", "成交客户", "status", "signed"),
        ("status", "LOST", "status", "lost"),
        ("level", "b类", "level", "B"),
        ("owner", " 张 三 ", "owner_id", OWNER),
        ("tags", "重点；老客户", "tags", sorted(TAGS.values())),
        ("name", "'=店", "name", "=店"),
        ("phone", "13805710001.0", "phone", "+8613805710001"),
    ],
)
def test_a_cell_is_read_as_people_write(column: str, cell: str, field: str, value: object) -> None:
    known = Known(owners={"张 三": OWNER}, tags=TAGS)

    row = interpret(Row(2, ["茶行", cell]), [None if column == "name" else "name", column], known)

    assert row.problems == ()
    assert row.fields[field] == value


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("expected_revenue_yuan", "很多", "bad_amount"),
        ("expected_revenue_yuan", "1.234", "bad_amount"),
        ("expected_revenue_yuan", "9" * 40, "bad_amount"),
        ("expected_revenue_minor", "1.5", "bad_amount"),
        ("expected_revenue_minor", "-1", "bad_amount"),
        ("expected_revenue_minor", "10000000000001", "bad_amount"),
        ("expected_revenue_yuan", "-0.01", "bad_amount"),
        ("expected_revenue_yuan", "100000000000.01", "bad_amount"),
        ("expected_revenue_yuan", "9" * 5000, "bad_amount"),
        ("status", "再看看", "bad_status"),
        ("level", "E", "bad_value"),
        ("owner", "李四", "unknown_owner"),
        ("owner", "王五", "ambiguous_owner"),
        ("owner_id", "me", "unknown_owner"),
        ("tags", "新标签", "unknown_tag"),
        ("id", "7", "bad_id"),
        ("phone", "找老板要", "bad_phone"),
        ("uscc", "91", "bad_uscc"),
        ("remark", "a\x01b", "bad_value"),
        ("contact_phone", "1", "bad_phone"),
        ("phone", "1.38E+10", "digits_lost"),
        ("uscc", "9.13302E+17", "digits_lost"),
    ],
)
def test_a_cell_that_nobody_can_read_is_told_with_its_column(
    column: str, cell: str, code: str
) -> None:
    known = Known(owners={"王五": None})

    row = interpret(Row(2, ["茶行", cell]), ["name", column], known)

    assert [problem.code for problem in row.problems] == [code]


@pytest.mark.parametrize("name", ["合计", "总 计：", "Total"])
def test_the_line_under_a_table_makes_no_customer(name: str) -> None:
    row = interpret(Row(9, [name, "15000"]), ["name", "expected_revenue_yuan"], Known())

    assert [problem.code for problem in row.problems] == ["sum_row"]


def test_columns_may_be_named_in_english() -> None:
    header = ["Company Name", "Phone Number", "Stage", "Contact Person", "Revenue"]

    assert VOCABULARY.guess(header) == [
        *("name", "phone", "status", "contact_name", "expected_revenue_yuan")
    ]


def test_a_title_above_the_column_names_is_skipped() -> None:
    content = "2026年客户登记表\r\n\r\n序号,客户名称*,联系电话：,备注\r\n1,龙井茶行,,\r\n".encode()

    header, rows = split_header(read_sheet(content))

    assert VOCABULARY.guess(header) == [None, "name", "phone", "remark"]
    assert [row.number for row in rows] == [4]


def test_two_rows_of_column_names_are_read_together() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        sheet = book.active
        sheet.append(["2026年客户台账"])
        sheet.append(["客户名称", "联系人", None, "地址", None, "电话"])
        sheet.append([None, "姓名", "电话", "城市", "详细地址"])
        sheet.append(["龙井茶行", "王芳", "13805710001", "杭州市", "龙井路1号", "0571-88880000"])
        for span in ("A1:F1", "A2:A3", "B2:C2", "D2:E2", "F2:F3"):
            sheet.merge_cells(span)

    as_text = "客户名称,联系人,,城市\r\n,姓名,职务,\r\n龙井茶行,王芳,店长,杭州市\r\n".encode()

    columns, rows = zip(*map(split_header, map(read_sheet, (workbook(fill), as_text))), strict=True)

    assert [VOCABULARY.guess(each) for each in columns] == [
        ["name", "contact_name", "contact_phone", "city", "address", "phone"],
        ["name", "contact_name", "contact_title", "city"],
    ]
    assert [[row.number for row in each] for each in rows] == [[4], [3]]


def test_a_row_below_one_row_of_column_names_is_data() -> None:
    content = "客户,联系人,地址\r\n公司,电话,地址\r\n公司,,\r\n".encode()

    header, rows = split_header(read_sheet(content))

    assert (header, len(rows)) == (["客户", "联系人", "地址"], 2)


def test_of_a_header_that_says_two_things_the_more_needed_one_is_read() -> None:
    header = ["联系人/店名", "手机／电话", "负责人/跟进人", "甲/乙", "渠道来源"]

    assert VOCABULARY.guess(header) == ["name", "phone", "owner", None, "source"]
