"""Keep periods, the chart and vouchers. Each function is one use case and one transaction.

Only a file is written between two, since a transaction that waits is ended. What is sent twice is
done once: the books answer an id with what it did. The trail tells it once.
"""

import asyncio
from datetime import datetime, timedelta
from datetime import time as day_time
from typing import Final
from uuid import UUID

import msgspec

from billing.accounting_vouchers import exports
from billing.accounting_vouchers import queries as books
from billing.accounting_vouchers import service as vouchers
from billing.accounting_vouchers.schemas import (
    ChartAccount,
    ExportJob,
    Format,
    Gathered,
    PostingRule,
    RunView,
    VoucherTemplate,
    Written,
)
from billing.accounting_vouchers.service import By
from billing.periods import service as periods
from billing.periods.schemas import NewPeriod, PeriodChange
from server.access import Actor, Permission, ensure
from server.accounting import queries
from server.accounting.schemas import (
    Beginning,
    Chart,
    Check,
    ExportFile,
    ExportOrder,
    NewAccounts,
    NewRun,
    NewState,
    NewTreatment,
    OpenPeriod,
    PeriodRow,
    Refusing,
    TakingBack,
)
from server.audit import service as audit
from server.benefits import queries as benefits
from server.kit import db
from server.kit.apart import made_apart
from server.kit.calendars import ZONE, ensure_day
from server.partners import queries as partners

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILES: Final = {
    Format.U8: ("text/plain; charset=gbk", "txt"),
    Format.KINGDEE: (_XLSX, "xlsx"),
    Format.CSV: ("text/csv; charset=utf-8", "csv"),
    Format.XLSX: (_XLSX, "xlsx"),
    Format.GBT24589: ("application/xml", "xml"),
    Format.BEANCOUNT: ("text/plain; charset=utf-8", "beancount"),
    Format.HLEDGER: ("text/plain; charset=utf-8", "journal"),
}
"""By format, the media type of its file and how its name ends."""

# ------------------------------------------------------------------------------------ periods


async def open_period(actor: Actor, new: OpenPeriod, *, now: datetime) -> PeriodRow:
    """Add a period behind the last one.

    :raises Invalid: a day lies outside of this century.
    :raises PeriodNotNext: it leaves a gap, overlaps, or ends before it begins.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    ensure_day(new.begins_on, "begins_on")
    ensure_day(new.ends_on, "ends_on")
    period = NewPeriod(
        id=new.id,
        starts_at=datetime.combine(new.begins_on, day_time(), ZONE),
        ends_at=datetime.combine(new.ends_on, day_time(), ZONE) + timedelta(days=1),
    )
    async with db.platform_transaction(actor):
        if await periods.open_period(period):
            await _write_down(actor, "period.opened", new.id, now, begins_on=f"{new.begins_on}")
        return queries.row(await books.period(new.id))


async def change_period(
    actor: Actor, period_id: UUID, asked: NewState, *, now: datetime
) -> PeriodRow:
    """Close a period softly or for good, or open it again.

    :raises PeriodNotFound: there is none with this id.
    :raises PeriodInThatState: it is closed, or open, already.
    :raises PeriodOutOfOrder: another period comes first.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    change = PeriodChange(
        period_id=period_id, state=asked.state, actor_id=actor.user_id, reason=asked.reason
    )
    async with db.platform_transaction(actor):
        await periods.change(change, now=now)
        await audit.record_platform_write(
            actor, "period.changed", subject_id=period_id, now=now, state=asked.state
        )
        return queries.row(await books.period(period_id))


# ---------------------------------------------------------------------------------- the chart


async def add_accounts(actor: Actor, new: NewAccounts, *, now: datetime) -> list[ChartAccount]:
    """Add accounts of one's own to the chart, and give those that are new.

    :raises ChartAccountDiffers: a code belongs to another account.
    :raises ChartParentMissing: what it stands below is not there.
    :raises ChartAccountInUse: what it stands below is posted to.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        added = await vouchers.add_accounts(new.accounts, by(actor, now))
        if added:
            await _write_down(
                actor, "chart.extended", actor.tenant_id, now, codes=[each.code for each in added]
            )
    return added


async def begin(actor: Actor, asked: Beginning, *, now: datetime) -> Chart:
    """Begin with a standard's chart and rules for every kind of ledger account.

    :raises ChartAccountDiffers: a code belongs to another account.
    :raises AccountingIdReused: rules for the same begin on that day.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    ensure_day(asked.begins_on, "begins_on")
    async with db.platform_transaction(actor):
        added, rules = await vouchers.begin(
            asked.id, asked.standard, asked.begins_on, by(actor, now)
        )
        if added or rules:
            await _write_down(actor, "chart.begun", asked.id, now, standard=asked.standard)
        return await queries.chart(actor)


async def treat(actor: Actor, asked: NewTreatment, *, now: datetime) -> list[PostingRule]:
    """Say what a program's benefits are in the accounts from a day on.

    :raises NotFound: there is no such program.
    :raises ChartAccountNotFound: the standard's accounts are not in the chart.
    :raises AccountingIdReused: the program is treated otherwise from that day on.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    ensure_day(asked.begins_on, "begins_on")
    async with db.platform_transaction(actor):
        await benefits.program(actor, asked.program_id)
        rules = await vouchers.treat(
            *(asked.id, asked.standard, asked.program_id, asked.treatment, asked.begins_on),
            by(actor, now),
        )
        if rules:
            await _write_down(
                actor, "program.treated", asked.program_id, now, treatment=asked.treatment
            )
    return rules


async def publish_rule(actor: Actor, rule: PostingRule, *, now: datetime) -> PostingRule:
    """Publish where legs on a kind of ledger account are posted from a day on.

    :raises ChartAccountNotFound: the account is not in the chart.
    :raises ChartAccountNotLeaf: the account has others below it.
    :raises AccountingIdReused: its id, or a rule for the same from that day on, is there.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    ensure_day(rule.begins_on, "begins_on")
    async with db.platform_transaction(actor):
        if await vouchers.publish_rules([rule], by(actor, now)):
            await _write_down(
                actor, "posting_rule.published", rule.id, now, account_code=rule.account_code
            )
    return rule


async def publish_template(
    actor: Actor, template: VoucherTemplate, *, now: datetime
) -> VoucherTemplate:
    """Publish how an event's transfers become vouchers from a day on.

    :raises SummaryUnsound: its summary names something in braces that it cannot.
    :raises AccountingIdReused: its id, or one for the same event from that day on, is there.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    ensure_day(template.begins_on, "begins_on")
    async with db.platform_transaction(actor):
        if await vouchers.publish_template(template, by(actor, now)):
            await _write_down(
                actor, "voucher_template.published", template.id, now, event=template.event
            )
    return template


# ----------------------------------------------------------------------------------- vouchers


async def make(actor: Actor, period_id: UUID, new: NewRun, *, now: datetime) -> RunView:
    """Put up vouchers of all that a closed period moved and that is in none.

    :raises PeriodNotFound: there is no such period.
    :raises PeriodStillOpen: it is not closed.
    :raises NothingToVoucher: all of it is in vouchers.
    :raises PostingUnmapped: no rule says where a leg goes.
    :raises AuxiliaryMissing: a leg lacks what its account is counted by.
    :raises AccountingIdReused: the id is another period's run.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        names = {str(each.tenant_id): each.name for each in await partners.agents(actor)}
        names |= await queries.program_names(actor)
        run, is_new = await vouchers.make(new.id, period_id, names, by(actor, now))
        if is_new:
            await _write_down(actor, "vouchers.made", run.id, now, vouchers=run.vouchers)
    return run


async def take_back(actor: Actor, voucher_id: UUID, asked: TakingBack, *, now: datetime) -> RunView:
    """Put up the red voucher of one that was wrong; somebody else checks it.

    :raises VoucherNotFound: there is no such voucher.
    :raises VoucherNotReversible: it has no number, is red itself, or was taken back already.
    :raises AccountingIdReused: the id is another run's.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        run, is_new = await vouchers.take_back(asked.id, voucher_id, asked.reason, by(actor, now))
        if is_new:
            await _write_down(
                actor, "voucher.taken_back", voucher_id, now, reason=asked.reason, run_id=run.id
            )
    return run


async def check(actor: Actor, run_id: UUID, seen: Check, *, now: datetime) -> RunView:
    """Check vouchers as they were looked at; now they have numbers.

    :raises VoucherNotFound: there are none.
    :raises MakerIsChecker: who checks them has made them.
    :raises VouchersChanged: they are not those that were looked at.
    :raises VouchersDecided: they were refused.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        run, is_new = await vouchers.check(run_id, seen.hash, by(actor, now))
        if is_new:
            await _write_down(actor, "vouchers.checked", run_id, now, hash=seen.hash)
    return run


async def refuse(actor: Actor, run_id: UUID, why: Refusing, *, now: datetime) -> RunView:
    """Refuse vouchers that have no numbers yet.

    :raises VoucherNotFound: there are none.
    :raises VouchersDecided: they were checked.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        run, is_new = await vouchers.refuse(run_id, why.reason, by(actor, now))
        if is_new:
            await _write_down(actor, "vouchers.refused", run_id, now, reason=why.reason)
    return run


# ------------------------------------------------------------------------------------ exports


async def export(actor: Actor, asked: ExportOrder, *, now: datetime) -> ExportJob:
    """Write vouchers by their numbers for a package, and keep what it was.

    :raises PeriodNotFound: there is no such period.
    :raises PeriodStillOpen: it is a journal of one that is not closed.
    :raises NumbersMissing: a range names numbers that no voucher has.
    :raises ExportForeignCurrency: the format takes the books' own currency alone.
    :raises ExportDimensionUnknown: the format has no column for what a line is counted for.
    :raises AccountingIdReused: the id is another export's.
    :raises ExportChanged: it was exported before, and the books of its period have changed since.
    :raises ExportOvertaken: vouchers were checked meanwhile.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        gathered = await exports.gather(asked, by(actor, now))
    written = await _written(gathered)
    async with db.platform_transaction(actor):
        job, is_new = await exports.keep(gathered, written)
        if is_new:
            await _write_down(
                actor, "vouchers.exported", job.id, now, format=job.format, sha256=job.sha256
            )
    return job


async def file_of(actor: Actor, export_id: UUID, *, now: datetime) -> ExportFile:
    """Give an export's file: the bytes that it was; its period's agents are told.

    :raises VoucherNotFound: there is no such export.
    :raises ExportChanged: it is a journal of a period whose books have changed since.
    """
    ensure(actor, Permission.BOOKS_KEEP)
    async with db.platform_transaction(actor):
        job = await books.export_that_is(export_id)
        gathered = await exports.gather_again(job)
    written = await _written(gathered)
    exports.ensure_as_was(job, written)
    async with db.platform_transaction(actor):
        await queries.tell(actor, await books.agents_of_period(job.period_id), now)
        await _write_down(actor, "vouchers.fetched", export_id, now, sha256=job.sha256)
    media_type, end = FILES[job.format]
    name = f"vouchers-{job.format}-{job.sha256[:8]}.{end}"
    return ExportFile(name=name, media_type=media_type, content=written.content)


async def _written(gathered: Gathered) -> Written:
    """Write an export in a process of its own, while nothing waits for it."""
    made = await asyncio.to_thread(
        made_apart, lambda: msgspec.msgpack.encode(exports.write(gathered))
    )
    return msgspec.msgpack.decode(made, type=Written)


def by(actor: Actor, now: datetime) -> By:
    """Say to the books who does it, and when."""
    return By(actor_id=actor.user_id, name=actor.name, now=now)


async def _write_down(
    actor: Actor, action: str, subject_id: UUID, now: datetime, **detail: object
) -> None:
    """Write into the platform's trail."""
    await audit.record_platform_write(actor, action, subject_id=subject_id, now=now, **detail)
