"""What is left: why each line has nobody, from the most certain reason to none."""

from collections.abc import Hashable
from functools import partial

from billing.reconciliation.rules.by_content import content, pair
from billing.reconciliation.rules.by_sum import owner
from billing.reconciliation.rules.findings import Cause, Kind
from billing.reconciliation.rules.lines import Book, Side
from billing.reconciliation.rules.work import Key, Work

_DUPLICATE = {Side.HERE: Kind.DUPLICATE_HERE, Side.THERE: Kind.DUPLICATE_THERE}
_MISSING = {Side.HERE: Kind.MISSING_THERE, Side.THERE: Kind.MISSING_HERE}


def run(work: Work) -> None:
    """Find a reason for every line that counts and is still open.

    What this side alone has, of days that are another month's, is left open: it is no break.
    """
    _twins(work, is_matched=True)
    _over_on_one_side(work)
    for key in (_but_day, _but_amount, _but_currency, _but_program):
        _all_else_equal(work, key)
    _sums(work)
    _twins(work, is_matched=False)
    for side in Side:
        for at in filter(partial(work.is_wanted, side), work.open(side)):
            has_id = bool(work.books[side].ids[at])
            cause = Cause.ID_UNKNOWN if has_id else Cause.NOTHING_LIKE_IT
            _take(work, _MISSING[side], cause, side, at)


def _take(work: Work, kind: Kind, cause: Cause, side: Side, at: int) -> None:
    """Break one line of one side; who has it proves it or strikes it."""
    here, there = ([at], []) if side is Side.HERE else ([], [at])
    work.break_(kind, cause, here, there, owner=side)


def _twins(work: Work, *, is_matched: bool) -> None:
    """Find lines without an id that say the very same as another of their side.

    :param is_matched: compare with lines that are taken; else with others that are open.
    """
    for side, book in work.books.items():
        rest = [at for at in work.open(side) if not (is_matched and book.ids[at])]
        seen = _taken_twins(work, side, rest) if is_matched else set()
        # A line with an id stands for itself; of those without, the first.
        for _, _, at in sorted((not book.ids[at], book.numbers[at], at) for at in rest):
            whole = _whole(book, at)
            if whole in seen and not book.ids[at]:
                _take(work, _DUPLICATE[side], Cause.SAME_CONTENT_AGAIN, side, at)
            elif whole is not None and not is_matched:
                seen.add(whole)


def _taken_twins(work: Work, side: Side, rest: list[int]) -> set[Hashable]:
    """Give what some open lines say that a taken one says, too."""
    book = work.books[side]
    wanted = {_whole(book, at) for at in rest} - {None}
    if not wanted:
        return set()
    taken = (_whole(book, at) for at in range(len(book)) if not work.is_open(side, at))
    return {whole for whole in taken if whole in wanted}


def _whole(book: Book, at: int) -> Hashable:
    """Give all that a line says, its day too; None if it names no customer or does not count."""
    about = content(book, at)
    return None if about is None or not book.is_active(at) else (about, book.days[at])


def _over_on_one_side(work: Work) -> None:
    """Find lines that count on one side and fit one that is over on the other."""
    for side in Side:
        active = {each: work.open(each, is_active=each is side) for each in Side}
        for here, there in work.in_common(content, active[Side.HERE], active[Side.THERE]):
            pair(work, Cause.ALL_ELSE_EQUAL, here, there)


# ------------------------------------------------------------- all the same but one thing


def _all_else_equal(work: Work, key: Key) -> None:
    """Find one line on each side that agree in all but one thing, where there is no choice."""
    groups = work.in_common(key, work.open(Side.HERE), work.open(Side.THERE))
    for here, there in groups:
        if len(here) != 1 or len(there) != 1 or not work.may_be_one(here[0], there[0]):
            continue
        if key is _but_day or work.are_near(here[0], there[0]):
            work.break_pair(Cause.ALL_ELSE_EQUAL, here[0], there[0])


def _but_day(book: Book, at: int) -> Hashable:
    """Give all but the day."""
    return content(book, at)


def _but_amount(book: Book, at: int) -> Hashable:
    """Give all but the amount."""
    return owner(book, at)


def _but_currency(book: Book, at: int) -> Hashable:
    """Give all but the currency."""
    customer = book.customers[at]
    return (customer, book.programs[at], book.amounts[at]) if customer else None


def _but_program(book: Book, at: int) -> Hashable:
    """Give all but the program."""
    customer = book.customers[at]
    return (customer, book.currencies[at], book.amounts[at]) if customer else None


def _sums(work: Work) -> None:
    """Find one line that stands against several of the same customer, and does not add up."""
    for here, there in work.in_common(owner, work.open(Side.HERE), work.open(Side.THERE)):
        if 1 not in (len(here), len(there)) or len(here) == len(there):
            continue
        days = [work.here.days[at] for at in here] + [work.there.days[at] for at in there]
        are_free = all(work.may_be_one(a, b) for a in here for b in there)
        if are_free and max(days) - min(days) <= work.terms.sum_days:
            sums = (work.here.counting_minor(here), work.there.counting_minor(there))
            work.break_(
                Kind.SUM_DIFFERS,
                Cause.PARTS_OF_ONE,
                here,
                there,
                owner=Side.HERE,
                says=(str(sums[0]), str(sums[1])),
            )
