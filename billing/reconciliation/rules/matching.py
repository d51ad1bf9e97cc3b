"""Compare two books, step by step: what is certain first, and every line once."""

from typing import Final

from billing.reconciliation.rules import by_content, by_id, by_name, by_sum, causes
from billing.reconciliation.rules.findings import Reconciled, Terms
from billing.reconciliation.rules.lines import Book
from billing.reconciliation.rules.work import Work

_STEPS: Final = (by_id.run, by_content.run, by_sum.run, by_name.run, causes.run)


def reconcile(here: Book, there: Book, terms: Terms) -> Reconciled:
    """Match the lines of two books, and say why the others differ.

    Pure and in no order's hands: the same lines give the same answer however they are sorted, and
    seen from the other side it is the same answer in the mirror.
    """
    work = Work(here, there, terms)
    for step in _STEPS:
        step(work)
    work.found.breaks.sort()
    return work.found
