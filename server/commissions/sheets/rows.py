"""Read the rows of a sheet as sales and refunds, or say of each cell why it cannot be. Pure.

A sale's id is made of its own reference and a refund's likewise, so that a row that comes again,
in whatever file, is the same one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Final, TypeVar
from uuid import UUID, uuid5

import msgspec

from billing.commissions.rules.plans import Measure, PlanVersion, in_force
from billing.commissions.rules.shares import Seller
from billing.commissions.schemas import SALE_MAX, KnownSale, SaleNotFound
from billing.errors import BillingRefusal
from billing.reconciliation.rules import cells
from billing.reconciliation.rules.cells import (
    AmountNegative,
    AmountTooLarge,
    CellUnread,
    CurrencyUnexpected,
)
from server.commissions.rules import ensure_sold
from server.commissions.schemas import Above, NewSale
from server.commissions.sheets.columns import (
    OF_FIGURES,
    Cells,
    Header,
    SaleField,
    SaleMap,
    small,
)
from server.kit.errors import Invalid
from server.kit.text import tidied

_NAMESPACE: Final = UUID("6f1d1f6e-1d2b-5c84-9a57-0c5d6a1b7e42")
"""Of ids that are made of references; it never changes."""
_COUNT: Final = re.compile(r"(?P<whole>[0-9]{1,16}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(?:\.0+)?")
"""Bounded, so that no text becomes a number that takes long."""
_FIGURES: Final = frozenset({*OF_FIGURES, SaleField.DAY})
_BETWEEN: Final = re.compile(r"[;>、]")
"""Between those above, the nearest first."""
_KINDS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("sale", "销售", "成交", "销售单", "订单"), False),
    **dict.fromkeys(("refund", "退款", "退货", "退单", "退款单", "退货单"), True),
}
"""What rows are called, and whether such a row is a refund."""
_CONTRACT_MAX: Final = 100
_REASON_MAX: Final = 500
_SHOWN_MAX: Final = 200
_T = TypeVar("_T")


class CellEmpty(CellUnread):
    """A row does not say something without which it cannot be recorded."""

    code = "cell_empty"


class AgentUnknown(CellUnread):
    """A row names an agent that the platform does not have."""

    code = "agent_unknown"


class AgentAmbiguous(CellUnread):
    """A row names an agent by a name that several have."""

    code = "agent_ambiguous"


class AgentDiffers(CellUnread):
    """A refund names another agent than who made its sale."""

    code = "refund_agent_differs"


class PlanUnknown(CellUnread):
    """A row names a commission plan that there is none of, or none at all."""

    code = "plan_unknown"


class SoldNegative(CellUnread):
    """An amount is below nothing; what was taken back is a row of its own."""

    code = "sold_negative"


class KindContradicts(CellUnread):
    """A row is called a refund and names no sale, or the other way round."""

    code = "row_kind_contradicts"


class ContractAmbiguous(CellUnread):
    """Several contracts of the books have the number that a row names."""

    code = "contract_ambiguous"


class SheetProblem(msgspec.Struct, frozen=True):
    """Why a row is not recorded. The column is named by what it is for."""

    field: SaleField
    code: str
    detail: str


class SaleRead(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is a sale."""

    id: UUID
    agent_id: UUID
    above: list[Above]
    plan_id: UUID
    contract: str
    on: date
    sold: int
    revenue_minor: int | None
    measure: Measure
    currency: str

    @property
    def known(self) -> KnownSale:
        """Say what its refunds have to know of it."""
        return KnownSale(
            id=self.id, agent_id=self.agent_id, measure=self.measure, currency=self.currency
        )

    def sale(self, contracts: Sequence[UUID], held: KnownSale | None) -> NewSale:
        """Give the sale as the books take it.

        :param contracts: those that the books have of its agent under its number.
        :param held: the sale as the books have it, if it comes again.
        :raises ContractAmbiguous: several contracts of its agent have its number.
        """
        is_id = bool(cells.ID.fullmatch(self.contract.lower()))
        return NewSale(
            id=self.id,
            plan_id=self.plan_id,
            contract_id=UUID(self.contract) if is_id else self._contract(contracts, held),
            contract_number=None if is_id else self.contract,
            on=self.on,
            sold=self.sold,
            sellers=[Seller(self.agent_id)],
            above=self.above,
            revenue_minor=self.revenue_minor,
        )

    def _contract(self, contracts: Sequence[UUID], held: KnownSale | None) -> UUID:
        """Find the contract by its number; one that nobody has spoken of gets an id made of it."""
        if held and held.contract_id and held.contract_number == self.contract:
            return held.contract_id
        if len(contracts) > 1:
            raise ContractAmbiguous(
                "Several contracts of this agent have this number; write the contract's id."
            )
        if contracts:
            return contracts[0]
        return uuid5(_NAMESPACE, f"contract:{self.agent_id}:{self.contract}")


class RefundRead(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is a refund."""

    id: UUID
    sale_id: UUID
    agent_id: UUID
    refunded: int
    reason: str | None
    measure: Measure
    currency: str


class RowRead(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says, or why it does not."""

    row: int
    """Its line in the file, the first being 1."""
    reference: str
    is_refund: bool
    agent_id: UUID | None
    """Who sold it, where that can be read."""
    said: SaleRead | RefundRead | None
    problems: list[SheetProblem]


class Directory(msgspec.Struct, frozen=True):
    """Whom and what rows may name."""

    agents: Mapping[str, Sequence[UUID]]
    """By what agents are called, small."""
    plans: Mapping[UUID, Sequence[PlanVersion]]
    """By plan its versions, the earliest first."""


def _id(kind: str, reference: str) -> UUID:
    """Give the id of the sale or refund that is called so; an id is one itself."""
    if cells.ID.fullmatch(reference):
        return UUID(reference)
    return uuid5(_NAMESPACE, f"{kind}:{reference}")


class RowReader:
    """Reads rows of one file by its map."""

    def __init__(self, header: Header, by: SaleMap, directory: Directory, *, now: datetime) -> None:
        self._header, self._map, self._directory, self._now = header, by, directory, now
        self._agent_words = {small(word): meant for word, meant in by.agent_words.items()}
        self._plan_words = {small(word): meant for word, meant in by.plan_words.items()}

    def by_plans(self, plans: Mapping[UUID, Sequence[PlanVersion]]) -> "RowReader":
        """Read the same file by plans as they are by now."""
        directory = msgspec.structs.replace(self._directory, plans=plans)
        return RowReader(self._header, self._map, directory, now=self._now)

    def sale_named(self, row: Cells) -> UUID | None:
        """Give the sale that a refund is of; None where it cannot be read."""
        return self._named(row, SaleField.SALE, "sale")

    def refund_named(self, row: Cells) -> UUID | None:
        """Give the id of a refund; None where it cannot be read."""
        return self._named(row, SaleField.REFERENCE, "refund")

    def _named(self, row: Cells, field: SaleField, kind: str) -> UUID | None:
        """Give the id of what a row names."""
        try:
            return _id(kind, _reference(self._header.said(row, field)))
        except CellUnread:
            return None

    def read(self, number: int, row: Cells, known: Mapping[UUID, KnownSale]) -> RowRead:
        """Read a row; all that is wrong with it is told at once.

        :param known: the sales that refunds may be of.
        """
        looked = _Row(self._header, row)
        reference = looked.tried(SaleField.REFERENCE, _reference)
        is_refund = self._header.is_refund(row)
        looked.tried(SaleField.KIND, lambda cell: _ensure_kind(cell, is_refund=is_refund))
        said: SaleRead | RefundRead | None
        if is_refund:
            said = self._refund(reference or "", looked, known)
        else:
            said = self._sale(reference or "", looked)
        return RowRead(
            row=number,
            reference=self._header.said(row, SaleField.REFERENCE)[:_SHOWN_MAX],
            is_refund=is_refund,
            agent_id=said.agent_id if said else self._agent_named(row),
            said=None if looked.problems else said,
            problems=looked.problems,
        )

    def _sale(self, reference: str, row: "_Row") -> SaleRead | None:
        """Read a sale."""
        tried = row.tried
        agent_id = tried(SaleField.AGENT, self._agent)
        above = tried(SaleField.ABOVE, self._above)
        plan_id = tried(SaleField.PLAN, self._plan)
        contract = tried(SaleField.CONTRACT, _contract)
        on = tried(SaleField.DAY, lambda cell: _day(cell, self._now))
        if plan_id is None or on is None:
            return None
        version = tried(SaleField.DAY, lambda _: in_force(self._directory.plans[plan_id], on))
        if version is None:
            return None
        measure, currency = version.measure, version.currency
        tried(SaleField.CURRENCY, lambda cell: _ensure_currency(cell, currency))
        sold = tried(SaleField.SOLD, lambda cell: _sold(cell, measure, currency))
        revenue = tried(SaleField.REVENUE, lambda cell: _amount(cell, currency) if cell else None)
        if agent_id is None or above is None or contract is None or sold is None:
            return None
        line = pairwise([agent_id, *above])
        return SaleRead(
            id=_id("sale", reference),
            agent_id=agent_id,
            above=[Above(agent_id=low, above_id=high) for low, high in line],
            plan_id=plan_id,
            contract=contract,
            on=on,
            sold=sold,
            revenue_minor=revenue,
            measure=measure,
            currency=currency,
        )

    def _refund(
        self, reference: str, row: "_Row", known: Mapping[UUID, KnownSale]
    ) -> RefundRead | None:
        """Read a refund, in what its sale is counted in."""
        tried = row.tried
        of = tried(SaleField.SALE, lambda cell: _of(cell, known))
        tried(SaleField.REASON, lambda cell: tidied(cell, SaleField.REASON, _REASON_MAX))
        if of is None:
            return None
        sale, held = of
        tried(SaleField.AGENT, lambda cell: self._ensure_agent(cell, held.agent_id))
        tried(SaleField.CURRENCY, lambda cell: _ensure_currency(cell, held.currency))
        refunded = tried(SaleField.SOLD, lambda cell: _sold(cell, held.measure, held.currency))
        if refunded is None:
            return None
        return RefundRead(
            id=_id("refund", reference),
            sale_id=sale,
            agent_id=held.agent_id,
            refunded=refunded,
            reason=row.reason,
            measure=held.measure,
            currency=held.currency,
        )

    def _agent(self, cell: str) -> UUID:
        """Read who sold, by name, short name or id."""
        if not cell:
            raise CellEmpty("Write which agent sold it.")
        called = cell.casefold()
        meant = self._agent_words.get(called)
        found = self._directory.agents.get(called if meant is None else str(meant), ())
        if not found:
            raise AgentUnknown("There is no agent of this name; write the name that it has here.")
        if len(found) > 1:
            raise AgentAmbiguous("Several agents are called so; write the whole name or the id.")
        return found[0]

    def _agent_named(self, row: Cells) -> UUID | None:
        """Give the agent that a row names, if it can be read."""
        try:
            return self._agent(self._header.said(row, SaleField.AGENT))
        except CellUnread:
            return None

    def _above(self, cell: str) -> list[UUID]:
        """Read who stands above, the nearest first."""
        return [self._agent(each.strip()) for each in _BETWEEN.split(cell) if each.strip()]

    def _ensure_agent(self, cell: str, agent_id: UUID) -> None:
        """Refuse a refund that names somebody else than who sold."""
        if cell and self._agent(cell) != agent_id:
            raise AgentDiffers("Another agent made the sale of this number; correct one of them.")

    def _plan(self, cell: str) -> UUID:
        """Read by which plan a sale is paid, that of the file where it says none."""
        meant = self._plan_words.get(cell.casefold()) if cell else self._map.plan
        if meant is None and cells.ID.fullmatch(cell.lower()):
            meant = UUID(cell)
        if meant is None or meant not in self._directory.plans:
            raise PlanUnknown("Say which commission plan this is, or choose one for all rows.")
        return meant

    def unexplained(self, row: Cells) -> list[tuple[SaleField, str]]:
        """Give the words for an agent or a plan that nobody has explained."""
        words = []
        for field, read in ((SaleField.AGENT, self._agent), (SaleField.PLAN, self._plan)):
            word = self._header.said(row, field)
            try:
                if word:
                    read(word)
            except CellUnread:
                words.append((field, word))
        return words


class _Row:
    """A row that is being read, and what is wrong with it."""

    def __init__(self, header: Header, row: Cells) -> None:
        self._header, self._row = header, row
        self.problems: list[SheetProblem] = []

    def tried(self, field: SaleField, read: Callable[[str], _T]) -> _T | None:
        """Read a cell; None where it cannot be, which is noted."""
        said = self._header.figures if field in _FIGURES else self._header.said
        try:
            return read(said(self._row, field))
        except (BillingRefusal, Invalid) as refusal:
            self.problems.append(SheetProblem(field, refusal.code, refusal.detail))
            return None

    @property
    def reason(self) -> str | None:
        """Give why something was refunded, with the signs of Chinese writing as they are typed."""
        return self._header.written(self._row, SaleField.REASON) or None


def _reference(cell: str) -> str:
    """Read what a row is called.

    :raises CellUnread: it is nothing, too long, a formula, or a number that lost digits.
    """
    said = cells.reference(cell)
    if not said:
        raise CellEmpty("Write the number by which this row is known when it comes again.")
    if said.startswith("="):
        raise CellUnread("A formula has no value here; save the workbook with its values.")
    return said


def _contract(cell: str) -> str:
    """Read a contract's number, or its id."""
    said = cells.reference(cell)
    if not said:
        raise CellEmpty("Write the number of the contract that was sold.")
    if len(said) > _CONTRACT_MAX or said.startswith("="):
        raise CellUnread(f"Write a number of at most {_CONTRACT_MAX} letters.")
    return said


def _day(cell: str, now: datetime) -> date:
    """Read the day on which something was sold, in China."""
    if not cell:
        raise CellEmpty("Write the day on which it was sold.")
    on = cells.day(cell)
    ensure_sold(on, SaleField.DAY, now)
    return on


def _ensure_kind(cell: str, *, is_refund: bool) -> None:
    """Refuse a row that is called something else than what it is.

    :raises CellUnread: it is called something that is neither.
    """
    if not cell:
        return
    called = _KINDS.get(cell.casefold())
    if called is None:
        raise CellUnread("Write sale or refund.")
    if called and not is_refund:
        raise KindContradicts("A refund names the sale that it is of; write its number.")
    if is_refund and not called:
        raise KindContradicts("A sale refunds no other; leave that number out.")


def _of(cell: str, known: Mapping[UUID, KnownSale]) -> tuple[UUID, KnownSale]:
    """Read which sale a refund is of."""
    sale = _id("sale", _reference(cell))
    if sale not in known:
        raise SaleNotFound("There is no sale of this number; record it first.")
    return sale, known[sale]


def _ensure_currency(cell: str, currency: str) -> None:
    """Refuse a row that says another currency than its plan pays in."""
    if cell and cells.currency(cell) != currency:
        raise CurrencyUnexpected(f"This plan counts and pays in {currency}.")


def _sold(cell: str, measure: Measure, currency: str) -> int:
    """Read what was sold: an amount, or how many."""
    if not cell:
        raise CellEmpty("Write how much was sold, or refunded.")
    if measure.is_money:
        return _amount(cell, currency)
    match = _COUNT.fullmatch(cell)
    if match is None or not 1 <= int(match["whole"].replace(",", "")) <= SALE_MAX:
        raise CellUnread("This plan counts pieces; write how many, such as 12.")
    return int(match["whole"].replace(",", ""))


def _amount(cell: str, currency: str) -> int:
    """Read an amount as whole minor units.

    :raises AmountTooLarge: it is more than one sale may be.
    :raises SoldNegative: it is below nothing.
    """
    try:
        minor = cells.amount_minor(cell, currency)
    except AmountNegative as negative:
        told = "Write a refund as a row of its own that names its sale, its amount without a minus."
        raise SoldNegative(told) from negative
    if minor > SALE_MAX:
        raise AmountTooLarge(f"One sale is at most {SALE_MAX} minor units.")
    return minor
