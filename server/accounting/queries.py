"""Ask about periods, the chart and vouchers: the platform's finance alone."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from billing.accounting_vouchers import queries as books
from billing.accounting_vouchers.schemas import ChartAccount, Source, Voucher, VoucherRow
from billing.periods import queries as periods
from billing.periods.schemas import PeriodView
from server.access import Actor, Permission, ensure
from server.accounting.schemas import Chart, PeriodFile, PeriodRow
from server.audit import service as audit
from server.benefits import queries as benefits
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor

_LOOK: Final = "accounting.voucher"


async def chart(actor: Actor) -> Chart:
    """Give the chart, the posting rules and the templates of one's own."""
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        accounts = await books.chart()
        return Chart(
            accounts=list(accounts.values()),
            rules=await books.posting_rules(),
            templates=await books.templates(),
        )


async def all_periods(actor: Actor) -> list[PeriodRow]:
    """List the periods of the books, the last one first."""
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        return [row(each) for each in reversed(await periods.periods())]


async def period(actor: Actor, period_id: UUID) -> PeriodFile:
    """Give a period with its runs of vouchers, its exports and what does not tie.

    :raises PeriodNotFound: there is none with this id.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        found = await books.period(period_id)
        return PeriodFile(
            period=row(found),
            runs=await books.runs(period_id),
            exports=await books.exports(period_id),
            untied=await books.ties(period_id),
        )


async def vouchers(
    actor: Actor, period_id: UUID, *, cursor: str | None = None, now: datetime
) -> Page[VoucherRow]:
    """List a period's vouchers by word and number; those without a number last of their word.

    The agents that they are counted for are told.

    :raises PeriodNotFound: there is none with this id.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    after = decode_cursor(cursor, tuple[str, int, UUID, int]) if cursor else None
    async with db.platform_transaction(actor):
        await books.period(period_id)
        found = await books.rows(period_id, after=after, limit=PAGE_SIZE + 1)
        items = found[:PAGE_SIZE]
        await tell(actor, await books.agents_of([each.id for each in items]), now)
    more = len(found) > PAGE_SIZE
    return Page(items, encode_cursor(*items[-1].place) if more else None)


async def voucher(actor: Actor, voucher_id: UUID, *, now: datetime) -> Voucher:
    """Give a voucher; the agents that it is counted for are told that it was read.

    :raises VoucherNotFound: there is none with this id.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        found = await books.voucher(voucher_id)
        await tell(actor, await books.agents_of([voucher_id]), now)
    return found


async def sources(
    actor: Actor, voucher_id: UUID, *, line: int = 0, after: UUID | None = None, now: datetime
) -> list[Source]:
    """List the transfers that a voucher, or one line of it, is made of; its agents are told.

    At most 200; the rest after the last one's id.

    :raises VoucherNotFound: there is none with this id.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        await books.voucher(voucher_id)
        await tell(actor, await books.agents_of([voucher_id]), now)
        return await books.sources(voucher_id, line=line, after=after, limit=200)


async def accounts_of(actor: Actor, voucher: Voucher) -> dict[str, ChartAccount]:
    """Give the accounts that a voucher is written on, and those above them, by code."""
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        return await books.part_of_chart([line.account_code for line in voucher.lines])


async def tell(actor: Actor, agents: Sequence[UUID], now: datetime) -> None:
    """Leave a line in the feed of each agent that vouchers are counted for, in the transaction."""
    await audit.record_platform_read(actor, agents, _LOOK, now=now)


async def next_month(actor: Actor, *, now: datetime) -> tuple[date, date]:
    """Give the days of the month that follows the last period, or this one where there is none."""
    held = await all_periods(actor)
    begins_on = held[0].ends_on + timedelta(days=1) if held else now.astimezone(ZONE).date()
    if not held:
        begins_on = begins_on.replace(day=1)
    following = (begins_on.replace(day=28) + timedelta(days=4)).replace(day=1)
    return begins_on, following - timedelta(days=1)


async def program_names(actor: Actor) -> dict[str, str]:
    """Give what programs are called, by their ids as lines have them."""
    return {str(each.id): each.name for each in await benefits.programs(actor)}


def row(period: PeriodView) -> PeriodRow:
    """Give a period as people see it."""
    begins_on, ends_on = books.days(period)
    return PeriodRow(id=period.id, begins_on=begins_on, ends_on=ends_on, state=period.state)
