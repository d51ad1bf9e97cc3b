"""Keep the chart, make and check vouchers, export them. Each function joins the platform's.

A voucher is never changed: before it is checked all of its run may be refused, and afterwards a red
one takes it back, so that its transfers are put up anew.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5

import msgspec

from billing.accounting_vouchers import queries
from billing.accounting_vouchers.formats import gbt24589, generic, kingdee, u8
from billing.accounting_vouchers.queries import VoucherNotFound
from billing.accounting_vouchers.rules import charts, making, templates
from billing.accounting_vouchers.rules.posting import Postings
from billing.accounting_vouchers.schemas import (
    ChartAccount,
    ExportJob,
    Format,
    Gathered,
    NewExport,
    NumberRange,
    PostingRule,
    PutUp,
    RunView,
    Standard,
    Treatment,
    Volume,
    VoucherTemplate,
    Written,
)
from billing.accounting_vouchers.tables import (
    AccountingExport,
    AccountingVoucher,
    AccountingVoucherLine,
    AccountingVoucherNumber,
    AccountingVoucherRun,
    AccountingVoucherTemplate,
    AccountingVoucherTransfer,
    AccountingVoucherWithin,
)
from billing.accounting_vouchers.tables import ChartAccount as ChartTable
from billing.accounting_vouchers.tables import PostingRule as RuleTable
from billing.errors import BillingRefusal, MakerIsChecker, Sort
from billing.journal import service as journal
from billing.journal.schemas import JournalFormat
from billing.ledger.schemas import Dimension
from billing.periods import service as periods
from billing.periods.schemas import PeriodState

# `tongav` in ASCII: who makes or checks vouchers, or changes the chart, does so alone.
_LOCK: Final = "SELECT pg_advisory_xact_lock(128021942264182)"
_ADD_ACCOUNTS: Final = """
INSERT INTO chart_account (code, name, category, side, wants, added_by, added_at)
SELECT code, name, category, side, wants, {}, {}
FROM jsonb_to_recordset({}::jsonb) AS account (
    code text, name text, category text, side text, wants text[]
)
"""
_ADD_RULE: Final = """
INSERT INTO posting_rule (id, kind, event, dims, begins_on, account_code, published_by,
    published_at)
VALUES ({}, {}, {}, {}::jsonb, {}, {}, {}, {})
"""
_ADD_TEMPLATE: Final = """
INSERT INTO accounting_voucher_template (id, event, begins_on, summary, word, detail,
    published_by, published_at)
VALUES ({}, {}, {}, {}, {}, {}, {}, {})
"""
_ADD_RUN: Final = """
INSERT INTO accounting_voucher_run (id, period_id, hash, made_by, maker_name, made_at)
VALUES ({}, {}, {}, {}, {}, {})
"""
_ADD_VOUCHERS: Final = """
INSERT INTO accounting_voucher (id, run_id, position, period_id, word, on_day, currency,
    reversal_of)
SELECT id, {}, position, {}, word, on_day, currency, reversal_of
FROM jsonb_to_recordset({}::jsonb) AS voucher (
    id uuid, position integer, word text, on_day date, currency text, reversal_of uuid
)
"""
_ADD_LINES: Final = """
INSERT INTO accounting_voucher_line (voucher_id, n, summary, account_code, debit_minor,
    credit_minor, dims)
SELECT voucher_id, n, summary, account_code, debit_minor, credit_minor, dims
FROM jsonb_to_recordset({}::jsonb) AS line (
    voucher_id uuid, n integer, summary text, account_code text, debit_minor bigint,
    credit_minor bigint, dims jsonb
)
"""
_ADD_TRANSFERS: Final = """
INSERT INTO accounting_voucher_transfer (voucher_id, transfer_id, debit_line, credit_line, is_live)
SELECT *, true FROM unnest({}::uuid[], {}::uuid[], {}::integer[], {}::integer[])
"""
_ADD_WITHIN: Final = """
INSERT INTO accounting_voucher_within (run_id, transfer_id, is_live)
SELECT {}, transfer_id, true FROM unnest({}::uuid[]) AS within (transfer_id)
"""
# Never before an export that is written: what it says of balances stays what it was.
_CHECK: Final = """
UPDATE accounting_voucher_run SET checked_by = {}, checker_name = {}, checked_at = greatest(
    {}, (SELECT max(made_at) FROM accounting_export) + interval '1 microsecond'
)
WHERE id = {}
"""
_REFUSE: Final = """
UPDATE accounting_voucher_run SET refused_by = {}, refused_at = {}, reason = {} WHERE id = {}
"""
_COUNT: Final = """
INSERT INTO accounting_voucher_counter AS counter (period_id, word, last)
SELECT period_id, word, count(*) FROM accounting_voucher WHERE run_id = {} GROUP BY period_id, word
ON CONFLICT (period_id, word) DO UPDATE SET last = counter.last + excluded.last
"""
_NUMBER: Final = """
INSERT INTO accounting_voucher_number (voucher_id, period_id, word, no)
SELECT voucher.id, voucher.period_id, voucher.word,
    counter.last - count(*) OVER (PARTITION BY voucher.word)
    + row_number() OVER (PARTITION BY voucher.word ORDER BY voucher.position)
FROM accounting_voucher voucher JOIN accounting_voucher_counter counter
ON (counter.period_id, counter.word) = (voucher.period_id, voucher.word)
WHERE voucher.run_id = {}
"""
_FREE_REFUSED: Final = """
UPDATE accounting_voucher_transfer SET is_live = false
WHERE is_live AND voucher_id IN (SELECT id FROM accounting_voucher WHERE run_id = {})
"""
_FREE_WITHIN: Final = """
UPDATE accounting_voucher_within SET is_live = false WHERE is_live AND run_id = {}
"""
_FREE_TAKEN_BACK: Final = """
UPDATE accounting_voucher_transfer SET is_live = false
WHERE is_live AND voucher_id IN (SELECT reversal_of FROM accounting_voucher WHERE run_id = {})
"""
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


class AccountingIdReused(BillingRefusal):
    """An id was used before with other content, or the same is there under another id."""

    code = "accounting_id_reused"
    sort = Sort.CLASH
    field = "id"


class VouchersChanged(BillingRefusal):
    """Vouchers are not those that were looked at."""

    code = "vouchers_changed"
    sort = Sort.CLASH
    field = "hash"


class VouchersDecided(BillingRefusal):
    """Vouchers were checked or refused already."""

    code = "vouchers_decided"
    sort = Sort.CLASH


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


class By(msgspec.Struct, frozen=True, kw_only=True):
    """Who does it, and when."""

    actor_id: UUID
    name: str
    """As it stands on the voucher: 制单, 审核."""
    now: datetime


# ------------------------------------------------------------------------- the chart and rules


async def add_accounts(accounts: Sequence[ChartAccount], by: By) -> list[ChartAccount]:
    """Add accounts to the chart and give those that are new; what is there stays.

    :raises ChartAccountDiffers: a code belongs to another account.
    :raises ChartParentMissing: what it stands below is not there.
    :raises ChartAccountInUse: what it stands below is posted to.
    """
    await ChartTable.raw(_LOCK)
    added = charts.ensure_fits(accounts, await queries.chart(), await queries.posted_to())
    if added:
        await ChartTable.raw(_ADD_ACCOUNTS, by.actor_id, by.now, _json(added))
    return added


async def begin(
    key: UUID, standard: Standard, begins_on: date, by: By
) -> tuple[list[ChartAccount], list[PostingRule]]:
    """Begin with a standard's chart, and post each kind of ledger account to it from a day on.

    :raises ChartAccountDiffers: a code belongs to another account.
    :raises AccountingIdReused: a rule for a kind begins on that day already.
    """
    added = await add_accounts(charts.accounts(standard), by)
    posted = [
        PostingRule(id=uuid5(key, kind), kind=kind, account_code=code, begins_on=begins_on)
        for kind, code in charts.postings(standard).items()
    ]
    return added, await publish_rules(posted, by)


async def treat(
    key: UUID, standard: Standard, program_id: UUID, treatment: Treatment, begins_on: date, by: By
) -> list[PostingRule]:
    """Say what a program's benefits are in the accounts from a day on.

    :raises ChartAccountNotFound: the standard's accounts are not in the chart.
    :raises AccountingIdReused: the program is treated otherwise from that day on already.
    """
    posted = [
        PostingRule(
            id=uuid5(key, kind),
            kind=kind,
            account_code=code,
            begins_on=begins_on,
            dims={Dimension.PROGRAM: str(program_id)},
        )
        for kind, code in charts.treated(standard, treatment).items()
    ]
    return await publish_rules(posted, by)


async def publish_rules(rules: Sequence[PostingRule], by: By) -> list[PostingRule]:
    """Publish posting rules and give those that are new; they never change.

    :raises ChartAccountNotFound: an account is not in the chart.
    :raises ChartAccountNotLeaf: an account has others below it.
    :raises AccountingIdReused: an id is another rule's, or another rule says the same otherwise.
    """
    await RuleTable.raw(_LOCK)
    chart, held = await queries.chart(), await queries.posting_rules()
    new = [rule for rule in rules if rule not in held]
    taken = {each.id for each in held}
    spoken = {_about(each) for each in held}
    for rule in new:
        charts.ensure_posted_to(rule.account_code, chart)
        if rule.id in taken or _about(rule) in spoken:
            raise AccountingIdReused(
                f"A rule for {rule.kind} that begins on {rule.begins_on} is there already, or its "
                "id is another one's: let it begin on another day, under a new id."
            )
        dims = msgspec.json.encode(rule.dims).decode()
        await RuleTable.raw(
            *(_ADD_RULE, rule.id, rule.kind, rule.event, dims, rule.begins_on),
            *(rule.account_code, by.actor_id, by.now),
        )
    return new


def _about(rule: PostingRule) -> tuple[object, ...]:
    """Say of what a rule speaks, which no other one does from the same day on."""
    return rule.kind, rule.event, tuple(sorted(rule.dims.items())), rule.begins_on


async def publish_template(template: VoucherTemplate, by: By) -> bool:
    """Publish how an event's transfers become vouchers; say whether it is new.

    :raises SummaryUnsound: its summary names something in braces that it cannot.
    :raises AccountingIdReused: its id, or its event on that day, has another one.
    """
    templates.ensure_sound(template)
    await RuleTable.raw(_LOCK)
    held = await queries.templates()
    if template in held:
        return False
    if any(
        template.id == each.id
        or (template.event, template.begins_on) == (each.event, each.begins_on)
        for each in held
    ):
        raise AccountingIdReused(
            f"A template for {template.event} from {template.begins_on} is there already, or its "
            "id is another one's: let it begin on another day, under a new id."
        )
    await AccountingVoucherTemplate.raw(
        *(_ADD_TEMPLATE, template.id, template.event, template.begins_on, template.summary),
        *(template.word, template.detail, by.actor_id, by.now),
    )
    return True


# ---------------------------------------------------------------------------------- vouchers


async def make(
    run_id: UUID, period_id: UUID, names: Mapping[str, str], by: By
) -> tuple[RunView, bool]:
    """Put up vouchers of all that a closed period moved and that is in none; somebody checks them.

    What is posted to one account on both sides needs none; the run says how much that was.

    :param names: what summaries call agents and programs.
    :returns: the run, and whether it is new: the same id is answered with the same run.

    :raises PeriodNotFound: there is no such period.
    :raises PeriodStillOpen: it is not closed.
    :raises NothingToVoucher: all of it is in vouchers.
    :raises PostingUnmapped: no rule says where a leg goes.
    :raises AuxiliaryMissing: a leg lacks what its account is counted by.
    :raises AccountingIdReused: the id is another period's run.
    """
    await AccountingVoucherRun.raw(_LOCK)
    if (held := await queries.run(run_id)) is not None:
        return _same(held, period_id), False
    await periods.hold()
    period = await queries.period(period_id)
    if period.state is PeriodState.OPEN:
        raise making.PeriodStillOpen("This period is open; close it first, softly or for good.")
    plan = making.Plan(
        run_id=run_id,
        ends_on=queries.days(period)[1],
        postings=Postings(await queries.posting_rules(), await queries.chart()),
        templates=await queries.templates(),
        names=names,
    )
    made = making.put_up(await queries.movements(period), plan)
    return await _put_up(run_id, period_id, made, by), True


async def take_back(run_id: UUID, voucher_id: UUID, reason: str, by: By) -> tuple[RunView, bool]:
    """Put up the red voucher of one that was wrong; once checked, its transfers are free again.

    :returns: the run, and whether it is new.

    :raises VoucherNotFound: there is no such voucher.
    :raises VoucherNotReversible: it has no number, is red itself, or was taken back already.
    :raises AccountingIdReused: the id is another run's.
    """
    await AccountingVoucherRun.raw(_LOCK)
    voucher = await queries.voucher(voucher_id)
    if (held := await queries.run(run_id)) is not None:
        if voucher.reversed_by != uuid5(run_id, str(voucher_id)):
            raise AccountingIdReused("This id belongs to other vouchers; make a new one.")
        return held, False
    draft = making.red(voucher, run_id, reason)
    made = PutUp(drafts=[draft], within=[])
    return await _put_up(run_id, voucher.period_id, made, by), True


def _same(held: RunView, period_id: UUID) -> RunView:
    """Give a run that is there, or refuse its id for another period."""
    if held.period_id != period_id:
        raise AccountingIdReused("This id belongs to other vouchers; make a new one.")
    return held


async def _put_up(run_id: UUID, period_id: UUID, made: PutUp, by: By) -> RunView:
    """Keep vouchers that have no numbers yet."""
    drafts = made.drafts
    await AccountingVoucherRun.raw(
        *(_ADD_RUN, run_id, period_id, making.fingerprint(made), by.actor_id),
        *(templates.cut(by.name), by.now),
    )
    vouchers = [
        {
            "id": draft.id,
            "position": position,
            "word": draft.word,
            "on_day": draft.on,
            "currency": draft.currency,
            "reversal_of": draft.reversal_of,
        }
        for position, draft in enumerate(drafts, 1)
    ]
    lines = [
        {"voucher_id": draft.id, **msgspec.to_builtins(line)}
        for draft in drafts
        for line in draft.lines
    ]
    await AccountingVoucher.raw(_ADD_VOUCHERS, run_id, period_id, _json(vouchers))
    await AccountingVoucherLine.raw(_ADD_LINES, _json(lines))
    held = [(draft.id, *each) for draft in drafts for each in draft.transfers]
    columns = [list(column) for column in zip(*held, strict=True)] if held else [[]] * 4
    await AccountingVoucherTransfer.raw(_ADD_TRANSFERS, *columns)
    await AccountingVoucherWithin.raw(_ADD_WITHIN, run_id, made.within)
    return await _run(run_id)


async def check(run_id: UUID, seen: str, by: By) -> tuple[RunView, bool]:
    """Check vouchers as they were looked at: now they have numbers and stand for ever.

    :returns: the run, and whether it was checked now.

    :raises VoucherNotFound: there are none.
    :raises MakerIsChecker: who checks them has made them.
    :raises VouchersChanged: they are not those that were looked at.
    :raises VouchersDecided: they were refused.
    """
    await AccountingVoucherRun.raw(_LOCK)
    run = await _run(run_id)
    if run.made_by == by.actor_id:
        raise MakerIsChecker("Who made these vouchers cannot check them; ask somebody else.")
    if run.hash != seen:
        raise VouchersChanged("These are not the vouchers that you looked at; look again.")
    if run.refused_by is not None:
        raise VouchersDecided("These vouchers were refused; make them anew.")
    if run.checked_by is not None:
        return run, False
    await AccountingVoucherRun.raw(_CHECK, by.actor_id, templates.cut(by.name), by.now, run_id)
    await AccountingVoucherNumber.raw(_COUNT, run_id)
    await AccountingVoucherNumber.raw(_NUMBER, run_id)
    await AccountingVoucherTransfer.raw(_FREE_TAKEN_BACK, run_id)
    return await _run(run_id), True


async def refuse(run_id: UUID, reason: str, by: By) -> tuple[RunView, bool]:
    """Refuse vouchers that have no numbers yet; what they are of may be put up anew.

    :returns: the run, and whether it was refused now.

    :raises VoucherNotFound: there are none.
    :raises VouchersDecided: they were checked.
    """
    await AccountingVoucherRun.raw(_LOCK)
    run = await _run(run_id)
    if run.checked_by is not None:
        raise VouchersDecided("These vouchers were checked; take them back in red.")
    if run.refused_by is not None:
        return run, False
    await AccountingVoucherRun.raw(_REFUSE, by.actor_id, by.now, reason, run_id)
    await AccountingVoucherTransfer.raw(_FREE_REFUSED, run_id)
    await AccountingVoucherWithin.raw(_FREE_WITHIN, run_id)
    return await _run(run_id), True


async def _run(run_id: UUID) -> RunView:
    """Give a run, or say that there is none."""
    if (found := await queries.run(run_id)) is None:
        raise VoucherNotFound("There are no vouchers with this id.")
    return found


# ----------------------------------------------------------------------------------- exports


async def gather(asked: NewExport, by: By) -> Gathered:
    """Gather vouchers by their numbers, or the journal of a period's days, to be written.

    Writing takes a while, so that it is done by `write` outside of any transaction; `keep` follows.

    :raises PeriodNotFound: there is no such period.
    :raises NumbersMissing: a range names numbers that no voucher has.
    :raises ExportForeignCurrency: the format takes the books' own currency alone.
    :raises ExportDimensionUnknown: the format has no column for what a line is counted for.
    :raises AccountingIdReused: the id is another export's.
    """
    await AccountingExport.raw(_LOCK)
    if (held := await queries.export(asked.id)) is not None:
        return await gather_again(_same_export(held, asked))
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
    checks = await queries.checks()
    if (form := _JOURNALS.get(job.format)) is not None:
        content = await journal.export(form, begins_on=begins_on, ends_on=ends_on)
        return Gathered(job=job, source=content, checks=checks)
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
    if isinstance(gathered.source, bytes):
        return Written(gathered.source)
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
    await AccountingExport.raw(_LOCK)
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
    if await queries.checks() != gathered.checks:
        raise ExportOvertaken("Vouchers were checked while this was written; export them again.")
    await AccountingExport.raw(
        *(_ADD_EXPORT, job.id, job.period_id, job.format, job.currency, _json(job.ranges)),
        *(job.account_book, job.sha256, job.size, _json(job.replaced), job.made_by),
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


def _json(value: object) -> str:
    """Write what the database reads as rows."""
    return msgspec.json.encode(value).decode()
