"""Read the first visible sheet of a workbook that is a table, trusting nothing in it.

A workbook is a ZIP of XML. Sizes are counted while inflating, document types are refused, only the
cells that exist are looked at (a cell at XFD1048576 is one cell), formulas are never evaluated: the
value that was saved with them is read.
"""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Final
from xml.parsers import expat

from server.imports.merged import Merged, column_of
from server.imports.rules.columns import Vocabulary
from server.imports.sheets import COLUMNS_MAX, FileRefused, Rows, Sheet, is_table

ENTRIES_MAX: Final = 2000
INFLATED_MAX: Final = 200 * 1024 * 1024
RATIO_MAX: Final = 100
RATIO_FROM: Final = 100 * 1024
"""Small parts may be packed tighter."""
_SHEETS_TRIED: Final = 10
"""A workbook's table stands among its first sheets."""
_BLOCK: Final = 64 * 1024
_CELL: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_ROW_NUMBER: Final = re.compile(r"[0-9]{1,7}")
_ROW_NUMBER_MAX: Final = 1_048_576
"""The last row of a sheet."""
_BUILT_IN_PERCENTS: Final = frozenset([9, 10])
_BUILT_IN_DATES: Final = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_FORMAT_NOISE: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a cell's day has no zone
_EPOCH_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001 - a cell's day has no zone
_SERIAL_MAX: Final = 2_958_466
"""The day after 9999-12-31."""
_EXACT_MAX: Final = 10**15
"""Whole numbers up to here are exact in a cell."""

_SHORTENED: Final = re.compile(r"[1-9][0-9]{14}0+")
NO_VALUE: Final = "#VALUE?"
"""Where nothing was saved with a formula."""

_STYLE_DIGITS_MAX: Final = 6
"""A workbook has some ten thousand; of a number of thousands of digits Python reads none."""

Attributes = dict[str, str]
_Start = Callable[[str, Attributes], None]
_End = Callable[[str], None]
_Text = Callable[[str], None]


def read(content: bytes, vocabulary: Vocabulary, *, is_whole: bool = False) -> Sheet:
    """Read a workbook.

    :param is_whole: a second table is refused, and what a formula has not come to is told as
        `NO_VALUE` or as its error; else both are passed over.
    :raises FileRefused: it is none, is hostile, or passes a limit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            package = _Package(archive)
            book = _Workbook(package, vocabulary, is_whole=is_whole)
            return Sheet(format="xlsx", rows=book.read())
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as error:
        raise FileRefused("xlsx_broken", "This workbook is damaged or protected.") from error


class _Package:
    """The ZIP, with its limits."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        members = archive.infolist()
        if len(members) > ENTRIES_MAX:
            raise FileRefused("xlsx_bomb", "This workbook has too many parts.")
        for member in members:
            is_tight = member.file_size > RATIO_FROM
            if is_tight and member.file_size > RATIO_MAX * max(member.compress_size, 1):
                raise FileRefused("xlsx_bomb", "A part of this workbook is packed too tightly.")
        if sum(member.file_size for member in members) > INFLATED_MAX:
            raise FileRefused("xlsx_bomb", "This workbook is too large when it is unpacked.")
        self._archive = archive
        self._names = {member.filename: member for member in members}
        self._inflated = 0

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def blocks(self, name: str) -> Iterator[bytes]:
        """Inflate a part, counting: what the directory says may be a lie."""
        if name not in self._names:
            raise FileRefused("xlsx_broken", "This workbook lacks a part.")
        with self._archive.open(self._names[name]) as part:
            while block := part.read(_BLOCK):
                self._inflated += len(block)
                if self._inflated > INFLATED_MAX:
                    raise FileRefused("xlsx_bomb", "This workbook is too large when unpacked.")
                yield block

    def parse(
        self, name: str, start: _Start, end: _End | None = None, text: _Text | None = None
    ) -> None:
        """Parse a part as XML without document type, entities or namespaces' prefixes."""
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = lambda tag, attributes: start(_local(tag), attributes)
        if end is not None:
            parser.EndElementHandler = lambda tag: end(_local(tag))
        if text is not None:
            parser.buffer_text = True
            parser.CharacterDataHandler = text
        try:
            for block in self.blocks(name):
                parser.Parse(block, False)  # noqa: FBT003 - expat takes it by position
            parser.Parse(b"", True)  # noqa: FBT003 - expat takes it by position
        except expat.ExpatError as error:
            raise FileRefused("xlsx_broken", "A part of this workbook cannot be read.") from error


def _refuse_doctype(*_: object) -> None:
    """Refuse a document type: it is where entity bombs and outside files are declared."""
    raise FileRefused("xlsx_doctype", "This workbook declares a document type; it is not read.")


def _local(tag: str) -> str:
    """Take the prefix off a tag."""
    return tag.rpartition(":")[2]


class _Workbook:
    """The parts that give a sheet its meaning."""

    def __init__(self, package: _Package, vocabulary: Vocabulary, *, is_whole: bool) -> None:
        self._package = package
        self._is_whole = is_whole
        self._vocabulary = vocabulary
        self._is_1904 = False
        self._sheets: list[str] = []
        self._strings: list[str] = []
        self._date_styles: set[int] = set()
        self._percent_styles: set[int] = set()

    def read(self) -> Rows:
        """Read the first visible sheet whose columns are known; if there is none, the first."""
        self._package.parse("xl/workbook.xml", self._note_book)
        if not self._sheets:
            raise FileRefused("xlsx_empty", "This workbook has no visible sheet.")
        if "xl/sharedStrings.xml" in self._package:
            self._read_strings()
        if "xl/styles.xml" in self._package:
            self._read_styles()
        first = self._read_sheet(self._sheets[0])
        others = map(self._read_sheet, self._sheets[1:_SHEETS_TRIED])
        tables = (each for each in chain([first], others) if is_table(each, self._vocabulary))
        found = next(tables, first)
        if self._is_whole and next(tables, None) is not None:
            raise FileRefused(
                "several_tables", "Several sheets of this workbook are tables; hide all but one."
            )
        return found

    def _read_sheet(self, relation: str) -> Rows:
        """Read one sheet."""
        styles = self._date_styles, self._percent_styles
        reader = _SheetReader(
            self._strings, *styles, is_1904=self._is_1904, tells_all=self._is_whole
        )
        self._package.parse(self._target_of(relation), reader.start, reader.end, reader.text)
        if reader.merged:
            reader.rows.fill(reader.merged)
        return reader.rows

    def _note_book(self, tag: str, attributes: Attributes) -> None:
        """Note the visible sheets and the epoch of days."""
        if tag == "sheet" and attributes.get("state", "visible") == "visible":
            relation = next(
                (v for k, v in attributes.items() if _local(k) == "id" and ":" in k), ""
            )
            self._sheets.append(relation)
        elif tag == "workbookPr":
            self._is_1904 = attributes.get("date1904") in {"1", "true"}

    def _target_of(self, relation: str) -> str:
        """Find the part of a sheet; links to the outside are not followed."""
        found: list[str] = []

        def note(tag: str, attributes: Attributes) -> None:
            is_inside = attributes.get("TargetMode") != "External"
            if tag == "Relationship" and attributes.get("Id") == relation and is_inside:
                found.append(attributes.get("Target", ""))

        self._package.parse("xl/_rels/workbook.xml.rels", note)
        if not found:
            raise FileRefused("xlsx_broken", "This workbook lacks a part.")
        return posixpath.normpath(posixpath.join("/xl", found[0])).lstrip("/")

    def _read_strings(self) -> None:
        """Read the texts that cells share; phonetic hints are left out."""
        parts: list[str] = []
        inside: list[str] = []

        def start(tag: str, _: Attributes) -> None:
            inside.append(tag)
            if tag == "si":
                parts.clear()

        def end(tag: str) -> None:
            inside.pop()
            if tag == "si":
                self._strings.append("".join(parts))

        def text(data: str) -> None:
            if inside[-1:] == ["t"] and "rPh" not in inside:
                parts.append(data)

        self._package.parse("xl/sharedStrings.xml", start, end, text)

    def _read_styles(self) -> None:
        """Find the styles that show a number as a day, or in percent."""
        formats: dict[str, str] = {}
        inside: list[str] = []
        styles: list[str] = []

        def start(tag: str, attributes: Attributes) -> None:
            inside.append(tag)
            if tag == "numFmt":
                formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
            elif tag == "xf" and "cellXfs" in inside:
                styles.append(attributes.get("numFmtId", "0"))

        def end(_: str) -> None:
            inside.pop()

        self._package.parse("xl/styles.xml", start, end)
        for number, style in enumerate(styles):
            if _is_date_format(style, formats.get(style, "")):
                self._date_styles.add(number)
            elif _is_percent_format(style, formats.get(style, "")):
                self._percent_styles.add(number)


def _is_date_format(number: str, code: str) -> bool:
    """Say whether a number format shows a day or a time."""
    if code:
        return any(letter in _FORMAT_NOISE.sub("", code).lower() for letter in "ymdhs")
    return number.isdecimal() and int(number) in _BUILT_IN_DATES


def _is_percent_format(number: str, code: str) -> bool:
    """Say whether a number format shows hundredths."""
    if code:
        return "%" in _FORMAT_NOISE.sub("", code)
    return number.isdecimal() and int(number) in _BUILT_IN_PERCENTS


class _SheetReader:
    """Takes the cells of a sheet as they come by."""

    def __init__(
        self,
        strings: list[str],
        date_styles: set[int],
        percent_styles: set[int],
        *,
        is_1904: bool,
        tells_all: bool,
    ) -> None:
        self.rows = Rows()
        self.merged = Merged()
        self._strings = strings
        self._date_styles = date_styles
        self._percent_styles = percent_styles
        self._epoch = _EPOCH_1904 if is_1904 else _EPOCH
        self._tells_all = tells_all
        self._inside: list[str] = []
        self._number = 0
        self._column = 0
        self._cells: dict[int, str] = {}
        self._cell: Attributes = {}
        self._parts: list[str] = []
        self._is_formula = False
        self._has_value = False

    def start(self, tag: str, attributes: Attributes) -> None:
        """Begin an element."""
        self._inside.append(tag)
        if tag == "row":
            self._number = self._number_of(attributes.get("r", ""))
            self._column = 0
            self._cells = {}
        elif tag == "c":
            self._cell = attributes
            self._parts = []
            self._is_formula = self._has_value = False
        elif tag == "f":
            self._is_formula = True
        elif tag == "v":
            self._has_value = True
        elif tag == "mergeCell":
            self.merged.note(attributes.get("ref", ""))

    def _number_of(self, said: str) -> int:
        """Give a row's number: what it says if that is behind the last one, or else the next.

        Rows are told apart by it all through an import, so no two may have the same.
        """
        is_number = _ROW_NUMBER.fullmatch(said) is not None
        is_behind = is_number and self._number < int(said) <= _ROW_NUMBER_MAX
        return int(said) if is_behind else self._number + 1

    def text(self, data: str) -> None:
        """Keep the text of a value; that of a formula is not looked at."""
        tag = self._inside[-1] if self._inside else ""
        if tag == "v" or (tag == "t" and "is" in self._inside and "rPh" not in self._inside):
            self._parts.append(data)

    def end(self, tag: str) -> None:
        """End an element."""
        self._inside.pop()
        if tag == "c":
            self._keep_cell()
        elif tag == "row":
            width = max(self._cells, default=-1) + 1
            self.rows.add(self._number, [self._cells.get(at, "") for at in range(width)])

    def _keep_cell(self) -> None:
        """Put a cell into its column."""
        place = _CELL.fullmatch(self._cell.get("r", ""))
        column = column_of(place[1]) if place else self._column
        self._column = column + 1
        value = self._value("".join(self._parts)).strip()
        if not value and self._tells_all and self._is_unfinished():
            value = NO_VALUE
        if not value:
            return
        if column >= COLUMNS_MAX:
            raise FileRefused("too_many_columns", f"A sheet may have {COLUMNS_MAX} columns.")
        self._cells[column] = value

    def _is_unfinished(self) -> bool:
        """Say whether a formula was saved without a value; the empty text is one."""
        return self._is_formula and not (self._has_value and self._cell.get("t") == "str")

    def _value(self, raw: str) -> str:
        """Turn what is stored into what a person sees, roughly."""
        match self._cell.get("t", "n"):
            case "s":
                at = int(raw) if raw.strip().isdecimal() else -1
                return self._strings[at] if 0 <= at < len(self._strings) else ""
            case "str" | "inlineStr" | "d":
                return raw
            case "b":
                return {"1": "TRUE", "0": "FALSE"}.get(raw, "")
            case "e":
                return raw if self._tells_all else ""
            case _:
                return self._number_text(raw)

    def _number_text(self, raw: str) -> str:
        """Write a number without an exponent where it is whole, a day as ISO, a percentage."""
        try:
            number = float(raw)
        except ValueError:
            return raw
        said = self._cell.get("s", "0")
        style = int(said) if said.isdecimal() and len(said) <= _STYLE_DIGITS_MAX else 0
        if style in self._percent_styles and abs(number) < _EXACT_MAX:
            return f"{(Decimal(repr(number)) * 100).normalize():f}%"
        if style in self._date_styles and 0 <= number < _SERIAL_MAX:
            moment = self._epoch + timedelta(days=number)
            is_whole = number == int(number)
            return moment.date().isoformat() if is_whole else moment.isoformat(" ", "seconds")
        # Excel writes seventeen digits (0.10000000000000001); as few as mean the same are read.
        if abs(number) < _EXACT_MAX:
            return str(int(number)) if number == int(number) else repr(number)
        # A spreadsheet keeps fifteen digits of what is typed; what it has instead of the others
        # must not be taken for them.
        return f"{Decimal(raw):E}" if _SHORTENED.fullmatch(raw) else raw
