"""A file of the other side is read exactly, or not at all."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import MINOR_MAX
from billing.reconciliation.rules import cells, columns
from billing.reconciliation.rules.cells import Cell, CellUnread
from billing.reconciliation.rules.columns import AmountsScaled, ColumnMap, Field, RowReader
from billing.reconciliation.rules.lines import LineState

HEADER = ["权益编号", "客户标识", "活动", "金额", "币种", "日期", "状态"]
PROGRAM, OTHER = UUID(int=9), UUID(int=10)
ROW: list[Cell] = ["a-1", "c-1", str(PROGRAM), "12,000.50", "CNY", "2026-03-02", "已发放"]


@given(st.integers(1, MINOR_MAX))
def test_an_amount_is_read_as_it_was_written(minor: int) -> None:
    written = f"{minor // 100}.{minor % 100:02}"
    spelt = [written, f"{minor // 100:,}.{minor % 100:02}", f"￥{written}", f"{written}元"]
    spelt.append(written.translate(str.maketrans("0123456789.", "０１２３４５６７８９．")))

    assert {cells.amount_minor(each, "CNY") for each in spelt} == {minor}
    assert cells.amount_minor(Decimal(minor), "POINTS") == minor


@given(st.integers(1, 10**13))
def test_a_float_of_a_spreadsheet_is_taken_by_its_shortest_form(minor: int) -> None:
    assert cells.amount_minor(minor / 100, "CNY") == minor


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (0.1 + 0.2, "amount_off_scale"),
        ("12.005", "amount_off_scale"),
        (1e-7, "amount_off_scale"),
        ("-12.00", "amount_negative"),
        ("−12.00", "amount_negative"),
        ("(12.00)", "amount_negative"),
        (-3, "amount_negative"),
        ("0.00", "amount_too_large"),
        (str(MINOR_MAX), "amount_too_large"),
        (1e300, "amount_too_large"),
        ("9" * 5_000, "amount_too_large"),
        ("0" * 5_000, "amount_too_large"),
        ("12" + ".0" + "0" * 5_000 + "1", "amount_off_scale"),
        ("1.23E+12", "digits_lost"),
        ("$12.00", "currency_unexpected"),
        ("USD 12.00", "currency_unexpected"),
        ("12,00", "cell_unread"),
        ("1.234,56", "cell_unread"),
        ("12,3456.00", "cell_unread"),
        ("12.00)", "cell_unread"),
        ("twelve", "cell_unread"),
        ("٣", "cell_unread"),
        # A note's number is no digit of the amount.
        *((f"1200{note}", "cell_unread") for note in ("①", "²", "⒈", "⑩")),
        ("", "cell_unread"),
        (None, "cell_unread"),
        (True, "cell_unread"),
        (float("nan"), "cell_unread"),
        (float("inf"), "cell_unread"),
    ],
)
def test_an_amount_that_is_not_exact_is_refused(cell: Cell, code: str) -> None:
    with pytest.raises(CellUnread) as refused:
        cells.amount_minor(cell, "CNY")

    assert refused.value.code == code


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-03-02", "2026/3/2", "2026.3.2", "20260302", "2026年3月2日", "2026-03-02 09:30:00"),
        *("46083", "２０２６-０３-０２", date(2026, 3, 2), datetime(2026, 3, 2, 9)),  # noqa: DTZ001 - a cell's
    ],
)
def test_a_day_is_read_as_people_write_it(cell: Cell) -> None:
    assert cells.day(cell) == date(2026, 3, 2)


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-03-01T16:30:00Z", "2026-03-01T16:00Z", "2026-03-01 18:00:00.5+00:00"),
        *("2026-03-02T23:59:59+08:00", "2026/3/2 9:30 +0900", "2026-03-02T00:30:00+0830"),
        *("2026-03-01T11:00:00-05", "2026-03-02T15:59:59.999z", "2026-03-01 16:30:00 UTC"),
        *("2026-03-02T00:00", "2026-03-02 23:59:59", "2026年3月2日 9:30", "2026-03-02  09:30"),
        *(datetime(2026, 3, 1, 16, tzinfo=UTC), datetime(2026, 3, 2, 15, 59, tzinfo=UTC)),
    ],
)
def test_a_moment_is_of_its_day_in_china(cell: Cell) -> None:
    assert cells.day(cell) == date(2026, 3, 2)


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-02-30", "3/2/2026", "yesterday", "", None, "0000-01-01"),
        *("2026-03-02 至 2026-03-31", "2026-03-02 ~ 03-31", "2026-03-02 (补)", "2026-03-02 9"),
        *("2026-03-02T25:00", "2026-03-02 10:61", "2026-03-02T10:00+99:00", "2026-03-02Z"),
        *("9999-12-31T23:00Z", "0001-01-01T00:00+09:00", "46083 至 46090", "46083.9 10:00"),
        *("2026-03-0②", "2026-03-2¹", "4608³"),
    ],
)
def test_a_day_that_is_none_is_refused(cell: Cell) -> None:
    with pytest.raises(CellUnread):
        cells.day(cell)


@pytest.mark.parametrize(
    "called", ["金额（万元）", "金额(万)", "千元金额", "金额【百万元】", "金额/亿"]
)
def test_amounts_in_thousands_are_refused(called: str) -> None:
    """1.5 of them would be read as one yuan and a half."""
    header = [called if name == "金额" else name for name in HEADER]
    by = msgspec.structs.replace(
        columns.guess(HEADER), columns={**columns.guess(HEADER).columns, Field.AMOUNT: called}
    )

    with pytest.raises(AmountsScaled) as refused:
        RowReader(header, by)

    assert refused.value.columns == (called,)


@pytest.mark.parametrize("called", ["金额（元）", "金额(CNY)", "万家乐金额", "千禧店金额"])
def test_amounts_of_whoever_has_a_large_number_in_the_name_are_read(called: str) -> None:
    by = ColumnMap(columns={Field.AMOUNT: called, Field.DAY: "日期"})

    [line], _ = RowReader([called, "日期"], by).read([(2, ["1.50", "2026-03-02"])])

    assert line.amount_minor == 150


def test_a_row_is_read_by_the_guessed_map() -> None:
    [line], problems = RowReader(HEADER, columns.guess(HEADER)).read([(2, ROW)])

    assert problems == []
    assert (line.number, line.id, line.customer, line.program) == (2, "a-1", "c-1", str(PROGRAM))
    assert (line.amount_minor, line.currency, line.on) == (1_200_050, "CNY", date(2026, 3, 2))


@pytest.mark.parametrize("unseen", ["\u200b", "\u202a", "\u2060", "\ufeff", "\u00ad"])
def test_letters_that_nobody_sees_change_nothing(unseen: str) -> None:
    """So chats and web pages hand on what is copied from them: two that look alike are alike."""
    header, row = (
        [f"{unseen}{str(each)[:1]}{unseen}{str(each)[1:]}{unseen}" for each in cells_of]
        for cells_of in (HEADER, ROW)
    )

    seen = RowReader(header, columns.guess(header)).read([(2, row)])

    assert seen == RowReader(HEADER, columns.guess(HEADER)).read([(2, ROW)])


def test_a_saved_map_reads_what_this_source_says() -> None:
    by = ColumnMap(
        columns={Field.NAME: "客户", Field.AMOUNT: "实付", Field.DAY: "日期", Field.STATE: "备注"},
        ignored=["序号"],
        currency="POINTS",
        program=str(PROGRAM),
        state_words={"客户退单": LineState.REVERSED},
    )

    [line], _ = RowReader(["序号", "客户", " 实付* ", "日期", "备注"], by).read(
        [(2, ["1", "云水", "１，２００", "2026-03-02", "客户退单"]), (3, ["合计", "", "1200"])]
    )

    assert (line.amount_minor, line.currency, line.program) == (1200, "POINTS", str(PROGRAM))
    assert line.state is LineState.REVERSED


@pytest.mark.parametrize(
    "row",
    [
        ["合计", "", "", "12,000.50", "", "2026-03-31", ""],
        ["", "总计：", "", "12,000.50", "CNY", "2026-03-31", "已发放"],
        ["小 计", "", str(PROGRAM), "1", "", "20260331"],
        ["Total", "", "", "12,000.50", "", ""],
    ],
)
def test_a_row_that_adds_the_others_up_is_passed_over_even_where_it_says_a_day(
    row: list[str],
) -> None:
    reader = RowReader(HEADER, columns.guess(HEADER))

    lines, problems = reader.read([(2, ROW), (3, row), (4, reader.nameless([*row, "制表人"]))])

    assert ([line.number for line in lines], problems) == ([2], [])
    assert "制表人" not in reader.nameless([*row, "制表人"])


def test_a_customer_of_whom_there_is_an_id_may_be_called_like_a_sum() -> None:
    header = ["客户名称", "单号", "金额", "日期"]
    reader = RowReader(header, columns.guess(header))

    [line], _ = reader.read([(2, reader.nameless(["Total", "X-1", "5", "2026-03-02"]))])

    assert (line.id, line.amount_minor) == ("X-1", 500)


def test_a_text_that_is_written_as_a_formula_is_read_as_the_text() -> None:
    """So CSV files keep spreadsheets from making numbers of texts."""
    written = ['="a-1"', ' ="a-1" ', '＝"ａ-1"', '=" a-1"', '="a ""b"""', '=""', '="a', "=A1"]

    read = [cells.text(each) for each in written]

    assert read == ["a-1", "a-1", "a-1", "a-1", 'a "b"', "", '="a', "=A1"]


def test_every_cell_may_be_written_as_a_formula() -> None:
    header = [f'="{name}"' for name in HEADER]
    token = "0123456789abcdef" * 2
    row = [f'="{cell}"' for cell in (ROW[0], token, *ROW[2:])]
    reader = RowReader(header, columns.guess(header))

    kept, problems = reader.read([(2, row), (3, reader.nameless(row))])

    assert (problems, [line.number for line in kept]) == ([], [2, 3])
    for line in kept:
        assert (line.id, line.customer, line.program) == ("a-1", token, str(PROGRAM))
        assert (line.amount_minor, line.on) == (1_200_050, date(2026, 3, 2))


def test_a_program_is_read_by_its_id_or_by_what_this_source_calls_it() -> None:
    by = msgspec.structs.replace(
        columns.guess(HEADER),
        program="门店换新",
        program_words={"门店换新": OTHER, "ＶＩＰ ": PROGRAM},
    )

    def row(number: int, program: str) -> tuple[int, list[Cell]]:
        return number, [*ROW[:2], program, *ROW[3:]]

    lines, problems = RowReader(HEADER, by).read(
        [row(2, "vip"), row(3, str(OTHER).upper()), row(4, ""), row(5, "门店换新补贴")]
    )

    assert [line.program for line in lines] == [str(PROGRAM), str(OTHER), str(OTHER)]
    assert [(each.row, each.field, each.code) for each in problems] == [
        (5, "program", "program_unknown")
    ]


def test_every_column_is_read_or_ignored_by_name() -> None:
    with pytest.raises(columns.ColumnsUnknown) as unknown:
        RowReader([*HEADER, "经办人", "毛利"], columns.guess(HEADER))
    with pytest.raises(columns.ColumnsMissing) as missing:
        RowReader(HEADER[:3], columns.guess(HEADER[:3]))
    with pytest.raises(columns.ColumnTwice):
        RowReader([*HEADER, "金 额"], columns.guess(HEADER))

    assert unknown.value.columns == ("经办人", "毛利")
    assert missing.value.columns == ("amount", "day")


def test_a_row_says_all_that_is_wrong_with_it() -> None:
    reader = RowReader(HEADER, columns.guess(HEADER))

    lines, problems = reader.read(
        [(2, ROW), (3, ["", "", "", "-1", "US$", "soon", "maybe"]), (4, ["1.2E+17"])]
    )

    assert [line.number for line in lines] == [2]
    assert [(each.row, each.field, each.code) for each in problems] == [
        (3, "currency", "cell_unread"),
        (3, "amount", "amount_negative"),
        (3, "day", "cell_unread"),
        (3, "state", "cell_unread"),
        (3, "id", "whose_unsaid"),
        (4, "amount", "cell_unread"),
        (4, "day", "cell_unread"),
        (4, "id", "digits_lost"),
    ]


def test_a_row_that_does_not_say_whose_it_is_is_told() -> None:
    header = ["日期", "金额", "客户名称", "客户标识"]
    reader = RowReader(header, columns.guess(header))
    rows = [
        ["2026-03-02", "5", "", "c-1"],
        ["2026-03-02", "5", "云水", ""],
        ["2026-03-02", "5", " ", '=""'],
        ["2026-03-02", "5"],
        ["2026-03-02", "5", "", "1.2E+17"],
    ]

    read = reader.read(enumerate(rows, 2))
    lines, problems = reader.read((n, reader.nameless(row)) for n, row in enumerate(rows[:4], 2))
    days_sums, none = RowReader(header[:2], columns.guess(header[:2])).read([(2, rows[3])])

    assert [line.number for line in lines] == [line.number for line in read[0]] == [2, 3]
    assert [(each.row, each.field, each.code) for each in problems] == [
        (4, "customer", "whose_unsaid"),
        (5, "customer", "whose_unsaid"),
    ]
    assert [(each.row, each.code) for each in read[1][2:]] == [(6, "digits_lost")]
    # A file that has no such column is one of days' sums.
    assert ([line.amount_minor for line in days_sums], none) == ([500], [])


def test_what_is_said_of_each_column_is_a_map_and_can_be_shown_again() -> None:
    header = ["单号", "", "实付", "实付（旧）", "日期", "备注"]
    fields = [Field.ID, None, Field.AMOUNT, None, Field.DAY, None]

    by = columns.said(header, fields)

    assert by.columns == {Field.ID: "单号", Field.AMOUNT: "实付", Field.DAY: "日期"}
    assert by.ignored == ["实付（旧）", "备注"]
    assert columns.fields_of(header, by) == fields
    RowReader(header, by)
    # Of two columns for one field the second is left to be said.
    with pytest.raises(columns.ColumnsUnknown) as unknown:
        RowReader(header, columns.said(header, [Field.ID, None, *[Field.AMOUNT] * 2, *fields[4:]]))
    assert unknown.value.columns == ("实付（旧）",)


def test_maps_that_read_alike_are_told_from_those_that_do_not() -> None:
    by = ColumnMap(
        columns={Field.ID: "单号", Field.AMOUNT: "金额（元）"},
        ignored=["备注", "手机"],
        program_words={"ＶＩＰ": PROGRAM},
        state_words={"退单": LineState.REVERSED},
    )
    same = msgspec.structs.replace(
        by,
        columns={Field.AMOUNT: "金额(元)", Field.ID: "单号 *"},
        ignored=["手机", "备注", "手 机"],
        program_words={"vip": PROGRAM},
    )
    others = [
        msgspec.structs.replace(by, ignored=["备注"]),
        msgspec.structs.replace(by, currency="POINTS"),
        msgspec.structs.replace(by, program=str(PROGRAM)),
        msgspec.structs.replace(by, program_words={"vip": OTHER}),
        msgspec.structs.replace(by, state_words={"退单": LineState.EXPIRED}),
        msgspec.structs.replace(by, columns={Field.ID: "单号", Field.AMOUNT: "实付"}),
    ]

    assert columns.alike(by, same)
    assert [columns.alike(by, other) for other in others] == [False] * 6


def test_words_that_nobody_has_explained_are_named() -> None:
    header = ["单号", "项目", "金额", "日期", "状态"]
    guessed = columns.guess(header)
    row = ["1", "门店换新", "5", "2026-03-02", "客户退单 "]
    explained = msgspec.structs.replace(
        guessed,
        program_words={"门店换新": PROGRAM},
        state_words={"客户退单": LineState.REVERSED},
    )

    asked = list(RowReader(header, guessed).unexplained(row))

    assert asked == [(Field.STATE, "客户退单"), (Field.PROGRAM, "门店换新")]
    assert list(RowReader(header, explained).unexplained(row)) == []
