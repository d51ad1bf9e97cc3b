"""Write the customer lists that agents really bring: their words, their habits, and the truth.

What a careful reader can mend stays good: full-width digits, spaces, +86, hyphens, dates in five
notations. What nobody can mend is bad, and the truth says which row and why. A row that repeats an
earlier one, perhaps written otherwise, is a duplicate.
"""

import csv
import io
import random
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

import msgspec
import xlsxwriter

from world import names, numbers, places
from world.numbers import Numbers
from world.places import City

PERCENT: Final = 100


class FileKind(StrEnum):
    """In which form a spreadsheet comes."""

    CSV_UTF8 = "csv_utf8"
    """UTF-8, as phones and other CRMs export."""
    CSV_UTF8_BOM = "csv_utf8_bom"
    """UTF-8 with a byte order mark, as Excel's "CSV UTF-8"."""
    CSV_GB18030 = "csv_gb18030"
    """The Chinese national encoding, as Excel's plain "CSV" in China."""
    XLSX = "xlsx"
    """An Excel workbook."""


class Fault(StrEnum):
    """Why a row cannot become a customer."""

    BAD_PHONE = "bad_phone"
    """The phone has a digit too few, or letters."""
    BAD_USCC = "bad_uscc"
    """The credit code's check symbol does not fit."""
    EMPTY_NAME = "empty_name"
    """Nobody knows whose row it is."""
    NAME_TOO_LONG = "name_too_long"
    """A whole story was pasted into the name."""
    BAD_STATUS = "bad_status"
    """The status is no word of any vocabulary."""


class Vocabulary(msgspec.Struct, frozen=True):
    """How a file calls its columns and its statuses."""

    name: str
    headers: dict[str, str]
    """From the product's field to the file's header, in the file's order of columns."""
    owner_header: str
    """The column with the name of the rep, where a file has one."""
    unknown_headers: tuple[str, ...]
    """Columns that the product has no field for."""


VOCABULARIES: Final = (
    Vocabulary(
        "erp",
        {
            "name": "客户名称", "uscc": "统一社会信用代码", "phone": "手机", "city": "城市",
            "district": "区县", "address": "详细地址", "industry": "行业", "status": "客户状态",
            "level": "客户等级", "source": "客户来源", "remark": "备注",
        },
        "负责人",
        ("建档日期",),
    ),
    Vocabulary(
        "paper",
        {
            "name": "公司名", "phone": "联系电话", "uscc": "税号", "industry": "所属行业",
            "address": "地址", "city": "所在城市", "district": "所在区", "level": "级别",
            "status": "状态", "source": "来源", "remark": "说明",
        },
        "跟进人",
        ("登记时间", "登记人"),
    ),
    Vocabulary(
        "licence",
        {
            "uscc": "信用代码", "name": "单位名称", "city": "地市", "district": "县区",
            "address": "注册地址", "phone": "电话", "industry": "行业类别", "status": "阶段",
            "level": "等级", "remark": "备注信息", "source": "获客渠道",
        },
        "归属人",
        ("成立日期",),
    ),
)  # fmt: skip
"""The vocabularies that agents' files use."""

_STATUSES: Final = {
    "potential": "潜在客户",
    "need": "需求客户",
    "intent": "意向客户",
    "signed": "签约客户",
    "dormant": "沉寂客户",
    "lost": "流失客户",
}
_LEVELS: Final = ("A", "B", "C", "D")
_SOURCES: Final = ("扫街拜访", "老客户介绍", "展会", "线上留资")
_REMARKS: Final = (
    "",
    "",
    "老板姓{surname}",
    "先打电话再上门",
    "两家店，一起谈",
    '逢"六"有集，别去',
    "已付定金，待安装",
)
_FULL_WIDTH: Final = str.maketrans("0123456789+-", "０１２３４５６７８９＋－")
_MOBILE_DIGITS: Final = 11
_LONG_STORY: Final = "（此客户由原业务员移交，门店已经搬迁两次，老板换过一次，合同还在旧公司名下）"
_STORY_TIMES: Final = 12


class Row(msgspec.Struct, frozen=True):
    """What one row is."""

    number: int
    """The line in the file, counted as a spreadsheet does: the header is line 1."""
    fields: dict[str, str]
    """The row in the product's normal forms, as a careful reader has it; of a bad row, as meant."""
    faults: tuple[Fault, ...] = ()
    duplicate_of: int | None = None
    """The number of the earlier row that this one repeats."""


class SheetTruth(msgspec.Struct, frozen=True):
    """What is so in a file."""

    rows: tuple[Row, ...]

    @property
    def bad(self) -> tuple[Row, ...]:
        """Give the rows that cannot become customers."""
        return tuple(row for row in self.rows if row.faults)

    @property
    def duplicates(self) -> tuple[Row, ...]:
        """Give the rows that repeat an earlier one."""
        return tuple(row for row in self.rows if row.duplicate_of is not None)

    @property
    def good(self) -> tuple[Row, ...]:
        """Give the rows that become customers, once each."""
        return tuple(row for row in self.rows if not row.faults and row.duplicate_of is None)


class Spreadsheet(msgspec.Struct, frozen=True):
    """A file and the truth about it."""

    file_name: str
    kind: FileKind
    vocabulary: Vocabulary
    content: bytes
    truth: SheetTruth


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What file is wanted."""

    rows: int = 2000
    kind: FileKind = FileKind.CSV_GB18030
    vocabulary: Vocabulary = VOCABULARIES[0]
    bad_per_thousand: int = 30
    duplicates_per_thousand: int = 10
    city: City = places.CITIES[0]
    owners: tuple[str, ...] = ()
    """Names of reps; with them the file has a column that says whose each customer is."""
    today: date = date(2026, 11, 1)


def write(rng: random.Random, series: Numbers, order: Order) -> Spreadsheet:
    """Write a file. Companies and phones are new ones of the series, so files do not overlap."""
    bad = order.rows * order.bad_per_thousand // 1000
    repeated = order.rows * order.duplicates_per_thousand // 1000
    kinds: list[Fault | str] = ["good"] * (order.rows - bad - repeated)
    kinds += [list(Fault)[number % len(Fault)] for number in range(bad)]
    rng.shuffle(kinds)
    for _ in range(repeated):
        # A repetition needs something before it.
        kinds.insert(rng.randrange(kinds.index("good") + 1, len(kinds) + 1), "repeat")
    taken: set[str] = set()
    rows: list[Row] = []
    lines: list[dict[str, str]] = []
    for number, kind in enumerate(kinds, start=2):
        row, written = _row(rng, series, order, number=number, kind=kind, rows=rows, taken=taken)
        rows.append(row)
        lines.append(written)
    table = _table(rng, order, lines)
    content = _ENCODERS[order.kind](table)
    ending = "xlsx" if order.kind is FileKind.XLSX else "csv"
    return Spreadsheet(
        file_name=f"{order.city.short_name}客户表.{ending}",
        kind=order.kind,
        vocabulary=order.vocabulary,
        content=content,
        truth=SheetTruth(tuple(rows)),
    )


def several(rng: random.Random, count: int, *, rows: int = 2000, today: date) -> list[Spreadsheet]:
    """Write files of every kind and vocabulary in turn, each for another city."""
    series = numbers.start(rng)
    cities = rng.sample(places.CITIES, count)
    kinds = list(FileKind)
    return [
        write(
            rng,
            series,
            Order(
                rows=rows,
                kind=kinds[number % len(kinds)],
                vocabulary=VOCABULARIES[number % len(VOCABULARIES)],
                city=city,
                today=today,
            ),
        )
        for number, city in enumerate(cities)
    ]


def _row(
    rng: random.Random,
    series: Numbers,
    order: Order,
    *,
    number: int,
    kind: Fault | str,
    rows: list[Row],
    taken: set[str],
) -> tuple[Row, dict[str, str]]:
    """Make a row: what it is, and how it was typed."""
    if kind == "repeat":
        original = rng.choice([row for row in rows if not row.faults and row.duplicate_of is None])
        row = Row(number, original.fields, duplicate_of=original.number)
        return row, _typed(rng, original.fields)
    fields = _fields(rng, series, order, taken)
    written = _typed(rng, fields)
    if not isinstance(kind, Fault):
        return Row(number, fields), written
    return Row(number, fields, faults=(kind,)), _spoilt(rng, written, fields, kind)


def _fields(rng: random.Random, series: Numbers, order: Order, taken: set[str]) -> dict[str, str]:
    """Make a company that no earlier row names, in normal forms."""
    while True:
        district = rng.choice(order.city.districts)
        industry = rng.choice(names.INDUSTRIES)
        name = names.company(rng, order.city, district, industry)
        if name not in taken:
            break
    taken.add(name)
    owner = {"owner": rng.choice(order.owners)} if order.owners else {}
    return {
        "name": name,
        "uscc": series.uscc(order.city.code),
        "phone": series.phone(),
        "city": order.city.name,
        "district": district,
        "address": names.address(rng, district),
        "industry": industry.name,
        "status": rng.choice(list(_STATUSES)),
        "level": rng.choice(_LEVELS),
        "source": rng.choice(_SOURCES),
        "remark": rng.choice(_REMARKS).format(surname=names.person(rng)[0]),
        **owner,
    }


def _typed(rng: random.Random, fields: dict[str, str]) -> dict[str, str]:
    """Type a row as people do; a careful reader still gets the same fields out of it."""
    written = dict(fields)
    written["phone"] = _typed_phone(rng, fields["phone"])
    written["uscc"] = _typed_uscc(rng, fields["uscc"])
    written["status"] = _STATUSES[fields["status"]]
    written["city"] = rng.choice(
        (fields["city"], fields["city"], fields["city"].removesuffix("市"))
    )
    match rng.randrange(20):
        case 0:
            written["name"] = f"  {fields['name']} "
        case 1:
            written["name"] = f"{fields['name']}\u3000"
        case 2:
            written["level"] = fields["level"].lower()
        case _:
            pass
    return written


def _typed_phone(rng: random.Random, phone: str) -> str:
    """Type a mobile in one of the usual ways; most people just type the digits."""
    digits = phone.removeprefix("+86")
    groups = (digits[:3], digits[3:7], digits[7:])
    unusual = (
        f"+86 {digits}",
        "+86-" + "-".join(groups),
        " ".join(groups),
        "-".join(groups),
        digits.translate(_FULL_WIDTH),
        f"0086{digits}",
        f" {digits}\u3000",
    )
    return rng.choice(unusual + (digits,) * 5)


def _typed_uscc(rng: random.Random, code: str) -> str:
    """Type a credit code in one of the usual ways."""
    match rng.randrange(10):
        case 0:
            return code.lower()
        case 1:
            return f"{code[:8]} {code[8:17]} {code[17:]}"
        case 2:
            return code.translate(_FULL_WIDTH)
        case _:
            return code


def _spoilt(
    rng: random.Random, written: dict[str, str], fields: dict[str, str], fault: Fault
) -> dict[str, str]:
    """Spoil a row so that nobody can mend it."""
    spoilt = dict(written)
    match fault:
        case Fault.BAD_PHONE:
            digits = fields["phone"].removeprefix("+86")
            spoilt["phone"] = rng.choice((digits[:-1], digits + "7", "找老板要", "1" * 11))
        case Fault.BAD_USCC:
            spoilt["uscc"] = numbers.broken_uscc(rng, fields["uscc"])
        case Fault.EMPTY_NAME:
            spoilt["name"] = rng.choice(("", "   ", "\u3000"))
        case Fault.NAME_TOO_LONG:
            spoilt["name"] = fields["name"] + _LONG_STORY * _STORY_TIMES
        case Fault.BAD_STATUS:
            spoilt["status"] = rng.choice(("再看看", "???", "张三的客户"))
    return spoilt


def _table(rng: random.Random, order: Order, lines: list[dict[str, str]]) -> list[list[str | date]]:
    """Lay the rows out under the headers of the vocabulary."""
    headers = dict(order.vocabulary.headers)
    if order.owners:
        headers["owner"] = order.vocabulary.owner_header
    fields = list(headers)
    extra = order.vocabulary.unknown_headers
    table: list[list[str | date]] = [[*headers.values(), *extra]]
    for line in lines:
        cells: list[str | date] = [line[field] for field in fields]
        day = order.today - timedelta(days=rng.randrange(1, 2000))
        others: list[str | date] = [
            _typed_date(rng, order.kind, day) if "日期" in header or "时间" in header
            else names.person(rng)
            for header in extra
        ]  # fmt: skip
        table.append(cells + others)
    return table


def _typed_date(rng: random.Random, kind: FileKind, day: date) -> str | date:
    """Type a date in one of the usual ways; a workbook may hold a real one."""
    match rng.randrange(6):
        case 0:
            return f"{day.year}/{day.month}/{day.day}"
        case 1:
            return f"{day.year}年{day.month}月{day.day}日"
        case 2:
            return f"{day.year}.{day.month:02d}.{day.day:02d}"
        case 3:
            return f"{day:%Y%m%d}"
        case 4 if kind is FileKind.XLSX:
            return day
        case _:
            return day.isoformat()


def _csv(table: list[list[str | date]], encoding: str) -> bytes:
    """Write a CSV with the line ends of Excel."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(table)
    return text.getvalue().encode(encoding)


def _xlsx(table: list[list[str | date]]) -> bytes:
    """Write a workbook; the time of its making is fixed, so that the bytes repeat."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_numbers": False})
    book.set_properties({"created": datetime(2026, 1, 1)})  # noqa: DTZ001 - the format has no zone
    sheet = book.add_worksheet("客户")
    day_format = book.add_format({"num_format": "yyyy-mm-dd"})
    for row_number, cells in enumerate(table):
        for column, cell in enumerate(cells):
            if isinstance(cell, date):
                moment = datetime.combine(cell, time())
                sheet.write_datetime(row_number, column, moment, day_format)
            elif (
                row_number % 3 == 1
                and cell.isascii()
                and cell.isdigit()
                and len(cell) == _MOBILE_DIGITS
            ):
                # Excel makes a number of a phone that is typed into a fresh cell.
                sheet.write_number(row_number, column, int(cell))
            else:
                sheet.write_string(row_number, column, cell)
    book.close()
    return _stored(target.getvalue())


def _stored(workbook: bytes) -> bytes:
    """Pack a workbook again without compression, whose bytes differ from one zlib to another."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as packed,
        zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as stored,
    ):
        for member in packed.infolist():
            stored.writestr(zipfile.ZipInfo(member.filename), packed.read(member))
    return target.getvalue()


_ENCODERS: Final[dict[FileKind, Callable[[list[list[str | date]]], bytes]]] = {
    FileKind.CSV_UTF8: lambda table: _csv(table, "utf-8"),
    FileKind.CSV_UTF8_BOM: lambda table: _csv(table, "utf-8-sig"),
    FileKind.CSV_GB18030: lambda table: _csv(table, "gb18030"),
    FileKind.XLSX: _xlsx,
}
