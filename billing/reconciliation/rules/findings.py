"""What comes of comparing two books: matches with their step, breaks with their cause."""

from array import array
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from billing.reconciliation.rules.lines import Book, Side


class Step(StrEnum):
    """By which step lines found each other."""

    ID = "id"
    """Both sides call it the same."""
    CONTENT = "content"
    """The same customer, program, currency and amount, a few days apart at most."""
    SUM = "sum"
    """The lines of one customer and program add up to the same on both sides."""
    NAME = "name"
    """Customers of nearly the same name, and nobody else as near; the rest is the same."""


class Kind(StrEnum):
    """In which way two books differ."""

    MISSING_HERE = "missing_here"
    """Only the other side has it."""
    MISSING_THERE = "missing_there"
    """Only this side has it."""
    DUPLICATE_HERE = "duplicate_here"
    """This side has it once too often."""
    DUPLICATE_THERE = "duplicate_there"
    """The other side has it once too often."""
    EXPIRED = "expired"
    """It counts on one side, and is over on the other."""
    REVERSED = "reversed"
    """It counts on one side, and was taken back on the other."""
    CURRENCY_DIFFERS = "currency_differs"
    PROGRAM_DIFFERS = "program_differs"
    CUSTOMER_DIFFERS = "customer_differs"
    AMOUNT_DIFFERS = "amount_differs"
    SUM_DIFFERS = "sum_differs"
    """What is one line on one side is several on the other, and they do not add up."""
    PERIOD_DIFFERS = "period_differs"
    """The sides book it on days that are further apart than the window, or in another month."""


class Cause(StrEnum):
    """What was seen that makes a break one."""

    ID_UNKNOWN = "id_unknown"
    """The other side has no line of this id, nor one without an id that would fit."""
    NOTHING_LIKE_IT = "nothing_like_it"
    """It has no id, and the other side has nothing that would fit."""
    SAME_ID_AGAIN = "same_id_again"
    """Its id stands on another line of the same side."""
    MATCHED_BEFORE = "matched_before"
    """Another file has it, and was matched with it."""
    SAME_CONTENT_AGAIN = "same_content_again"
    """Another line of the same side says the very same."""
    SAME_ID = "same_id"
    """Both sides call it the same, and say different things of it."""
    ALL_ELSE_EQUAL = "all_else_equal"
    """One line on each side agrees in all but this."""
    PARTS_OF_ONE = "parts_of_one"
    """Lines of one id, or of one customer and program, stand against each other."""


class Match(msgspec.Struct, frozen=True):
    """Lines of the two sides that are the same, and count the same."""

    step: Step
    here: tuple[int, ...]
    """Numbers of the lines."""
    there: tuple[int, ...]
    score: int = 100
    """How alike the names are, in percent; 100 where no name was needed."""


class Break(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A place where the two books differ."""

    kind: Kind
    here: tuple[int, ...] = ()
    """Numbers of the lines that it is about."""
    there: tuple[int, ...] = ()
    cause: Cause
    also: tuple[Kind, ...] = ()
    """In what the lines differ besides."""
    here_says: str = ""
    """What is different, in the words of each side: an amount in minor units, a day, a token."""
    there_says: str = ""
    here_minor: int = 0
    """What counts on each side of these lines."""
    there_minor: int = 0
    owner: Side
    """Whose turn it is."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How near is near enough."""

    window_days: int = 3
    """So many days may lie between the two sides of one benefit."""
    sum_days: int = 31
    """Within so many days lie the parts of a sum."""
    name_score_min: int = 90
    """So alike are two names of one customer, in percent."""
    name_margin: int = 5
    """So much less alike is everybody else."""
    month: date | None = None
    """The first day of the month that is compared: an id of another month is not matched. All
    months where it is None."""

    @property
    def days(self) -> range | None:
        """Give the days of the month and of the window around it, as ordinals."""
        if self.month is None:
            return None
        first, after = self.month.toordinal(), month_after(self.month).toordinal()
        return range(first - self.window_days, after + self.window_days)


def month_after(month: date) -> date:
    """Give the first day of the month after."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


MIRRORED: Final[Mapping[Kind, Kind]] = {
    Kind.MISSING_HERE: Kind.MISSING_THERE,
    Kind.MISSING_THERE: Kind.MISSING_HERE,
    Kind.DUPLICATE_HERE: Kind.DUPLICATE_THERE,
    Kind.DUPLICATE_THERE: Kind.DUPLICATE_HERE,
}
"""What a kind is called from the other side; the others are called the same."""
_DAYS_TO_ACT: Final[Mapping[Kind, int]] = {
    Kind.DUPLICATE_HERE: 3,
    Kind.DUPLICATE_THERE: 3,
    Kind.EXPIRED: 3,
    Kind.REVERSED: 3,
    Kind.MISSING_HERE: 7,
    Kind.MISSING_THERE: 7,
}
_DAYS_TO_ACT_ELSE: Final = 5


def seen_from_there(found: Break) -> Break:
    """Tell a break as the other side sees it. Doing so twice is doing nothing."""
    return Break(
        kind=MIRRORED.get(found.kind, found.kind),
        here=found.there,
        there=found.here,
        cause=found.cause,
        also=tuple(MIRRORED.get(kind, kind) for kind in found.also),
        here_says=found.there_says,
        there_says=found.here_says,
        here_minor=found.there_minor,
        there_minor=found.here_minor,
        owner=found.owner.other,
    )


def due_on(kind: Kind, opened_on: date) -> date:
    """Say by when the owner of a break has acted."""
    return opened_on + timedelta(days=_DAYS_TO_ACT.get(kind, _DAYS_TO_ACT_ELSE))


class Taken(IntEnum):
    """What has come of a line."""

    NOT = 0
    """Nothing: it is worth nothing, and the other side says nothing else; or it is no line of this
    file's month."""
    MATCHED = 1
    BROKEN = 2
    ELSEWHERE = 3
    """It was matched in another file."""


class Totals(msgspec.Struct, kw_only=True):
    """One side in one currency: what counts is matched or broken."""

    lines: int = 0
    counting_minor: int = 0
    matched_minor: int = 0


class Reconciled:
    """All that was found. Pairs are kept as columns: there are as many as lines."""

    def __init__(self, here: Book, there: Book) -> None:
        self.here, self.there = here, there
        self.breaks: list[Break] = []
        self.taken = {Side.HERE: bytearray(len(here)), Side.THERE: bytearray(len(there))}
        """By side, what has come of the line at each place."""
        self.groups: list[Match] = []
        """Matches of other than one line with one line."""
        self._steps: list[Step] = []
        self._scores = bytearray()
        self._here, self._there = array("q"), array("q")

    def pair(self, step: Step, here: int, there: int, score: int = 100) -> None:
        """Note that the lines at two places are the same."""
        self._steps.append(step)
        self._scores.append(score)
        self._here.append(here)
        self._there.append(there)

    @property
    def match_count(self) -> int:
        """Count the matches."""
        return len(self._steps) + len(self.groups)

    def matches(self, begin: int = 0) -> Iterator[Match]:
        """Give all matches, the pairs and then the groups; or those behind so many of them."""
        for at in range(begin, len(self._steps)):
            here, there = self.here.numbers[self._here[at]], self.there.numbers[self._there[at]]
            yield Match(self._steps[at], (here,), (there,), self._scores[at])
        yield from self.groups[max(0, begin - len(self._steps)) :]

    def totals(self, side: Side) -> dict[str, Totals]:
        """Add up a side, by currency. What counts and nobody took is another month's."""
        book = self.here if side is Side.HERE else self.there
        sums: dict[int, Totals] = {}
        for at, taken in enumerate(self.taken[side]):
            counts = book.amounts[at] if book.is_active(at) else 0
            if taken == Taken.ELSEWHERE or (counts and taken == Taken.NOT):
                continue
            total = sums.setdefault(book.currencies[at], Totals())
            total.lines += 1
            total.counting_minor += counts
            total.matched_minor += counts if taken == Taken.MATCHED else 0
        return {book.words.texts[currency]: total for currency, total in sums.items()}
