"""Third step: what is one line on one side is several on the other, and they add up."""

from collections import Counter
from collections.abc import Hashable, Iterator
from itertools import combinations
from typing import Final

from billing.reconciliation.rules.by_content import AT_MOST_ONE
from billing.reconciliation.rules.findings import Step
from billing.reconciliation.rules.lines import Book, Side
from billing.reconciliation.rules.work import Work

_PARTS_MAX: Final = 5
"""A whole that is one of several lines has at most so many parts."""
_LOOKED_AT: Final = 12
"""Among so many lines parts are looked for: all ways of choosing five of them are 1,500."""

Group = tuple[tuple[int, ...], tuple[int, ...]]


def owner(book: Book, at: int) -> Hashable:
    """Give whose line it is; None if it names no customer."""
    if not book.customers[at]:
        return None
    return book.customers[at], book.programs[at], book.currencies[at]


def day_of_program(book: Book, at: int) -> Hashable:
    """Give where a line without a customer belongs: a day's sum of a program."""
    return book.programs[at], book.currencies[at], book.days[at]


def run(work: Work) -> None:
    """Match wholes with their parts: of one customer and program, then of one day of a program."""
    here, there = work.open(Side.HERE), work.open(Side.THERE)
    for ours, theirs in work.in_common(owner, here, there):
        for some in _without_ids(work, ours, theirs):
            _settle(work, *some)
    here, there = work.open(Side.HERE), work.open(Side.THERE)
    for ours, theirs in work.in_common(day_of_program, here, there):
        for some in _without_ids(work, ours, theirs):
            if _is_a_days_sum(work, *some):
                _match_whole(work, *some)


def _without_ids(
    work: Work, here: list[int], there: list[int]
) -> Iterator[tuple[list[int], list[int]]]:
    """Let lines be compared of which at most one side's have ids."""
    ours, theirs = work.here.ids, work.there.ids
    if not (any(ours[at] for at in here) and any(theirs[at] for at in there)):
        yield here, there
        return
    for has_here, has_there in AT_MOST_ONE:
        yield (
            [at for at in here if bool(ours[at]) is has_here and work.is_open(Side.HERE, at)],
            [at for at in there if bool(theirs[at]) is has_there and work.is_open(Side.THERE, at)],
        )


def _is_a_days_sum(work: Work, here: list[int], there: list[int]) -> bool:
    """Say whether one side adds up in one line what it does not tell by customer."""
    return any(
        len(places) == 1 and not (book.customers[places[0]] or book.names[places[0]])
        for book, places in ((work.here, here), (work.there, there))
    )


def _settle(work: Work, here: list[int], there: list[int]) -> None:
    """Match all lines with all, or else those wholes whose parts can be no others."""
    if not here or not there or _match_whole(work, here, there):
        return
    ways = [
        *_ways(work.here, here, work.there, there, work.terms.sum_days),
        *(
            (whole, parts)
            for parts, whole in _ways(work.there, there, work.here, here, work.terms.sum_days)
        ),
    ]
    used_here = Counter(at for ours, _ in ways for at in ours)
    used_there = Counter(at for _, theirs in ways for at in theirs)
    for ours, theirs in ways:
        if all(used_here[at] == 1 for at in ours) and all(used_there[at] == 1 for at in theirs):
            work.match(Step.SUM, ours, theirs)


def _match_whole(work: Work, here: list[int], there: list[int]) -> bool:
    """Match all lines with all if they add up."""
    if not here or not there or len(here) == len(there) == 1:
        return False
    days = [work.here.days[at] for at in here] + [work.there.days[at] for at in there]
    if max(days) - min(days) > work.terms.sum_days:
        return False
    if work.here.counting_minor(here) != work.there.counting_minor(there):
        return False
    work.match(Step.SUM, here, there)
    return True


def _ways(
    wholes: Book, one: list[int], parts: Book, several: list[int], days_max: int
) -> Iterator[Group]:
    """Give every way in which a line of one side is the sum of several of the other."""
    if len(several) > _LOOKED_AT or len(one) > _LOOKED_AT:
        return
    for whole in one:
        near = [at for at in several if abs(parts.days[at] - wholes.days[whole]) <= days_max]
        for count in range(2, min(_PARTS_MAX, len(near)) + 1):
            for chosen in combinations(near, count):
                if sum(parts.amounts[at] for at in chosen) == wholes.amounts[whole]:
                    yield (whole,), chosen
