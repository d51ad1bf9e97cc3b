"""Second step: the same customer, program, currency and amount, a few days apart at most."""

from collections.abc import Hashable
from typing import Final

from billing.reconciliation.rules.findings import Cause, Step
from billing.reconciliation.rules.lines import Book, Side
from billing.reconciliation.rules.work import Work

AT_MOST_ONE: Final = ((False, False), (True, False), (False, True))
"""Which sides have something that both may not have."""


def content(book: Book, at: int) -> Hashable:
    """Give what a line is about, without its id and day; None if it names no customer."""
    if not book.customers[at]:
        return None
    return book.customers[at], book.programs[at], book.currencies[at], book.amounts[at]


def without_program(book: Book, at: int) -> Hashable:
    """Give the same for books of which one does not say programs."""
    if not book.customers[at]:
        return None
    return book.customers[at], book.currencies[at], book.amounts[at]


def run(work: Work) -> None:
    """Match what fits, the earliest with the earliest, so that as many as can be are matched.

    Two lines that each have an id are never the same here: their ids would say so.
    """
    here, there = work.open(Side.HERE), work.open(Side.THERE)
    for ours, theirs in work.in_common(content, here, there):
        pair(work, Step.CONTENT, ours, theirs)
    here, there = work.open(Side.HERE), work.open(Side.THERE)
    for ours, theirs in work.in_common(without_program, here, there):
        for has_here, has_there in ((True, False), (False, True)):
            pair(
                work,
                Step.CONTENT,
                [at for at in ours if bool(work.here.programs[at]) is has_here],
                [at for at in theirs if bool(work.there.programs[at]) is has_there],
            )


def pair(work: Work, step: Step | Cause, here: list[int], there: list[int]) -> None:
    """Pair lines that fit: first those without any id, then those of which one side's have one.

    :param step: by which step they are the same; or the cause for which each pair is a break.
    """
    for has_here, has_there in AT_MOST_ONE:
        ours = (at for at in here if bool(work.here.ids[at]) is has_here)
        theirs = (at for at in there if bool(work.there.ids[at]) is has_there)
        _pair_in_order(
            work,
            step,
            [at for at in ours if work.is_open(Side.HERE, at)],
            [at for at in theirs if work.is_open(Side.THERE, at)],
        )


def _pair_in_order(work: Work, step: Step | Cause, here: list[int], there: list[int]) -> None:
    """Walk both lists by day; whoever is too early for the other's first has nobody."""
    ours, theirs = iter(here), iter(there)
    a, b = next(ours, None), next(theirs, None)
    while a is not None and b is not None:
        if work.are_near(a, b):
            if isinstance(step, Cause):
                work.break_pair(step, a, b)
            else:
                work.match(step, [a], [b])
            a, b = next(ours, None), next(theirs, None)
        elif work.here.days[a] < work.there.days[b]:
            a = next(ours, None)
        else:
            b = next(theirs, None)
