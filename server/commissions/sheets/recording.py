"""Record rows of a sheet in one transaction, and say of each what became of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions import known as books
from billing.commissions import service as commissions
from billing.commissions.schemas import KnownSale
from billing.errors import BillingRefusal
from server.access import Actor
from server.commissions import rules as edge
from server.commissions import service as commissions_kept
from server.commissions.schemas import NewRefund, NewSale
from server.commissions.sheets.columns import SaleField
from server.commissions.sheets.parts import Rows
from server.commissions.sheets.rows import RefundRead, RowRead, RowReader, SaleRead, SheetProblem
from server.commissions.sheets.schemas import SheetCounts, SheetResult, SheetRow, SheetView
from server.kit import db
from server.kit.errors import Invalid

_FIELDS: Final[Mapping[str, SaleField]] = {
    "on": SaleField.DAY,
    "above": SaleField.ABOVE,
    "sold": SaleField.SOLD,
    "refunded": SaleField.SOLD,
    "revenue_minor": SaleField.REVENUE,
}
"""By what the books name, which column that is; all else is about the row itself."""


class _Meant(msgspec.Struct, frozen=True):
    """A row, and what is asked of the books for it; None where nothing can be."""

    row: RowRead
    asked: NewSale | NewRefund | None
    problems: Sequence[SheetProblem]


async def record(
    actor: Actor, sheet: SheetView, reader: RowReader, rows: Rows, *, now: datetime
) -> list[SheetRow]:
    """Record what can be of some rows, in the open transaction."""
    named = [reader.sale_named(cells) for _, cells in rows]
    of = await books.sales([each for each in named if each is not None])
    meant = await _meant([reader.read(number, cells, of) for number, cells in rows])
    await _queue_up(actor, meant, now)
    cells_of = dict(rows)
    outcomes = []
    for each in meant:
        result, problems = await _kept(actor, sheet, each, now)
        is_refused = result is SheetResult.REFUSED
        outcomes.append(
            SheetRow(
                row=each.row.row,
                reference=each.row.reference,
                is_refund=each.row.is_refund,
                result=result,
                sale_id=_sale_of(each.asked),
                agent_id=each.row.agent_id,
                problems=list(problems),
                cells=cells_of[each.row.row] if is_refused else [],
            )
        )
    return outcomes


def counted(outcomes: Sequence[SheetRow]) -> SheetCounts:
    """Count what rows came to."""
    recorded = [each for each in outcomes if each.result is SheetResult.RECORDED]
    refunds = sum(each.is_refund for each in recorded)
    return SheetCounts(
        sales=len(recorded) - refunds,
        refunds=refunds,
        known=sum(each.result is SheetResult.KNOWN for each in outcomes),
        refused=sum(each.result is SheetResult.REFUSED for each in outcomes),
    )


async def _meant(rows: Sequence[RowRead]) -> list[_Meant]:
    """Find the contracts that sales are on, and say what is asked of the books."""
    sales = [each.said for each in rows if isinstance(each.said, SaleRead)]
    held = await books.sales([each.id for each in sales])
    contracts = await books.contracts([(each.agent_id, each.contract) for each in sales])
    return [_asked(each, contracts, held) for each in rows]


def _asked(
    row: RowRead,
    contracts: Mapping[tuple[UUID, str], Sequence[UUID]],
    held: Mapping[UUID, KnownSale],
) -> _Meant:
    """Say what is asked of the books for a row."""
    match row.said:
        case SaleRead() as said:
            try:
                named = contracts.get((said.agent_id, said.contract), ())
                sale = said.sale(named, held.get(said.id))
            except BillingRefusal as refusal:
                problem = SheetProblem(SaleField.CONTRACT, refusal.code, refusal.detail)
                return _Meant(row, None, [problem])
            return _Meant(row, sale, [])
        case RefundRead() as said:
            refund = NewRefund(
                id=said.id, sale_id=said.sale_id, refunded=said.refunded, reason=said.reason
            )
            return _Meant(row, refund, [])
        case None:
            return _Meant(row, None, row.problems)


async def _queue_up(actor: Actor, meant: Sequence[_Meant], now: datetime) -> None:
    """Wait for whoever moves what these rows do, in one order."""
    sales = [each.asked for each in meant if isinstance(each.asked, NewSale)]
    refunds = [each.asked for each in meant if isinstance(each.asked, NewRefund)]
    gaining = await books.shared([each.sale_id for each in refunds])
    for each in meant:
        if isinstance(each.row.said, SaleRead):
            above = [pair.above_id for pair in each.row.said.above]
            gaining |= {(who, each.row.said.currency) for who in (each.row.said.agent_id, *above)}
    await commissions.queue_up(sales, refunds, gaining, commissions_kept.books_of(actor, now))


async def _kept(
    actor: Actor, sheet: SheetView, meant: _Meant, now: datetime
) -> tuple[SheetResult, Sequence[SheetProblem]]:
    """Record one row; what the books say no to is undone, and nothing beside it."""
    told = {"sheet_id": sheet.id, "row": meant.row.row}
    try:
        async with db.current().savepoint():
            match meant.asked:
                case NewSale() as asked:
                    sale = msgspec.structs.replace(asked, is_another=sheet.are_others)
                    above = edge.line_above([(each.agent_id, each.above_id) for each in sale.above])
                    is_new = await commissions_kept.keep_sale(actor, sale, above, now=now, **told)
                case NewRefund() as refund:
                    is_new = await commissions_kept.keep_refund(actor, refund, now=now, **told)
                case None:
                    return SheetResult.REFUSED, meant.problems
    except (BillingRefusal, Invalid) as refusal:
        field = _FIELDS.get(refusal.field or "", SaleField.REFERENCE)
        return SheetResult.REFUSED, [SheetProblem(field, refusal.code, refusal.detail)]
    return SheetResult.RECORDED if is_new else SheetResult.KNOWN, []


def _sale_of(asked: NewSale | NewRefund | None) -> UUID | None:
    """Name the sale that a row is, or that it refunds a part of."""
    match asked:
        case NewSale():
            return asked.id
        case NewRefund():
            return asked.sale_id
        case None:
            return None
