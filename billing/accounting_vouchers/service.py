"""Keep the chart, make and check vouchers. Each function joins the platform's transaction.

A voucher is never changed: before it is checked all of its run may be refused, and afterwards a red
one takes it back, so that its transfers are put up anew.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5

import msgspec

from billing.accounting_vouchers import queries
from billing.accounting_vouchers.queries import VoucherNotFound
from billing.accounting_vouchers.rules import charts, making, templates
from billing.accounting_vouchers.rules.posting import Postings
from billing.accounting_vouchers.schemas import (
    ChartAccount,
    PostingRule,
    PutUp,
    RunView,
    Standard,
    Treatment,
    VoucherTemplate,
)
from billing.accounting_vouchers.tables import (
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
    await in_turn()
    added = charts.ensure_fits(accounts, await queries.chart(), await queries.posted_to())
    if added:
        await ChartTable.raw(_ADD_ACCOUNTS, by.actor_id, by.now, as_json(added))
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
    await in_turn()
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
    await in_turn()
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
    await in_turn()
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
    await in_turn()
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
    await AccountingVoucher.raw(_ADD_VOUCHERS, run_id, period_id, as_json(vouchers))
    await AccountingVoucherLine.raw(_ADD_LINES, as_json(lines))
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
    await in_turn()
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
    await in_turn()
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


async def in_turn() -> None:
    """Wait until whoever makes or checks vouchers, or changes the chart, has ended."""
    await AccountingVoucher.raw(_LOCK)


def as_json(value: object) -> str:
    """Write what the database reads as rows."""
    return msgspec.json.encode(value).decode()
