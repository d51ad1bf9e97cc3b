"""Vouchers of closed periods: made, checked, taken back, exported; in the database (S98, I12)."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from billing.accounting_vouchers import exports, queries, service
from billing.accounting_vouchers.exports import ExportChanged, ExportOvertaken, NumbersMissing
from billing.accounting_vouchers.queries import VoucherNotFound
from billing.accounting_vouchers.rules import charts
from billing.accounting_vouchers.rules.charts import ChartAccountInUse, ChartAccountNotLeaf
from billing.accounting_vouchers.rules.making import (
    NothingToVoucher,
    PeriodStillOpen,
    VoucherNotReversible,
)
from billing.accounting_vouchers.schemas import (
    Category,
    ChartAccount,
    Detail,
    ExportJob,
    Format,
    NewExport,
    NumberRange,
    PostingRule,
    RunView,
    Side,
    Standard,
    Treatment,
    VoucherTemplate,
)
from billing.accounting_vouchers.service import (
    AccountingIdReused,
    By,
    VouchersChanged,
    VouchersDecided,
)
from billing.errors import BillingRefusal, MakerIsChecker
from billing.journal.schemas import Journal
from billing.ledger.schemas import AccountKind, Dimension, Reversal, Single, Transfer
from billing.money import Money
from billing.periods import queries as periods
from billing.periods import service as period_service
from billing.periods.schemas import NewPeriod, PeriodChange, PeriodState, PeriodView
from server.kit import db
from server.settings import Settings
from tests.billing import accounts
from tests.billing.books import OPERATOR
from tests.factories import NOW, new_id
from tests.waiting import meanwhile

pytestmark = pytest.mark.usefixtures("chart")
DAY = timedelta(days=1)
MAKER = By(actor_id=new_id(), name="王会计", now=NOW)
CHECKER = By(actor_id=new_id(), name="李主管", now=NOW)
SOFT, HARD, OPEN = PeriodState.SOFT_CLOSED, PeriodState.HARD_CLOSED, PeriodState.OPEN
AGENT, PROGRAM = str(new_id()), str(new_id())
NAMES = {AGENT: "北极星商贸", PROGRAM: "开业礼"}
BEGINS_AT = datetime(2019, 12, 31, 16, tzinfo=UTC)


@pytest.fixture(scope="module")
async def chart(own_books: Settings) -> None:
    """The enterprise's chart, with rules for every kind from 2020 on."""
    async with db.platform_transaction(OPERATOR):
        await service.begin(new_id(), Standard.ENTERPRISE, BEGINS_AT.date(), MAKER)


@pytest.fixture(scope="module")
async def ledger(own_books: Settings) -> dict[str, UUID]:
    """Accounts of some kinds, all for one agent and program."""
    dims = {Dimension.AGENT: AGENT, Dimension.PROGRAM: PROGRAM}
    return {
        kind: await accounts.open_account(AccountKind(kind), dims=dims)
        for kind in ("commission_cost", "commission", "payout", "bank", "budget", "issued")
    }


@pytest.fixture
async def month(own_books: Settings) -> AsyncIterator[PeriodView]:
    """The next thirty days, which the test leaves closed for good, vouchers and all being sound."""
    async with db.platform_transaction(OPERATOR):
        held = await periods.periods()
        starts_at = held[-1].ends_at if held else BEGINS_AT
        new = NewPeriod(id=new_id(), starts_at=starts_at, ends_at=starts_at + DAY * 30)
        await period_service.open_period(new)
        period = await queries.period(new.id)
    yield period
    if (await _state(period)) is not HARD:
        await close(period, HARD)
    async with db.platform_transaction(OPERATOR):
        assert await queries.contradictions() == []
        assert await periods.contradictions() == []


async def _state(period: PeriodView) -> PeriodState:
    async with db.platform_transaction(OPERATOR):
        return (await queries.period(period.id)).state


async def close(period: PeriodView, state: PeriodState = SOFT) -> None:
    """Close a period or open it."""
    asked = PeriodChange(
        period_id=period.id, state=state, actor_id=OPERATOR.user_id, reason="the month is over"
    )
    async with db.platform_transaction(OPERATOR):
        await period_service.change(asked, now=NOW)


async def export(asked: NewExport, by: By = MAKER) -> tuple[ExportJob, bytes, bool]:
    """Write vouchers; give the job, the file, and whether the job is new."""
    async with db.platform_transaction(OPERATOR):
        written = exports.write(gathered := await exports.gather(asked, by))
        job, is_new = await exports.keep(gathered, written)
        return job, written.content, is_new


async def moved(
    ledger: dict[str, UUID], on: datetime, *what: tuple[str, str, str, int]
) -> list[UUID]:
    """Record movements: event, debit, credit, fen."""
    made = [
        Single(
            id=new_id(),
            debit_id=ledger[debit],
            credit_id=ledger[credit],
            amount=Money(minor, "CNY"),
            event=event,
        )
        for event, debit, credit, minor in what
    ]
    listed: Sequence[Transfer] = made
    await accounts.record(listed, effective_at=on)
    return [each.id for each in made]


EARNED = ("commission.earned", "commission_cost", "commission", 100_01)
PAID = ("payout.paid", "payout", "bank", 70_00)
USED = ("benefit.redeemed", "budget", "issued", 30_00)


async def make(period: PeriodView, *, run_id: UUID | None = None, by: By = MAKER) -> RunView:
    """Put vouchers up."""
    async with db.platform_transaction(OPERATOR):
        run, _ = await service.make(run_id or new_id(), period.id, NAMES, by)
        return run


async def check(run: RunView, *, by: By = CHECKER, seen: str | None = None) -> RunView:
    """Check them."""
    async with db.platform_transaction(OPERATOR):
        checked, _ = await service.check(run.id, seen or run.hash, by)
        return checked


async def rows(period: PeriodView) -> list[tuple[str, int | None, str, int]]:
    """List a period's vouchers."""
    async with db.platform_transaction(OPERATOR):
        found = await queries.rows(period.id, limit=100)
    return [(each.word, each.no, each.summary, each.total_minor) for each in found]


async def first_of(period: PeriodView) -> UUID:
    """Give the first voucher."""
    async with db.platform_transaction(OPERATOR):
        return (await queries.rows(period.id, limit=1))[0].id


async def ties(period: PeriodView) -> int:
    """Count ledger accounts whose trial balance is not what vouchers say."""
    async with db.platform_transaction(OPERATOR):
        return len(await queries.ties(period.id))


async def test_s98_vouchers_balance_have_numbers_and_tie_to_the_trial(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    held = await moved(ledger, month.starts_at + DAY, EARNED, EARNED, PAID, USED)
    await moved(ledger, month.starts_at + 2 * DAY, PAID)
    undone = Reversal(id=new_id(), reversal_of=held[3], event="benefit.rolled_back")
    await accounts.record([undone], effective_at=month.starts_at + 3 * DAY)
    await close(month, HARD)

    run = await make(month)
    drafted = await rows(month)
    await check(run)

    assert sorted((word, total) for word, _, _, total in await rows(month)) == [
        *(("付", 70_00), ("付", 70_00)),
        *(("转", -30_00), ("转", 30_00), ("转", 200_02)),
    ]
    assert {no for _, no, _, _ in drafted} == {None}
    assert sorted((word, no) for word, no, _, _ in await rows(month)) == [
        *(("付", no) for no in (1, 2)),
        *(("转", no) for no in (1, 2, 3)),
    ]
    assert await ties(month) == 0


async def test_what_stays_on_one_account_needs_no_voucher_and_ties(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    program = {Dimension.PROGRAM: PROGRAM}
    both = {**ledger, "pool": await accounts.open_account(AccountKind.BUDGET, dims=program)}
    handed_on = ("budget.allocated", "pool", "budget", 500_00)
    await moved(both, month.starts_at, handed_on, USED, handed_on)
    await close(month, HARD)

    refused = await make(month)
    async with db.platform_transaction(OPERATOR):
        await service.refuse(refused.id, "还差一笔", CHECKER)
    run = await make(month)
    await check(run)

    assert (run.vouchers, run.within) == (refused.vouchers, refused.within) == (1, 2)
    assert [total for _, _, _, total in await rows(month)] == [30_00]
    assert await ties(month) == 0
    with pytest.raises(NothingToVoucher):
        await make(month)


async def test_a_month_that_only_handed_budgets_on_has_no_vouchers_and_ties(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    program = {Dimension.PROGRAM: PROGRAM}
    both = {**ledger, "pool": await accounts.open_account(AccountKind.BUDGET, dims=program)}
    await moved(both, month.starts_at, ("budget.allocated", "pool", "budget", 500_00))
    await close(month)

    run = await check(await make(month))

    assert (run.vouchers, run.within, await ties(month)) == (0, 1, 0)


async def test_a_line_leads_back_to_its_transfers(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    held = await moved(ledger, month.starts_at, EARNED, EARNED)
    await close(month)
    await make(month)

    async with db.platform_transaction(OPERATOR):
        voucher = await queries.voucher(await first_of(month))
        of_line = await queries.sources(voucher.id, line=1, limit=10)

    assert sorted(each.transfer_id for each in of_line) == sorted(held)
    assert sum(each.amount_minor for each in of_line) == voucher.lines[0].debit_minor == 200_02


async def test_made_twice_is_once_and_only_of_what_is_closed_and_new(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    with pytest.raises(PeriodStillOpen):
        await make(month)
    await close(month)

    run = await make(month)

    assert await make(month, run_id=run.id) == run
    with pytest.raises(NothingToVoucher):
        await make(month)
    async with db.platform_transaction(OPERATOR):
        [earlier, *_] = await periods.periods()
    if earlier.id != month.id:
        with pytest.raises(AccountingIdReused):
            await make(earlier, run_id=run.id)


async def test_who_made_vouchers_does_not_check_them_nor_others_unseen(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    await close(month)
    run = await make(month)

    with pytest.raises(MakerIsChecker):
        await check(run, by=MAKER)
    with pytest.raises(VouchersChanged):
        await check(run, seen="0" * 64)
    checked = await check(run)

    assert (checked.maker_name, checked.checker_name) == ("王会计", "李主管")
    assert await check(run) == checked
    async with db.platform_transaction(OPERATOR):
        with pytest.raises(VouchersDecided):
            await service.refuse(run.id, "晚了", CHECKER)
        with pytest.raises(VoucherNotFound):
            await service.check(new_id(), run.hash, CHECKER)


async def test_refused_vouchers_are_made_anew_and_leave_no_gap(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    await close(month)
    run = await make(month)
    async with db.platform_transaction(OPERATOR):
        await service.refuse(run.id, "摘要不对", CHECKER)
    with pytest.raises(VouchersDecided):
        await check(run)

    await check(await make(month))

    assert [no for _, no, _, _ in await rows(month)] == [1]
    assert await ties(month) == 0


async def test_a_wrong_voucher_is_taken_back_in_red_and_made_anew(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    await close(month, HARD)
    await check(await make(month))
    wrong = await first_of(month)
    other = ChartAccount(
        code="2202", name="应付账款", category=Category.LIABILITY, side=Side.CREDIT
    )
    async with db.platform_transaction(OPERATOR):
        assert await service.add_accounts([other], MAKER) == []
        rule = PostingRule(
            id=new_id(),
            kind=AccountKind.COMMISSION,
            account_code="2202",
            begins_on=queries.days(month)[0],
        )
        await service.publish_rules([rule], MAKER)
        red, _ = await service.take_back(new_id(), wrong, "科目不对", MAKER)
        again, is_new = await service.take_back(red.id, wrong, "科目不对", MAKER)
    assert (again, is_new) == (red, False)
    with pytest.raises(NothingToVoucher):
        await make(month)
    await check(red)

    await check(await make(month))

    assert await rows(month) == [
        ("转", 1, (await rows(month))[0][2], 100_01),
        ("转", 2, "冲销转-1 科目不对", -100_01),
        ("转", 3, (await rows(month))[0][2], 100_01),
    ]
    async with db.platform_transaction(OPERATOR):
        balances = await queries.balances(month.id, "CNY", at=NOW + DAY)
        moved_here = {
            each.account_code: each.debits_minor - each.credits_minor for each in balances
        }
        with pytest.raises(VoucherNotReversible):
            await service.take_back(new_id(), wrong, "再来", MAKER)
    assert {code: moved_here[code] for code in ("660101", "224101", "2202")} == {
        "660101": 100_01,
        "224101": 0,
        "2202": -100_01,
    }
    assert await ties(month) == 0
    async with db.platform_transaction(OPERATOR):
        back = msgspec.structs.replace(
            rule, id=new_id(), account_code="224101", begins_on=queries.days(month)[1] + DAY
        )
        await service.publish_rules([back], MAKER)


@pytest.mark.parametrize(
    ("is_checked", "counted", "no"), [(False, 1, 1), (True, 1, 2), (True, 2, 2), (True, 2, 1)]
)
async def test_i12_no_number_is_left_out_or_given_to_what_is_unchecked(
    month: PeriodView, ledger: dict[str, UUID], *, is_checked: bool, counted: int, no: int
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    await close(month)
    run = await make(month)
    voucher_id = await first_of(month)

    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await _numbered(run.id, month.id, voucher_id, is_checked=is_checked, counted=counted, no=no)


async def _numbered(
    run_id: UUID, period_id: UUID, voucher_id: UUID, *, is_checked: bool, counted: int, no: int
) -> None:
    """Give a voucher a number by hand."""
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute(
            "UPDATE accounting_voucher_run SET checked_by = $1, checker_name = '李',"
            " checked_at = now() WHERE id = $2 AND $3",
            *(CHECKER.actor_id, run_id, is_checked),
        )
        await db.connection().execute(
            "INSERT INTO accounting_voucher_counter VALUES ($1, '转', $2)", period_id, counted
        )
        await db.connection().execute(
            "INSERT INTO accounting_voucher_number VALUES ($1, $2, '转', $3)",
            *(voucher_id, period_id, no),
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounting_voucher_line SET debit_minor = 1 WHERE voucher_id = $1",
        "DELETE FROM accounting_voucher WHERE id = $1",
        "UPDATE accounting_voucher_transfer SET is_live = false WHERE voucher_id = $1",
        "UPDATE accounting_voucher_run SET reason = 'no' WHERE checked_by IS NOT NULL AND $1 <> id",
        "INSERT INTO accounting_voucher_line VALUES ($1, 9, '', '2202', 5, 0, $2)",
        "INSERT INTO accounting_voucher_line VALUES ($1, 9, '', '2202', 5, 5, $2)",
        """
        INSERT INTO accounting_voucher_line
        VALUES ($1, 8, '', '2241', 5, 0, $2), ($1, 9, '', '2202', 0, 5, $2)
        """,
    ],
)
async def test_a_voucher_is_never_changed(checked: UUID, statement: str) -> None:
    given = [checked, "{}"] if "$2" in statement else [checked]
    with pytest.raises(
        (asyncpg.IntegrityConstraintViolationError, asyncpg.InsufficientPrivilegeError)
    ):
        async with db.platform_transaction(OPERATOR):
            await db.connection().execute(statement, *given)


@pytest.fixture(scope="module")
async def checked(own_books: Settings, chart: None, ledger: dict[str, UUID]) -> UUID:
    """A checked voucher, which no test changes."""
    async with db.platform_transaction(OPERATOR):
        held = await periods.periods()
        starts_at = held[-1].ends_at if held else BEGINS_AT
        new = NewPeriod(id=new_id(), starts_at=starts_at, ends_at=starts_at + DAY * 30)
        await period_service.open_period(new)
        period = await queries.period(new.id)
    await moved(ledger, period.starts_at, EARNED, PAID)
    await close(period, HARD)
    await check(await make(period))
    return await first_of(period)


@pytest.mark.parametrize("form", Format)
async def test_the_same_range_gives_the_same_bytes_however_much_comes_after(
    checked: UUID, form: Format
) -> None:
    async with db.platform_transaction(OPERATOR):
        period_id = (await queries.voucher(checked)).period_id
        asked = NewExport(id=new_id(), period_id=period_id, format=form)
        job, content, is_new = await export(asked)
        later = msgspec.structs.replace(MAKER, now=NOW + DAY)
        same, again, anew = await export(asked, later)
        listed = await queries.exports(period_id)

    assert (is_new, anew) == (True, False)
    assert (same, again) == (job, content)
    assert job in listed
    journals = {Format.BEANCOUNT, Format.HLEDGER}
    assert {each.word: each.last for each in job.ranges} == (
        {} if form in journals else {"付": 1, "转": 1}
    )


async def test_an_export_names_numbers_that_are_there(checked: UUID) -> None:
    async with db.platform_transaction(OPERATOR):
        period_id = (await queries.voucher(checked)).period_id

        for first, last in ((1, 2), (2, 1)):
            asked = NewExport(
                id=new_id(),
                period_id=period_id,
                format=Format.CSV,
                ranges=[NumberRange(word="转", first=first, last=last)],
            )
            with pytest.raises(NumbersMissing, match="the last one is 1"):
                await exports.gather(asked, MAKER)
        used = NewExport(id=new_id(), period_id=period_id, format=Format.CSV)
        job, _, _ = await export(used)
        whole = msgspec.structs.replace(used, ranges=job.ranges)
        assert (await export(whole))[0] == job
        for other in (
            msgspec.structs.replace(used, format=Format.U8),
            msgspec.structs.replace(used, account_book="002"),
            msgspec.structs.replace(used, ranges=job.ranges[:1]),
        ):
            with pytest.raises(AccountingIdReused):
                await exports.gather(other, MAKER)


async def test_an_export_that_would_be_other_bytes_is_refused(checked: UUID) -> None:
    async with db.platform_transaction(OPERATOR):
        period_id = (await queries.voucher(checked)).period_id
        asked = NewExport(id=new_id(), period_id=period_id, format=Format.CSV)
        await export(asked)
        written = exports.write(gathered := await exports.gather(asked, MAKER))
        other = msgspec.structs.replace(written, content=written.content + b"1")

        with pytest.raises(ExportChanged):
            await exports.keep(gathered, other)


async def test_what_is_checked_while_an_export_is_written_is_in_no_half_of_it(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    await close(month)
    await check(await make(month))
    asked = NewExport(id=new_id(), period_id=month.id, format=Format.GBT24589)
    async with db.platform_transaction(OPERATOR):
        written = exports.write(gathered := await exports.gather(asked, MAKER))

    await close(month, OPEN)
    await moved(ledger, month.starts_at, EARNED)
    await close(month)
    await check(await make(month))

    async with db.platform_transaction(OPERATOR):
        with pytest.raises(ExportOvertaken):
            await exports.keep(gathered, written)
    job, _, is_new = await export(asked)
    assert (is_new, [each.last for each in job.ranges]) == (True, [2])


async def test_a_journal_is_kept_though_vouchers_were_checked_while_it_was_written(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    await close(month)
    run = await make(month)
    asked = NewExport(id=new_id(), period_id=month.id, format=Format.HLEDGER)
    async with db.platform_transaction(OPERATOR):
        gathered = await exports.gather(asked, MAKER)
    # No transaction waits while it is written.
    assert isinstance(gathered.source, Journal)
    written = exports.write(gathered)

    await check(run)

    async with db.platform_transaction(OPERATOR):
        job, is_new = await exports.keep(gathered, written)
    assert (job.format, is_new) == (Format.HLEDGER, True)


async def test_the_journal_of_an_open_period_is_not_exported_for_it_still_grows(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    asked = NewExport(id=new_id(), period_id=month.id, format=Format.BEANCOUNT)

    async with db.platform_transaction(OPERATOR):
        with pytest.raises(PeriodStillOpen):
            await exports.gather(asked, MAKER)
    await close(month, SOFT)
    job, _, is_new = await export(asked)
    assert (job.id, is_new) == (asked.id, True)


async def test_a_journal_that_was_written_before_the_books_changed_says_so(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at, EARNED)
    await close(month, SOFT)
    async with db.platform_transaction(OPERATOR):
        asked = NewExport(id=new_id(), period_id=month.id, format=Format.BEANCOUNT)
        await export(asked)
    await close(month, OPEN)
    await moved(ledger, month.starts_at, EARNED)

    async with db.platform_transaction(OPERATOR):
        with pytest.raises(ExportChanged):
            await export(asked)
    await close(month, SOFT)


async def test_the_treatment_of_a_program_is_data(month: PeriodView, own_books: Settings) -> None:
    program = new_id()
    of = {Dimension.PROGRAM: str(program), Dimension.AGENT: AGENT}
    budget = await accounts.open_account(AccountKind.BUDGET, dims=of)
    issued = await accounts.open_account(AccountKind.ISSUED, dims=of)
    on = queries.days(month)[0]
    async with db.platform_transaction(OPERATOR):
        key = new_id()
        for _ in range(2):
            await service.treat(
                key, Standard.ENTERPRISE, program, Treatment.CONTRACT_LIABILITY, on, MAKER
            )
        with pytest.raises(AccountingIdReused):
            await service.treat(
                new_id(), Standard.ENTERPRISE, program, Treatment.SELLING_EXPENSE, on, MAKER
            )
    await moved({"budget": budget, "issued": issued}, month.starts_at, USED)
    await close(month)
    await make(month)

    async with db.platform_transaction(OPERATOR):
        voucher = await queries.voucher(await first_of(month))
    assert [line.account_code for line in voucher.lines] == ["220501", "224102"]


async def test_a_template_of_ones_own_says_word_summary_and_detail(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    template = VoucherTemplate(
        id=new_id(),
        event="test.detailed",
        begins_on=queries.days(month)[0],
        summary="{day} {agent} 逐笔",
        word="收",
        detail=Detail.EACH,
    )
    async with db.platform_transaction(OPERATOR):
        assert await service.publish_template(template, MAKER)
        assert not await service.publish_template(template, MAKER)
        with pytest.raises(AccountingIdReused):
            await service.publish_template(
                msgspec.structs.replace(template, id=new_id(), word="转"), MAKER
            )
    each = ("test.detailed", "commission_cost", "commission", 5)
    await moved(ledger, month.starts_at, each, each)
    await close(month)

    await make(month)

    day = month.starts_at + timedelta(hours=8)
    text = f"{day.month}月{day.day}日 北极星商贸 逐笔"
    assert await rows(month) == [("收", None, text, 5)] * 2


@pytest.mark.parametrize(
    ("code", "refusal"), [("2241", ChartAccountNotLeaf), ("9999", charts.ChartAccountNotFound)]
)
async def test_a_rule_posts_to_a_lowest_account(code: str, refusal: type[BillingRefusal]) -> None:
    rule = PostingRule(
        id=new_id(), kind=AccountKind.BANK, account_code=code, begins_on=BEGINS_AT.date()
    )
    async with db.platform_transaction(OPERATOR):
        with pytest.raises(refusal):
            await service.publish_rules([rule], MAKER)


async def test_nothing_is_added_below_what_is_posted_to() -> None:
    below = ChartAccount(
        code="22410101", name="佣金", category=Category.LIABILITY, side=Side.CREDIT
    )
    async with db.platform_transaction(OPERATOR):
        with pytest.raises(ChartAccountInUse):
            await service.add_accounts([below], MAKER)


# ------------------------------------------------------------------------------- two at once


async def test_one_new_id_exported_twice_at_once_is_one_export(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at + DAY, EARNED)
    await close(month)
    await check(await make(month))
    asked = NewExport(id=new_id(), period_id=month.id, format=Format.CSV)

    async with db.platform_transaction(OPERATOR):
        first = await export(asked)
        second = await meanwhile(export(asked))

    assert await second == (*first[:2], False)


async def test_no_period_opens_while_vouchers_are_made_of_it(
    month: PeriodView, ledger: dict[str, UUID]
) -> None:
    await moved(ledger, month.starts_at + DAY, EARNED)
    await close(month)

    async with db.platform_transaction(OPERATOR):
        run = await make(month)
        opening = await meanwhile(close(month, OPEN))
    await opening

    await moved(ledger, month.starts_at + DAY, PAID)
    async with db.platform_transaction(OPERATOR):
        await close(month)
        making = await meanwhile(make(month))
    assert run.vouchers == (await making).vouchers == 1

    async with db.platform_transaction(OPERATOR):
        await close(month, OPEN)
        late = await meanwhile(make(month))
    with pytest.raises(PeriodStillOpen):
        await late
