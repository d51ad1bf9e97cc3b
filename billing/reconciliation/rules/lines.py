"""The lines of two books: as values one by one, as columns by the hundred thousand."""

from array import array
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from billing.money import Currency


class Side(StrEnum):
    """Whose book it is, seen from whoever reconciles."""

    HERE = "here"
    THERE = "there"

    @property
    def other(self) -> "Side":
        """Give the opposite side."""
        return Side.THERE if self is Side.HERE else Side.HERE


class LineState(StrEnum):
    """Whether a line still counts."""

    ACTIVE = "active"
    EXPIRED = "expired"
    """Its time ran out: it is worth nothing."""
    REVERSED = "reversed"
    """It was taken back: it is worth nothing."""


STATES: Final = tuple(LineState)
ACTIVE: Final = STATES.index(LineState.ACTIVE)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One benefit as one side books it, with its present state. An empty text says nothing."""

    number: int
    """Its place in its book, which names it: the row of a file, the position in an extract."""
    amount_minor: int
    currency: Currency
    on: date
    """The day that it counts for."""
    id: str = ""
    """What both sides call it. A number that one side alone knows is not one."""
    customer: str = ""
    """A token that both sides use."""
    name: str = ""
    """What the customer is called, where there is no token; of files that name nobody, a mark."""
    program: str = ""
    state: LineState = LineState.ACTIVE


class Words:
    """Texts as small numbers, the same for both books: what is compared a million times is short.

    The empty text is 0.
    """

    def __init__(self) -> None:
        self.texts: list[str] = [""]
        self._codes: dict[str, int] = {"": 0}

    def code(self, text: str) -> int:
        """Give the number of a text, a new one if it is new."""
        code = self._codes.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines of a book, column by column."""

    numbers: list[int]
    ids: list[str]
    customers: list[str]
    names: list[str]
    programs: list[str]
    currencies: list[str]
    amounts: list[int]
    days: list[int]
    """As ordinals."""
    states: list[int]
    """As places in `STATES`."""


class Book:
    """The lines of one side, in columns: a line takes some 65 bytes beside its texts."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.numbers = array("q")
        self.ids = array("q")
        self.customers = array("q")
        self.names = array("q")
        self.programs = array("q")
        self.currencies = array("q")
        self.amounts = array("q")
        self.days = array("q")
        self.states = bytearray()
        self.elsewhere: set[int] = set()
        """Ids of lines that are matched in other files."""

    @classmethod
    def of(cls, lines: Iterable[Line], words: Words) -> "Book":
        """Make a book of lines."""
        book = cls(words)
        for line in lines:
            book.add(line)
        return book

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Line]:
        return map(self.line, range(len(self)))

    def add(self, line: Line) -> None:
        """Append a line."""
        code = self.words.code
        self.numbers.append(line.number)
        self.ids.append(code(line.id))
        self.customers.append(code(line.customer))
        self.names.append(code(line.name))
        self.programs.append(code(line.program))
        self.currencies.append(code(line.currency))
        self.amounts.append(line.amount_minor)
        self.days.append(line.on.toordinal())
        self.states.append(STATES.index(line.state))

    def extend(self, lines: Columns) -> None:
        """Append lines that come as columns."""
        code = self.words.code
        self.numbers.extend(lines.numbers)
        self.ids.extend(map(code, lines.ids))
        self.customers.extend(map(code, lines.customers))
        self.names.extend(map(code, lines.names))
        self.programs.extend(map(code, lines.programs))
        self.currencies.extend(map(code, lines.currencies))
        self.amounts.extend(lines.amounts)
        self.days.extend(lines.days)
        self.states.extend(lines.states)

    def line(self, at: int) -> Line:
        """Give the line at a place."""
        texts = self.words.texts
        return Line(
            number=self.numbers[at],
            id=texts[self.ids[at]],
            customer=texts[self.customers[at]],
            name=texts[self.names[at]],
            program=texts[self.programs[at]],
            currency=texts[self.currencies[at]],
            amount_minor=self.amounts[at],
            on=date.fromordinal(self.days[at]),
            state=STATES[self.states[at]],
        )

    def is_active(self, at: int) -> bool:
        """Say whether the line at a place counts."""
        return self.states[at] == ACTIVE

    def counting_minor(self, places: Iterable[int]) -> int:
        """Add up what counts of the lines at some places, whatever their currencies."""
        return sum(self.amounts[at] for at in places if self.is_active(at))
