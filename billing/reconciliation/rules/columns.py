"""What the columns of the other side's file are for: saved once, and held to the letter."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, TypeVar
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal
from billing.money import Currency
from billing.reconciliation.rules import cells
from billing.reconciliation.rules.cells import Cell, CellUnread
from billing.reconciliation.rules.lines import Line, LineState

_NOISE: Final = re.compile(r"[\s*：:_\-\"'“”]+")
_TEXT_MAX: Final = 200
_SUMS: Final = frozenset({"合计", "总计", "小计", "总和", "total", "subtotal", "grandtotal"})
_THOUSANDS: Final = re.compile(r"[十百千万亿]元|[(\[【/][十百千万亿]+(?:[)\]】]|$)")
_SUM_MAX: Final = 20
"""With its spaces and colons a word for a sum is no longer."""
_T = TypeVar("_T")
_HeaderText = Annotated[str, msgspec.Meta(max_length=_TEXT_MAX)]


class Field(StrEnum):
    """What a column may be for."""

    ID = "id"
    """What both sides call the benefit."""
    CUSTOMER = "customer"
    NAME = "name"
    PROGRAM = "program"
    AMOUNT = "amount"
    CURRENCY = "currency"
    DAY = "day"
    STATE = "state"


_WHOSE: Final = (Field.ID, Field.CUSTOMER, Field.NAME)
"""What says whose line it is; a file of days' sums has none of them."""
SOMEBODY: Final = "#"
"""What is kept of a name, and of a customer that is no token: that it is somebody's line."""
_WHOSE_UNSAID: Final = "Write whose line it is: an id, a customer's token or a name."
NAMES: Final[Mapping[Field, Sequence[str]]] = {
    Field.ID: ("权益编号", "发放编号", "业务单号", "单号", "issuance", "issuance_id"),
    Field.CUSTOMER: ("客户标识", "客户编号", "客户token", "customer_token"),
    Field.NAME: ("客户名称", "客户", "公司名称", "customer_name"),
    Field.PROGRAM: ("权益活动", "活动", "项目", "program_id"),
    Field.AMOUNT: ("金额", "发放金额", "核销金额", "金额(元)"),
    Field.CURRENCY: ("币种", "币别"),
    Field.DAY: ("日期", "发放日期", "核销日期", "业务日期", "date"),
    Field.STATE: ("状态", "业务状态", "status"),
}
"""What columns are usually called; a column's own name always is one."""


class ColumnMap(msgspec.Struct, frozen=True, kw_only=True):
    """How files of one source are read. Every column is read or ignored by name."""

    columns: dict[Field, _HeaderText]
    """By what a column is for, what it is called."""
    ignored: Annotated[list[_HeaderText], msgspec.Meta(max_length=200)] = []
    currency: Currency = "CNY"
    """What lines are of that do not say it."""
    program: str = ""
    """The program of lines that do not say it."""
    program_words: Annotated[dict[_HeaderText, UUID], msgspec.Meta(max_length=200)] = {}
    """What this source calls the programs; a file may also write their ids."""
    state_words: Annotated[dict[_HeaderText, LineState], msgspec.Meta(max_length=50)] = {}
    """What this source calls the states, besides what files usually do."""


class ColumnsUnknown(BillingRefusal):
    """A file has columns that its map neither reads nor ignores."""

    code = "columns_unknown"

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(f"Say what these columns are for, or ignore them: {', '.join(columns)}.")
        self.columns = tuple(columns)


class ColumnsMissing(BillingRefusal):
    """A file lacks columns that its map reads, or without which no line can be compared."""

    code = "columns_missing"

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(f"The file has no column {', '.join(columns)}.")
        self.columns = tuple(columns)


class ColumnTwice(BillingRefusal):
    """Two columns of a file have one name, so that it is not certain which one is meant."""

    code = "column_twice"


class AmountsScaled(BillingRefusal):
    """A column of amounts is named in thousands or more, of which none are read."""

    code = "amounts_scaled"

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(f"Amounts are read in yuan; write them so in {', '.join(columns)}.")
        self.columns = tuple(columns)


class RowProblem(msgspec.Struct, frozen=True):
    """Why a row cannot be read. `row` is its line in the file, the first being 1."""

    row: int
    field: Field
    code: str
    detail: str


def key(header: str) -> str:
    """Give what is compared of a column's name: no spaces, stars or colons, half-width, small."""
    return _NOISE.sub("", cells.text(header).casefold())


_BY_KEY: Final = {key(name): field for field, names in NAMES.items() for name in (field, *names)}


def guess(header: Sequence[str]) -> ColumnMap:
    """Propose a map: columns whose names are usual are read, the others are left to be said."""
    columns: dict[Field, str] = {}
    for name in header:
        field = _BY_KEY.get(key(name))
        if field is not None:
            columns.setdefault(field, name)
    return ColumnMap(columns=columns)


def said(header: Sequence[str], fields: Sequence[Field | None]) -> ColumnMap:
    """Make the map of a header of which each column is for a field or, with None, ignored.

    A column for what an earlier one is for is left to be said.
    """
    columns: dict[Field, str] = {}
    ignored: list[str] = []
    for name, field in zip(header, fields, strict=True):
        if field is not None:
            columns.setdefault(field, name)
        elif key(name):
            ignored.append(name)
    return ColumnMap(columns=columns, ignored=ignored)


def fields_of(header: Sequence[str], by: ColumnMap) -> list[Field | None]:
    """Say by a map what each column of a header is for; None are the ignored and the unknown."""
    meant = {key(name): field for field, name in by.columns.items()}
    return [meant.get(key(name)) for name in header]


def alike(one: ColumnMap, other: ColumnMap) -> bool:
    """Say whether two maps read every file in the same way."""
    return _meaning(one) == _meaning(other)


def _meaning(by: ColumnMap) -> ColumnMap:
    """Write a map in the one way in which all that read alike are written."""
    return msgspec.structs.replace(
        by,
        columns={field: key(name) for field, name in by.columns.items()},
        ignored=sorted({key(name) for name in by.ignored}),
        program_words={_small(word): program for word, program in by.program_words.items()},
        state_words={_small(word): state for word, state in by.state_words.items()},
    )


def _small(word: str) -> str:
    """Give what is compared of a word that a file writes into its cells."""
    return cells.text(word).casefold()


class RowReader:
    """Reads rows of one file by its map."""

    def __init__(self, header: Sequence[str], by: ColumnMap) -> None:
        """Hold a header against a map.

        :raises ColumnTwice: a name stands twice.
        :raises ColumnsUnknown: a column is neither read nor ignored.
        :raises ColumnsMissing: a column is not there, or amount or day.
        :raises AmountsScaled: amounts are in thousands or more.
        """
        places = placed(header)
        meant = {key(name): field for field, name in by.columns.items()}
        ignored = {key(name) for name in by.ignored}
        unknown = [
            header[at] for each, at in places.items() if each not in meant and each not in ignored
        ]
        if unknown:
            raise ColumnsUnknown(unknown)
        ensure_unscaled([by.columns[Field.AMOUNT]] if Field.AMOUNT in by.columns else [])
        missing = [name for name in by.columns.values() if key(name) not in places]
        missing += [field for field in (Field.AMOUNT, Field.DAY) if field not in by.columns]
        if missing:
            raise ColumnsMissing(missing)
        self._map = by
        self._at = {field: places[each] for each, field in meant.items()}
        self._whose = [field for field in _WHOSE if field in self._at]
        self._state_words = {_small(word): state for word, state in by.state_words.items()}
        self._program_words = {
            _small(word): str(program) for word, program in by.program_words.items()
        }

    def read(
        self, rows: Iterable[tuple[int, Sequence[Cell]]]
    ) -> tuple[list[Line], list[RowProblem]]:
        """Read rows with their numbers; one that cannot be read says why, for each of its fields.

        A row that adds the others up is passed over, though it may say a day.
        """
        lines: list[Line] = []
        problems: list[RowProblem] = []
        for number, row in rows:
            if self._is_sum(row):
                continue
            found: list[RowProblem] = []
            line = self._line(number, row, found)
            if self._whose and self._is_nobodys(row):
                unsaid = cells.WhoseUnsaid.code, _WHOSE_UNSAID
                found.append(RowProblem(number, self._whose[0], *unsaid))
            if found:
                problems += found
            else:
                lines.append(line)
        return lines, problems

    def nameless(self, row: Sequence[str]) -> list[str]:
        """Give a row with nothing but what is compared and names nobody.

        Ignored columns are blank; of a name, and of a customer that is no token, it is kept that
        there is one: such a line is no day's sum. Of the row that adds the others up it is kept
        that it does, so that it is passed over.
        """
        if self._is_sum(row):
            return [cell if is_sum_word(cell) else "" for cell in row]
        read = set(self._at.values())
        kept = [cell if at in read else "" for at, cell in enumerate(row)]
        for field in (Field.NAME, Field.CUSTOMER):
            cell = self._cell(row, field)
            if cells.text(cell) and not (field is Field.CUSTOMER and cells.is_token(cell)):
                kept[self._at[field]] = SOMEBODY
        return kept

    def unexplained(self, row: Sequence[Cell]) -> Iterator[tuple[Field, str]]:
        """Give the words for a state or a program that the map does not explain."""
        for field, read in ((Field.STATE, self._state), (Field.PROGRAM, self._program)):
            word = cells.text(self._cell(row, field))
            try:
                read(word)
            except CellUnread:
                if len(word) <= _TEXT_MAX:
                    yield field, word

    def _cell(self, row: Sequence[Cell], field: Field) -> Cell:
        """Give the cell of a field; None where the row is shorter, or the file has no such."""
        at = self._at.get(field, len(row))
        return row[at] if at < len(row) else None

    def _is_sum(self, row: Sequence[Cell]) -> bool:
        """Say whether a row adds up the others."""
        first = next((cell for cell in row if cells.text(cell)), None)
        if not is_sum_word(first):
            return False
        named = (self._cell(row, field) for field in _WHOSE)
        return all(not cells.text(cell) or is_sum_word(cell) for cell in named)

    def _is_nobodys(self, row: Sequence[Cell]) -> bool:
        """Say whether a row does not say whose it is."""
        return not any(cells.text(self._cell(row, field)) for field in self._whose)

    def _line(self, number: int, row: Sequence[Cell], problems: list[RowProblem]) -> Line:
        """Read one row, and note what is wrong with it."""

        def tried(field: Field, read: Callable[[Cell], _T], instead: _T) -> _T:
            try:
                return read(self._cell(row, field))
            except CellUnread as unread:
                problems.append(RowProblem(number, field, unread.code, unread.detail))
                return instead

        currency = tried(Field.CURRENCY, self._currency, self._map.currency)
        customer = tried(Field.CUSTOMER, cells.token, "")
        name = tried(Field.NAME, cells.word, "")
        if customer == SOMEBODY:
            customer, name = "", name or SOMEBODY
        return Line(
            number=number,
            amount_minor=tried(Field.AMOUNT, lambda cell: cells.amount_minor(cell, currency), 0),
            currency=currency,
            on=tried(Field.DAY, cells.day, date.min),
            id=tried(Field.ID, cells.reference, ""),
            customer=customer,
            name=name,
            program=tried(Field.PROGRAM, self._program, ""),
            state=tried(Field.STATE, self._state, LineState.ACTIVE),
        )

    def _currency(self, cell: Cell) -> str:
        """Read the currency of a line, the file's own where it says none."""
        return cells.currency(cell) if cells.text(cell) else self._map.currency

    def _program(self, cell: Cell) -> str:
        """Read the program of a line, the file's own where it says none."""
        return cells.program(cells.text(cell) or self._map.program, self._program_words)

    def _state(self, cell: Cell) -> LineState:
        """Read whether a line counts."""
        return cells.state(cell, self._state_words)


def ensure_unscaled(names: Iterable[str]) -> None:
    """Refuse columns of amounts in thousands or more: 1.5 of 万元 is no yuan and a half.

    :raises AmountsScaled: naming them.
    """
    if scaled := [name for name in names if _THOUSANDS.search(cells.text(name))]:
        raise AmountsScaled(scaled)


def is_sum_word(cell: Cell) -> bool:
    """Say whether a cell calls its row a sum."""
    said = cells.text(cell)
    return len(said) <= _SUM_MAX and key(said) in _SUMS


def placed(header: Sequence[str]) -> dict[str, int]:
    """Find each named column, by what is compared of its name.

    :raises ColumnTwice: a name stands twice.
    """
    places: dict[str, int] = {}
    for at, name in enumerate(header):
        if (each := key(name)) in places:
            raise ColumnTwice(f"Two columns are called {name}; rename one of them.")
        if each:
            places[each] = at
    return places
