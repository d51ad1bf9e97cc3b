"""Export checked vouchers and a period's journal: gathered, written, kept.

What is gathered and what is kept are the platform's transactions; writing lies between them, for it
takes a while and asks nobody.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from billing.accounting_vouchers import queries
from billing.accounting_vouchers.formats import gbt24589, generic, kingdee, u8
from billing.accounting_vouchers.rules import charts
from billing.accounting_vouchers.rules.making import PeriodStillOpen
from billing.accounting_vouchers.schemas import (
    ExportJob,
    Format,
    Gathered,
    NewExport,
    NumberRange,
    Volume,
    Written,
)
from billing.accounting_vouchers.service import AccountingIdReused, By, as_json, in_turn
from billing.accounting_vouchers.tables import AccountingExport
from billing.errors import BillingRefusal, Sort
from billing.journal import queries as journals
from billing.journal import service as journal
from billing.journal.schemas import Journal, JournalFormat
from billing.periods.schemas import PeriodState

_ADD_EXPORT: Final = """
INSERT INTO accounting_export (id, period_id, format, currency, ranges, account_book, sha256, size,
    replaced, made_by, made_at)
VALUES ({}, {}, {}, {}, {}::jsonb, {}, {}, {}, {}::jsonb, {}, {})
"""
_WRITERS: Final[Mapping[Format, tuple[Callable[[Volume], None], Callable[[Volume], Written]]]] = {
    Format.U8: (u8.ensure_writable, u8.write),
    Format.KINGDEE: (kingdee.ensure_writable, kingdee.write),
    Format.CSV: (generic.ensure_writable, generic.write_csv),
    Format.XLSX: (generic.ensure_writable, generic.write_xlsx),
    Format.GBT24589: (gbt24589.ensure_writable, gbt24589.write),
}
"""By format, what refuses what it cannot hold, and what writes."""
_JOURNALS: Final[Mapping[Format, JournalFormat]] = {
    Format.BEANCOUNT: JournalFormat.BEANCOUNT,
    Format.HLEDGER: JournalFormat.HLEDGER,
}


class ExportChanged(BillingRefusal):
    """The books of a period were opened again, or adjusted, since its journal was written."""

    code = "export_changed"
    sort = Sort.CLASH


class ExportOvertaken(BillingRefusal):
    """Vouchers were checked while an export was written."""

    code = "export_overtaken"
    sort = Sort.CLASH


class NumbersMissing(BillingRefusal):
    """A range names numbers that no voucher of the period has, or runs backwards."""

    code = "voucher_numbers_missing"
    sort = Sort.CLASH
    field = "ranges"


async def gather(asked: NewExport, by: By) -> Gathered:
    """Gather vouchers by their numbers, or the journal of a period's days, to be written.

    Writing takes a while, so that it is done by `write` outside of any transaction; `keep` follows.

    :raises PeriodNotFound: there is no such period.
    :raises PeriodStillOpen: it is a journal of one that is not closed, so that it still grows.
    :raises NumbersMissing: a range names numbers that no voucher has.
    :raises ExportForeignCurrency: the format takes the books' own currency alone.
    :raises ExportDimensionUnknown: the format has no column for what a line is counted for.
    :raises AccountingIdReused: the id is another export's.
    """
    await in_turn()
    if (held := await queries.export(asked.id)) is not None:
        return await gather_again(_same_export(held, asked))
    is_open = (await queries.period(asked.period_id)).state is PeriodState.OPEN
    if asked.format in _JOURNALS and is_open:
        raise PeriodStillOpen("This period is open; close it first, softly or for good.")
    given = await queries.counters(asked.period_id)
    job = ExportJob(
        id=asked.id,
        period_id=asked.period_id,
        format=asked.format,
        currency=asked.currency,
        ranges=[] if asked.format in _JOURNALS else _ranges(asked.ranges, given),
        account_book=asked.account_book,
        sha256="",
        size=0,
        replaced=[],
        made_by=by.actor_id,
        made_at=await queries.not_before_checks(by.now),
    )
    return await gather_again(job)


def _same_export(held: ExportJob, asked: NewExport) -> ExportJob:
    """Give what was exported, or refuse its id for anything else."""
    is_same = (held.period_id, held.format) == (asked.period_id, asked.format) and (
        held.format in _JOURNALS
        or (
            (held.currency, held.account_book) == (asked.currency, asked.account_book)
            and (not asked.ranges or asked.ranges == held.ranges)
        )
    )
    if not is_same:
        raise AccountingIdReused("This id belongs to another export; make a new one.")
    return held


async def gather_again(job: ExportJob) -> Gathered:
    """Gather what an export is of, as it was then."""
    begins_on, ends_on = queries.days(await queries.period(job.period_id))
    if job.format in _JOURNALS:
        return Gathered(job=job, source=await journals.journal(begins_on, ends_on))
    checks = await queries.checks()
    vouchers = await queries.numbered(job.period_id, job.ranges, job.currency)
    balances = await queries.balances(job.period_id, job.currency, at=job.made_at)
    told = {line.account_code for voucher in vouchers for line in voucher.lines}
    told |= {each.account_code for each in balances}
    volume = Volume(
        begins_on=begins_on,
        ends_on=ends_on,
        currency=job.currency,
        account_book=job.account_book,
        vouchers=vouchers,
        chart=charts.part(await queries.chart(), told),
        balances=balances,
    )
    ensure_writable, _ = _WRITERS[job.format]
    ensure_writable(volume)
    return Gathered(job=job, source=volume, checks=checks)


def write(gathered: Gathered) -> Written:
    """Write what was gathered; it asks nobody, and gives the same bytes each time."""
    if isinstance(gathered.source, Journal):
        return Written(journal.write(_JOURNALS[gathered.job.format], gathered.source))
    return _WRITERS[gathered.job.format][1](gathered.source)


def ensure_as_was(job: ExportJob, written: Written) -> None:
    """Refuse what is not what was exported before, where it was.

    :raises ExportChanged: the period was opened again since, or adjusted.
    """
    if job.sha256 and hashlib.sha256(written.content).hexdigest() != job.sha256:
        raise ExportChanged("The books of this period have changed since; export them anew.")


async def keep(gathered: Gathered, written: Written) -> tuple[ExportJob, bool]:
    """Keep what was written; say whether it is new.

    :raises ExportChanged: it was exported before, and its books have changed since.
    :raises ExportOvertaken: vouchers were checked meanwhile, so that balances are others by now.
    :raises AccountingIdReused: another export was kept under its id meanwhile.
    """
    ensure_as_was(gathered.job, written)
    await in_turn()
    job = msgspec.structs.replace(
        gathered.job,
        sha256=hashlib.sha256(written.content).hexdigest(),
        size=len(written.content),
        replaced=written.replaced,
    )
    if (held := await queries.export(job.id)) is not None:
        if held.sha256 != job.sha256:
            raise AccountingIdReused("This id belongs to another export; make a new one.")
        return held, False
    if gathered.checks not in {None, await queries.checks()}:
        raise ExportOvertaken("Vouchers were checked while this was written; export them again.")
    await AccountingExport.raw(
        *(_ADD_EXPORT, job.id, job.period_id, job.format, job.currency, as_json(job.ranges)),
        *(job.account_book, job.sha256, job.size, as_json(job.replaced), job.made_by),
        job.made_at,
    )
    return job, True


def _ranges(asked: Sequence[NumberRange], given: Sequence[NumberRange]) -> list[NumberRange]:
    """Give the numbers to write, all that there are for none.

    :raises NumbersMissing: naming the word.
    """
    last = {each.word: each.last for each in given}
    for each in asked:
        if not each.first <= each.last <= last.get(each.word, 0):
            raise NumbersMissing(
                f"Vouchers {each.word}-{each.first} to {each.word}-{each.last} are not all there: "
                f"the last one is {last.get(each.word, 0)}."
            )
    if not given:
        raise NumbersMissing("No voucher of this period is checked yet; have them checked first.")
    return list(asked) or list(given)
