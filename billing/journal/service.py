"""Export the journal. Joins the platform's transaction."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from billing.journal import beancount, hledger, queries
from billing.journal.schemas import Journal, JournalFormat

_WRITERS: Final[Mapping[JournalFormat, Callable[[Journal], bytes]]] = {
    JournalFormat.BEANCOUNT: beancount.write,
    JournalFormat.HLEDGER: hledger.write,
}


async def export(form: JournalFormat, *, begins_on: date, ends_on: date) -> bytes:
    """Write what was booked from one day to another, both included, by Shanghai's calendar.

    The same range of books that are closed gives the same bytes, whoever asks and whenever.
    """
    return write(form, await queries.journal(begins_on, ends_on))


def write(form: JournalFormat, journal: Journal) -> bytes:
    """Write what was read already: seconds for a long journal, in which no transaction waits."""
    return _WRITERS[form](journal)
