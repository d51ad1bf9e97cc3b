"""Look how a file would be read, before anything of it is kept."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from billing.errors import BillingRefusal
from billing.reconciliation.rules import columns
from billing.reconciliation.rules.columns import NAMES, ColumnMap, Field, RowProblem, RowReader
from billing.reconciliation.rules.lines import Line
from server.imports.rules.columns import Vocabulary
from server.reconciliation.parts import Rows
from server.reconciliation.schemas import ColumnsSaid, FileSeen, NewSource

ROWS_MAX: Final = 20_000
"""So many rows are looked at; the worker reads all of them."""
UNREAD_MAX: Final = 100
"""So many cells that cannot be read are named."""
_SHOWN: Final = 5
_WORDS_MAX: Final = 50
"""So many words of a field are asked about at once."""


def vocabulary(maps: Iterable[ColumnMap]) -> Vocabulary:
    """Give what columns are called usually and in these maps; by it a header is found."""
    names: dict[str, tuple[str, ...]] = {str(field): tuple(usual) for field, usual in NAMES.items()}
    for each in maps:
        for field, called in each.columns.items():
            names[field] = (called, *names[field])
    return Vocabulary(names)


def meant(
    header: Sequence[str], said: ColumnsSaid | None, sources: Sequence[NewSource]
) -> ColumnMap:
    """Give what was said of this header, else the newest source that fits it, else a guess."""
    if said is not None and said.header == header:
        return said.column_map
    for source in reversed(sources):
        if _refusal(header, source.column_map) is None:
            return source.column_map
    return columns.said(header, columns.fields_of(header, columns.guess(header)))


def same_as(by: ColumnMap, sources: Sequence[NewSource]) -> NewSource | None:
    """Find the source that reads every file as a map does."""
    return next((each for each in sources if columns.alike(each.column_map, by)), None)


def seen(
    header: list[str],
    pieces: Iterable[Rows],
    by: ColumnMap,
    sources: Sequence[NewSource],
    month: str | None,
) -> FileSeen:
    """Read the first rows by a map as the worker will: without names.

    :param month: the one that is chosen, as in 2026-11; days outside of it are counted.
    """
    rows = (row for piece in pieces for row in piece)
    first = list(islice(rows, ROWS_MAX))
    lines: list[Line] = []
    unread: list[RowProblem] = []
    words: dict[Field, list[str]] = {Field.STATE: [], Field.PROGRAM: []}
    refusal = _refusal(header, by)
    if refusal is None:
        reader = RowReader(header, by)
        kept = [(number, reader.nameless(cells)) for number, cells in first]
        lines, unread = reader.read(kept)
        words = _unexplained(reader, kept, unread)
    return FileSeen(
        header=header,
        column_map=by,
        fields=columns.fields_of(header, by),
        source=same_as(by, sources),
        top=[cells for _, cells in first[:_SHOWN]],
        refusal=refusal,
        lines=lines[:_SHOWN],
        rows=len(first),
        is_whole=next(rows, None) is None,
        unread=unread[:UNREAD_MAX],
        unread_count=len(unread),
        outside=sum(month is not None and f"{each.on:%Y-%m}" != month for each in lines),
        state_words=words[Field.STATE],
        program_words=words[Field.PROGRAM],
    )


def _refusal(header: Sequence[str], by: ColumnMap) -> BillingRefusal | None:
    """Say why a map does not do for a header, if it does not."""
    try:
        RowReader(header, by)
    except BillingRefusal as refusal:
        return refusal
    return None


def _unexplained(
    reader: RowReader, rows: Rows, unread: Sequence[RowProblem]
) -> dict[Field, list[str]]:
    """Give by field the words that nobody has explained, each once, as they come."""
    numbers = {each.row for each in unread}
    words: dict[Field, dict[str, None]] = {Field.STATE: {}, Field.PROGRAM: {}}
    for number, row in rows:
        if number in numbers:
            for field, word in reader.unexplained(row):
                words[field][word] = None
    return {field: list(found)[:_WORDS_MAX] for field, found in words.items()}
