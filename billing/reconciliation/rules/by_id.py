"""First step: what both sides call the same."""

from array import array
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from billing.reconciliation.rules.findings import Cause, Kind, Step
from billing.reconciliation.rules.lines import Book, Side
from billing.reconciliation.rules.work import Work

_LOOKED_AT: Final = 64
"""Of lines with one id and one amount, so that a file that repeats one for ever is read quickly."""


def run(work: Work) -> None:
    """Match the lines of each id that both sides know; say where they differ."""
    ours, theirs = _Ids(work.here), _Ids(work.there)
    for code in ours.known():
        there = theirs.first[code]
        if there < 0:
            continue
        here = ours.first[code]
        if code in work.here.elsewhere:
            _again(work, theirs.places(code))
        elif code in ours.more or code in theirs.more:
            _several(work, ours.places(code), theirs.places(code))
        elif work.differences(here, there):
            work.break_pair(Cause.SAME_ID, here, there)
        else:
            work.match(Step.ID, [here], [there])


class _Ids:
    """Where each id stands: nearly every id on one line, so that a column is enough."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.first = array("q", [-1]) * len(book.words.texts)
        self.more: defaultdict[int, list[int]] = defaultdict(list)
        for at, code in enumerate(book.ids):
            if not code:
                continue
            if self.first[code] < 0:
                self.first[code] = at
            else:
                self.more[code].append(at)

    def known(self) -> Iterator[int]:
        """Give each id once, as the book goes."""
        return (code for at, code in enumerate(self._book.ids) if code and self.first[code] == at)

    def places(self, code: int) -> list[int]:
        """List the lines of an id, the first in the book first."""
        places = [self.first[code], *self.more.get(code, [])]
        return sorted(places, key=self._book.numbers.__getitem__)


def _again(work: Work, there: list[int]) -> None:
    """Break what another file has, too."""
    for at in filter(work.there.is_active, there):
        work.break_(Kind.DUPLICATE_THERE, Cause.MATCHED_BEFORE, (), [at], owner=Side.THERE)


def _several(work: Work, here: list[int], there: list[int]) -> None:
    """Settle an id of several lines: what is equal is matched, what is over is left alone."""
    _pair_equals(work, here, there)
    here = [at for at in here if work.is_open(Side.HERE, at) and work.here.is_active(at)]
    there = [at for at in there if work.is_open(Side.THERE, at) and work.there.is_active(at)]
    if not here:
        for at in there:
            work.break_(Kind.DUPLICATE_THERE, Cause.SAME_ID_AGAIN, (), [at], owner=Side.THERE)
    elif not there:
        for at in here:
            work.break_(Kind.DUPLICATE_HERE, Cause.SAME_ID_AGAIN, [at], owner=Side.HERE)
    elif len(here) == len(there) == 1:
        work.break_pair(Cause.SAME_ID, here[0], there[0])
    elif _are_one_sum(work, here, there):
        if all(map(work.is_of_month, here)):
            work.match(Step.SUM, here, there)
        else:
            says = work.months(here[0])
            work.break_(
                Kind.PERIOD_DIFFERS, Cause.PARTS_OF_ONE, here, there, owner=Side.HERE, says=says
            )
    else:
        work.break_(
            Kind.SUM_DIFFERS,
            Cause.PARTS_OF_ONE,
            here,
            there,
            owner=Side.HERE,
            says=(str(work.here.counting_minor(here)), str(work.there.counting_minor(there))),
        )


def _pair_equals(work: Work, here: list[int], there: list[int]) -> None:
    """Match the lines that say the very same, each with one; then those that say no different."""
    for are_whole in (True, False):
        by_amount: defaultdict[tuple[int, bool], list[int]] = defaultdict(list)
        for at in there:
            if work.is_open(Side.THERE, at):
                by_amount[work.there.amounts[at], work.there.is_active(at)].append(at)
        for at in here:
            if not work.is_open(Side.HERE, at):
                continue
            rest = by_amount[work.here.amounts[at], work.here.is_active(at)]
            fitting = (
                each
                for each in rest[:_LOOKED_AT]
                if not work.differences(at, each)
                and not (are_whole and _whole(work.here, at) != _whole(work.there, each))
            )
            if (chosen := next(fitting, None)) is not None:
                rest.remove(chosen)
                work.match(Step.ID, [at], [chosen])


def _whole(book: Book, at: int) -> tuple[int, ...]:
    """Give all that a line says but its amount."""
    return (book.customers[at], book.programs[at], book.days[at], book.states[at])


def _are_one_sum(work: Work, here: list[int], there: list[int]) -> bool:
    """Say whether the parts are of one customer, program and currency, and add up to the same."""
    for ours, theirs in (
        (work.here.customers, work.there.customers),
        (work.here.programs, work.there.programs),
        (work.here.currencies, work.there.currencies),
    ):
        said = {ours[at] for at in here} | {theirs[at] for at in there}
        if len(said - {0}) > 1:
            return False
    days = [work.here.days[at] for at in here] + [work.there.days[at] for at in there]
    if max(days) - min(days) > work.terms.sum_days:
        return False
    return work.here.counting_minor(here) == work.there.counting_minor(there)
