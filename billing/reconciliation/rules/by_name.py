"""Fourth step: customers who are called nearly the same, where there is no token to go by."""

import re
import unicodedata
from collections.abc import Hashable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from billing.reconciliation.rules.by_content import AT_MOST_ONE, pair
from billing.reconciliation.rules.findings import Step
from billing.reconciliation.rules.lines import Book, Side
from billing.reconciliation.rules.work import Work

_NOISE: Final = re.compile(r"[\s\W_]+")
_FORMS: Final = re.compile(
    r"(股份有限公司|有限责任公司|有限公司|集团公司|公司|coltd|limited|ltd|inc|llc)$"
)
_TRIED_MAX: Final = 1_000_000
"""So many pairs of names are compared, in the smallest groups first. A book in which nobody has a
token is not one to guess in."""


def bare(name: str) -> str:
    """Give what tells one company from another: no signs, no spaces, no legal form."""
    return _FORMS.sub("", _NOISE.sub("", unicodedata.normalize("NFKC", name).casefold()))


class _Names:
    """The bare names of two books, each made once."""

    def __init__(self, work: Work) -> None:
        self._texts = work.here.words.texts
        self._bare: dict[int, str] = {}

    def of(self, book: Book, at: int) -> str:
        """Give the bare name on a line."""
        code = book.names[at]
        if code not in self._bare:
            self._bare[code] = bare(self._texts[code])
        return self._bare[code]


def run(work: Work) -> None:
    """Match lines by names: the very same first, then those nearest to each other.

    Everything else must be the same. Not tried are two lines that each have a token, or an id.
    """
    names = _Names(work)

    def name_and_rest(book: Book, at: int) -> Hashable:
        name = names.of(book, at)
        return (name, _rest(book, at)) if name else None

    for ours, theirs in work.in_common(name_and_rest, *_named(work)):
        for has_here, has_there in AT_MOST_ONE:
            pair(
                work,
                Step.NAME,
                [at for at in ours if bool(work.here.customers[at]) is has_here],
                [at for at in theirs if bool(work.there.customers[at]) is has_there],
            )
    groups = work.in_common(_rest, *_named(work))
    sizes = sorted(len(ours) * len(theirs) for ours, theirs in groups)
    small = max(
        (s for s, n in zip(sizes, accumulate(sizes), strict=True) if n <= _TRIED_MAX), default=0
    )
    for ours, theirs in groups:
        if len(ours) * len(theirs) <= small:
            _settle(work, names, ours, theirs)


def _named(work: Work) -> tuple[list[int], list[int]]:
    """List what is open and has a name."""
    return (
        [at for at in work.open(Side.HERE) if work.here.names[at]],
        [at for at in work.open(Side.THERE) if work.there.names[at]],
    )


def _rest(book: Book, at: int) -> Hashable:
    """Give all that a line says but the customer and the day."""
    return book.programs[at], book.currencies[at], book.amounts[at]


def _settle(work: Work, names: _Names, here: list[int], there: list[int]) -> None:
    """Match those who choose each other."""
    back = {b: a for b, a, _ in _choices(work, names, Side.THERE, there, here)}
    for a, b, score in _choices(work, names, Side.HERE, here, there):
        if back.get(b) == a:
            work.match(Step.NAME, [a], [b], score)


def _choices(
    work: Work, names: _Names, side: Side, ours: Sequence[int], theirs: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Give for each line of a side the one of the other whose name is nearest, and how near.

    Nobody is chosen where another is nearly as near.
    """
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only a comparison needs it

    book, other = work.books[side], work.books[side.other]

    def reachable(at: int) -> Iterator[tuple[int, str]]:
        for each in theirs:
            here, there = (at, each) if side is Side.HERE else (each, at)
            have_tokens = work.here.customers[here] and work.there.customers[there]
            is_free = work.may_be_one(here, there) and work.are_near(here, there)
            if is_free and not have_tokens:
                yield each, names.of(other, each)

    chosen = []
    for at in ours:
        best, *others = process.extract(
            names.of(book, at),
            dict(reachable(at)),
            scorer=fuzz.ratio,
            limit=2,
            score_cutoff=work.terms.name_score_min - work.terms.name_margin,
        ) or [("", 0, -1)]
        is_alone = all(best[1] - score >= work.terms.name_margin for _, score, _ in others)
        if best[1] >= work.terms.name_score_min and is_alone:
            chosen.append((at, best[2], int(best[1])))
    return chosen
