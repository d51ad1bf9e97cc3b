"""Ask about commissions. The platform's finance sees all, an agent's owner its company's own."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from billing.commissions import bank_files, offers, own, taxes, trials, yearly
from billing.commissions import queries as books
from billing.commissions.rules import accounts
from billing.commissions.rules.plans import PlanVersion, ensure_sound
from billing.commissions.rules.statements import Statement
from billing.commissions.schemas import (
    AccruedRow,
    AgentYear,
    BatchRow,
    Behind,
    ChosenSales,
    ContractMeter,
    LineMove,
    LineView,
    NaturalPersonRow,
    OfferRow,
    OfferView,
    OwnSale,
    PlanTrial,
    RefundRow,
    SaleNotFound,
    SaleRow,
    TaxOwed,
)
from billing.sealing import queries as sealing
from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.commissions import rules
from server.commissions.schemas import CommissionMeter, PayoutView, SaleStory
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor
from server.partners import queries as partners

_AT_ONCE: Final = 1_000
"""Contracts that are held against the limit in one statement."""
_TELLER: Final = of_the_product(
    PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name="commissions.statement"
)
"""Reads entries of the books, which an agent's own transaction cannot."""

# ------------------------------------------------------------------------------- the platform


async def plans(actor: Actor) -> list[PlanVersion]:
    """List the versions of all commission plans, those that began last first."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        return await books.plans()


def preview(actor: Actor, version: PlanVersion) -> list[tuple[int, int]]:
    """Give what a month would pay for what is sold in it: at each tier, and beyond the last one.

    :raises PlanUnsound: the version contradicts itself.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    ensure_sound(version)
    return rules.examples(version)


async def trial(actor: Actor, version: PlanVersion, *, months: int = 3, now: datetime) -> PlanTrial:
    """Try a version on what was sold by its plan in so many months and this one; nothing is kept.

    Between transactions, some sales in each. The agents that are shown are told.

    :raises PlanUnsound: the version contradicts itself.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    ensure_sound(version)
    until = now.astimezone(ZONE).date()
    since = rules.months_before(until, months)
    tried, last = trials.Trial(version, since, until), None
    while True:
        async with db.platform_transaction(actor):
            found = await trials.sales(version, since, until, after=last)
        tried.add(found)
        if len(found) < trials.AT_ONCE:
            break
        last = found[-1]
    told = tried.told(PAGE_SIZE)
    async with db.platform_transaction(actor):
        agents = [each.agent_id for each in told.agents]
        await audit.record_platform_read(actor, agents, "commissions.trial", now=now)
    return told


async def sales(
    actor: Actor, chosen: ChosenSales, *, cursor: str | None = None, now: datetime
) -> Page[SaleRow]:
    """List sales, the last days first; each agent who sold or shares one is told."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    before = decode_cursor(cursor, tuple[date, UUID]) if cursor else None
    async with db.platform_transaction(actor):
        found = await books.sales(chosen, before=before, limit=PAGE_SIZE + 1)
        items = found[:PAGE_SIZE]
        agents = await books.agents_of([sale.id for sale in items])
        await audit.record_platform_read(actor, agents, "commissions.sales", now=now)
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].on, items[-1].id) if more else None)


async def accrued(actor: Actor, *, cursor: str | None = None, now: datetime) -> Page[AccruedRow]:
    """List what each agent has earned, and how far it has come; each is told."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    after = decode_cursor(cursor, tuple[UUID, str]) if cursor else None
    async with db.platform_transaction(actor):
        found = await books.accrued(after=after, limit=PAGE_SIZE + 1)
        items = found[:PAGE_SIZE]
        agents = [each.agent_id for each in items]
        await audit.record_platform_read(actor, agents, "commissions.accruals", now=now)
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].agent_id, items[-1].currency) if more else None)


async def refunds_of_sale(actor: Actor, sale_id: UUID, *, now: datetime) -> list[RefundRow]:
    """List what was refunded of a sale, and why; who shares it is told that it was read.

    :raises SaleNotFound: there is no such sale.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        found = await books.refunds_of(sale_id)
        agents = [line.agent_id for line in await books.lines_of(sale_id)] if found else []
        await audit.record_platform_read(actor, agents, "commissions.refunds", now=now)
    return found


async def meter(
    actor: Actor,
    year: int,
    *,
    limit_ppm: int = yearly.DEDUCTIBLE_PPM,
    cursor: str | None = None,
    now: datetime,
) -> CommissionMeter:
    """Hold the contracts of a year against the limit, those that exceed it most first.

    Each agent who sold on one that is shown, or shares what was sold, is told.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    after = decode_cursor(cursor, tuple[int, UUID, str]) if cursor else None
    async with db.platform_transaction(actor):
        found = await yearly.contracts(year, limit_ppm=limit_ppm)
        rest = [each for each in found if after is None or yearly.place(each) > after]
        shown = rest[:PAGE_SIZE]
        agents = await yearly.agents_of(year, [each.contract_id for each in shown])
        await audit.record_platform_read(actor, agents, "commissions.meter", now=now, year=year)
    return CommissionMeter(
        year=year,
        limit_ppm=limit_ppm,
        totals=yearly.totals(found),
        contracts=shown,
        next_cursor=encode_cursor(*yearly.place(shown[-1])) if len(rest) > PAGE_SIZE else None,
    )


async def counter_offers(actor: Actor, *, cursor: str | None = None) -> Page[OfferRow]:
    """List what was asked about rivals' offers, the newest first."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    before = decode_cursor(cursor, tuple[datetime, UUID]) if cursor else None
    async with db.platform_transaction(actor):
        found = await offers.listed(before=before, limit=PAGE_SIZE + 1)
    items = found[:PAGE_SIZE]
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].asked_at, items[-1].id) if more else None)


async def counter_offer(actor: Actor, offer_id: UUID, *, now: datetime) -> OfferView:
    """Give a question about a rival's offer, and its answer once the worker has made it.

    Each agent whose business it is asked of is told.

    :raises OfferNotFound: there is none with this id.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        return await offer_told(actor, offer_id, now)


async def offer_told(
    actor: Actor, offer_id: UUID, now: datetime, *, is_asked: bool = False
) -> OfferView:
    """Give a question and tell the agents it is asked of, inside the caller's transaction.

    They are told when it is asked, and each time that its answer is read; until there is one a page
    asks every second.
    """
    found = await offers.one(offer_id)
    if is_asked or found.answer is not None:
        agents = await offers.agents_in(offer_id)
        await audit.record_platform_read(actor, agents, "commissions.counter_offer", now=now)
    return found


async def lines_of_sale(actor: Actor, sale_id: UUID, *, now: datetime) -> list[LineView]:
    """List who gets what for a sale; each of them is told that it was read.

    :raises SaleNotFound: there is no such sale.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        await books.ensure_sold(sale_id)
        lines = await books.lines_of(sale_id)
        await told_of_lines(actor, lines, now)
    return lines


async def sale(actor: Actor, sale_id: UUID, *, now: datetime) -> SaleStory:
    """Tell a sale with all that came of it; who sold or shares it is told that it was read.

    :raises SaleNotFound: there is no such sale.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        found = await books.sale(sale_id)
        lines = await books.lines_of(sale_id)
        agents = await books.agents_of([sale_id])
        await audit.record_platform_read(actor, agents, "commissions.sale", now=now)
        return SaleStory(
            sale=found,
            lines=lines,
            refunds=await books.refunds_of(sale_id),
            moves=await own.moves([line.id for line in lines]),
        )


async def behind(
    actor: Actor, agent_id: UUID, transfer_ids: Sequence[UUID], *, now: datetime
) -> Behind:
    """Give what is behind movements of an agent's commission; who shares the sales is told."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        found = await own.behind(agent_id, transfer_ids, is_platform=True)
        agents = await books.agents_of([each.sale_id for each in found.sales])
        await audit.record_platform_read(actor, agents, "commissions.sale", now=now)
    return found


async def told_of_lines(actor: Actor, lines: Sequence[LineView], now: datetime) -> None:
    """Tell the agents whose lines are shown, inside the caller's transaction."""
    agents = [line.agent_id for line in lines]
    await audit.record_platform_read(actor, agents, "commissions.sale", now=now)


async def payouts(actor: Actor, *, cursor: str | None = None) -> Page[BatchRow]:
    """List the payout batches, the newest first."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    before = decode_cursor(cursor, tuple[datetime, UUID]) if cursor else None
    async with db.platform_transaction(actor):
        found = await books.batches(before=before, limit=PAGE_SIZE + 1)
    items = found[:PAGE_SIZE]
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].made_at, items[-1].id) if more else None)


async def payout(actor: Actor, batch_id: UUID, *, now: datetime) -> PayoutView:
    """Give a payout batch with its payments; each agent in it is told that it was read.

    :raises BatchNotFound: there is none with this id.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        batch = await books.batch(batch_id)
        files = await bank_files.of_batch(batch_id)
        agents = [payment.agent_id for payment in batch.payments]
        last_ends = await bank_files.last_ends(agents)
        await audit.record_platform_read(actor, agents, "commissions.payout", now=now)
    over = await _over_limit(actor, batch_id)
    shown = over[:PAGE_SIZE]
    async with db.platform_transaction(actor):
        for year in sorted({year for year, _ in shown}):
            contracts = [each.contract_id for of, each in shown if of == year]
            agents = await yearly.agents_of(year, contracts)
            await audit.record_platform_read(actor, agents, "commissions.meter", now=now, year=year)
    return PayoutView(
        id=batch.id,
        number=batch.number,
        hash=batch.hash.hex(),
        made_by=batch.made_by,
        made_at=batch.made_at,
        approved_by=batch.approved_by,
        approved_at=batch.approved_at,
        discarded_at=batch.discarded_at,
        payments=batch.payments,
        totals=batch.totals,
        files=files,
        last_ends=last_ends,
        over_limit=[each for _, each in shown],
        over_limit_count=len(over),
    )


async def _over_limit(actor: Actor, batch_id: UUID) -> list[tuple[int, ContractMeter]]:
    """Give a batch's contracts beyond the limit with their years, those that exceed it most first.

    Some contracts in a transaction: however many there are, no statement takes long and nothing is
    held.
    """
    async with db.platform_transaction(actor):
        behind = await yearly.behind(batch_id)
    found: list[tuple[int, ContractMeter]] = []
    for year, contracts in behind:
        for first in range(0, len(contracts), _AT_ONCE):
            some = contracts[first : first + _AT_ONCE]
            async with db.platform_transaction(actor):
                metered = await yearly.contracts(year, only=some)
            found += [(year, each) for each in metered if each.excess_minor > 0]
    return sorted(found, key=lambda each: yearly.place(each[1]))


async def natural_persons(actor: Actor, *, now: datetime) -> list[NaturalPersonRow]:
    """List the agents who are said to be natural persons, of whose commission tax is withheld.

    Each is told.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        found = sorted(await taxes.people())
        await audit.record_platform_read(actor, found, "commissions.natural_persons", now=now)
    return [NaturalPersonRow(agent_id=each) for each in found]


async def is_person(actor: Actor, agent_id: UUID, *, now: datetime) -> bool:
    """Say whether an agent is said to be a natural person; one that is is told."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        found = sorted(await taxes.people([agent_id]))
        await audit.record_platform_read(actor, found, "commissions.natural_persons", now=now)
    return bool(found)


async def withheld_tax(actor: Actor) -> TaxOwed:
    """Give what was withheld and not paid to the tax office yet."""
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        return await taxes.owed(PLATFORM_TENANT)


async def statement(
    actor: Actor, agent_id: UUID, month: str, currency: str, *, now: datetime
) -> Statement:
    """Give what moved an agent's commission account in a month; the agent is told.

    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        await partners.agent(actor, agent_id)
        found = await books.statement_of(agent_id, rules.first_day(month), currency)
        await audit.record_platform_read(
            actor, [agent_id], "commissions.statement", now=now, month=month
        )
    return found


async def year_of(actor: Actor, agent_id: UUID, year: int, *, now: datetime) -> AgentYear:
    """Give an agent's commission of a year, by month and plan; the agent is told.

    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        await partners.agent(actor, agent_id)
        told = await yearly.of_agent(agent_id, year)
        shown = [agent_id] if told.lines else []
        await audit.record_platform_read(actor, shown, "commissions.year", now=now, year=year)
    return told


# ---------------------------------------------------------------------------------- the agents


async def own_lines(actor: Actor, *, cursor: str | None = None) -> Page[LineView]:
    """List what one's company gets for sales, what is payable last first."""
    _ensure_owner(actor)
    before = decode_cursor(cursor, tuple[date, UUID]) if cursor else None
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        found = await books.lines_of_agent(actor.tenant_id, before=before, limit=PAGE_SIZE + 1)
    items = found[:PAGE_SIZE]
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(items[-1].payable_on, items[-1].id) if more else None)


async def own_behind(
    actor: Actor, transfer_ids: Sequence[UUID], line_ids: Sequence[UUID] = ()
) -> Behind:
    """Give what is behind movements of one's company's commission, and behind further lines.

    Others' are as if they were not there.
    """
    _ensure_owner(actor)
    async with db.platform_transaction(_TELLER):
        return await own.behind(actor.tenant_id, transfer_ids, line_ids)


async def own_sale(actor: Actor, line_id: UUID) -> OwnSale:
    """Give what one line of one's company comes from.

    :raises SaleNotFound: the company has no such line.
    """
    _ensure_owner(actor)
    async with db.platform_transaction(_TELLER):
        for sale in await own.sales_behind(actor.tenant_id, [line_id]):
            return sale
    raise SaleNotFound("There is no such line.")


async def own_moves(actor: Actor, line_id: UUID) -> list[LineMove]:
    """List what moved a line of one's company.

    :raises SaleNotFound: the company has no such line.
    """
    await own_sale(actor, line_id)
    async with db.platform_transaction(_TELLER):
        return await own.moves([line_id])


async def own_statement(actor: Actor, month: str, currency: str) -> Statement:
    """Give what moved one's company's commission account in a month."""
    _ensure_owner(actor)
    async with db.platform_transaction(_TELLER):
        return await books.statement_of(actor.tenant_id, rules.first_day(month), currency)


async def own_year(actor: Actor, year: int) -> AgentYear:
    """Give one's company's commission of a year, by month and plan."""
    _ensure_owner(actor)
    async with db.platform_transaction(_TELLER):
        return await yearly.of_agent(actor.tenant_id, year)


async def proven_statement(actor: Actor, currency: str, *, after: int = 0) -> bytes:
    """Write the sealed lines of one's company's commission account, each with its proof.

    At most 1,000; the rest after the version of the last one.

    :raises NotSealed: none of them is sealed yet.
    """
    _ensure_owner(actor)
    async with db.platform_transaction(_TELLER):
        account_id = accounts.commission_account(actor.tenant_id, currency)
        return (await sealing.statement(account_id, after=after)).published()


async def head(actor: Actor, size: int) -> bytes:
    """Write the signed head of the books' log when it had so many leaves.

    :raises NotSealed: no head is of this size.
    """
    _ensure_owner(actor)
    async with db.platform_transaction(_TELLER):
        return (await sealing.head_of_size(size)).published()


def _ensure_owner(actor: Actor) -> None:
    """Refuse who does not see what the company earns."""
    actor.ensure_agent()
    ensure(actor, Permission.COMMISSIONS_SEE)
