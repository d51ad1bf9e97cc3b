"""Look how a sheet would be read, before anything of it is recorded."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions.schemas import KnownSale
from billing.errors import BillingRefusal
from server.commissions.sheets import columns
from server.commissions.sheets.columns import Header, SaleField, SaleMap
from server.commissions.sheets.parts import Rows
from server.commissions.sheets.rows import Directory, RefundRead, RowRead, RowReader, SaleRead
from server.commissions.sheets.schemas import (
    NewSheetMap,
    SaleColumnsSaid,
    SeenProblem,
    SeenRow,
    SheetSeen,
)

ROWS_MAX: Final = 20_000
"""So many rows are looked at; the worker reads all of them."""
PROBLEMS_MAX: Final = 100
"""So many cells that cannot be read are named."""
_SHOWN: Final = 5
_WORDS_MAX: Final = 50
"""So many words of a field are asked about at once."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """The first rows of a sheet; refunds are read once their sales are known."""

    header: list[str]
    by: SaleMap
    top: list[list[str]]
    refusal: BillingRefusal | None = None
    """Why the columns do not do."""
    reader: RowReader | None = None
    sales: list[RowRead] = []
    refunds: Rows = []
    looked_at: int = 0
    is_whole: bool = True
    words: Mapping[SaleField, Mapping[str, None]] = {}
    """By field the words that nobody has explained, as they come."""

    @property
    def sales_named(self) -> list[UUID]:
        """Name the sales that rows are, or are refunds of."""
        own = [each.said.id for each in self.sales if each.said]
        return [*own, *self._named("sale_named")]

    @property
    def refunds_named(self) -> list[UUID]:
        """Name the refunds that rows are."""
        return self._named("refund_named")

    def _named(self, how: str) -> list[UUID]:
        """Name what refunds name."""
        if self.reader is None:
            return []
        found = (getattr(self.reader, how)(cells) for _, cells in self.refunds)
        return [each for each in found if each is not None]


def meant(
    header: Sequence[str], said: SaleColumnsSaid | None, saved: Sequence[NewSheetMap]
) -> SaleMap:
    """Give what was said of this header, else the newest map that fits it, else a guess."""
    if said is not None and said.header == header:
        return said.column_map
    for each in saved:
        if _held(header, each.column_map) is None:
            return each.column_map
    return columns.said(header, columns.guess(header))


def same_as(by: SaleMap, saved: Sequence[NewSheetMap]) -> NewSheetMap | None:
    """Find the saved map that reads every sheet as this one does."""
    return next((each for each in saved if columns.alike(each.column_map, by)), None)


def _held(header: Sequence[str], by: SaleMap) -> BillingRefusal | None:
    """Say why a map does not do for a header, if it does not."""
    try:
        Header(header, by)
    except BillingRefusal as refusal:
        return refusal
    return None


def looked_at(
    header: list[str],
    pieces: Iterable[Rows],
    by: SaleMap,
    directory: Directory,
    *,
    now: datetime,
) -> Looked:
    """Read the first sales by a map as the worker will, and lay the refunds aside."""
    rows = (row for piece in pieces for row in piece)
    first = list(islice(rows, ROWS_MAX))
    top = [cells for _, cells in first[:_SHOWN]]
    if (refusal := _held(header, by)) is not None:
        return Looked(header=header, by=by, top=top, refusal=refusal)
    held = Header(header, by)
    reader = RowReader(held, by, directory, now=now)
    kept = [(number, held.kept(cells)) for number, cells in first if not held.is_sum(cells)]
    words: dict[SaleField, dict[str, None]] = {SaleField.AGENT: {}, SaleField.PLAN: {}}
    for _, cells in kept:
        for field, word in reader.unexplained(cells):
            words[field][word] = None
    return Looked(
        header=header,
        by=by,
        top=top,
        reader=reader,
        sales=[reader.read(n, cells, {}) for n, cells in kept if not held.is_refund(cells)],
        refunds=[(n, cells) for n, cells in kept if held.is_refund(cells)],
        looked_at=len(first),
        is_whole=next(rows, None) is None,
        words=words,
    )


def seen(
    looked: Looked,
    saved: Sequence[NewSheetMap],
    known: Mapping[UUID, KnownSale],
    refunds_known: set[UUID],
) -> SheetSeen:
    """Say what would become of the rows.

    :param known: the sales of the books that rows are, or are refunds of.
    :param refunds_known: likewise of refunds.
    """
    sales = [each.said for each in looked.sales if isinstance(each.said, SaleRead)]
    of_file = {each.id: each.known for each in sales}
    refunds = [
        looked.reader.read(number, cells, {**of_file, **known})
        for number, cells in looked.refunds
        if looked.reader is not None
    ]
    rows = [*looked.sales, *refunds]
    taken = [each for each in rows if each.said is not None]
    problems = [
        SeenProblem(each.row, problem.field, problem.code, problem.detail)
        for each in sorted(rows, key=lambda each: each.row)
        for problem in each.problems
    ]
    held = {*known, *refunds_known}
    words = {field: list(found)[:_WORDS_MAX] for field, found in looked.words.items()}
    return SheetSeen(
        header=looked.header,
        column_map=looked.by,
        fields=columns.fields_of(looked.header, looked.by),
        saved=same_as(looked.by, saved),
        top=looked.top,
        refusal=looked.refusal,
        rows=[_seen(each) for each in taken[:_SHOWN]],
        looked_at=looked.looked_at,
        is_whole=looked.is_whole,
        sales=sum(not each.is_refund for each in taken),
        refunds=sum(each.is_refund for each in taken),
        known=sum(each.said.id in held for each in taken if each.said),
        refused=len(rows) - len(taken),
        problems=problems[:PROBLEMS_MAX],
        problems_count=len(problems),
        agent_words=words.get(SaleField.AGENT, []),
        plan_words=words.get(SaleField.PLAN, []),
    )


def _seen(row: RowRead) -> SeenRow:
    """Show a row as it would be recorded."""
    assert row.said is not None, "only what can be recorded is shown"
    said = row.said
    return SeenRow(
        row=row.row,
        reference=row.reference,
        is_refund=row.is_refund,
        agent_id=said.agent_id,
        on=None if isinstance(said, RefundRead) else said.on,
        amount=said.refunded if isinstance(said, RefundRead) else said.sold,
        measure=said.measure,
        currency=said.currency,
    )
