"""Finance closes a month, makes vouchers of it, has them checked and fetches them as files."""

import hashlib
from datetime import date, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec
import pytest

from billing.accounting_vouchers.queries import VoucherNotFound
from billing.accounting_vouchers.rules.making import PeriodStillOpen
from billing.accounting_vouchers.schemas import (
    Category,
    ChartAccount,
    Detail,
    Format,
    PostingRule,
    RunView,
    Side,
    Standard,
    Treatment,
    VoucherTemplate,
)
from billing.errors import MakerIsChecker
from billing.ledger.schemas import AccountKind
from billing.periods.schemas import PeriodState
from server.access import Actor, Role
from server.access.rules import NotPermitted
from server.accounting import jobs, queries, service
from server.accounting.jobs import CHECK, BooksContradict
from server.accounting.schemas import (
    Beginning,
    Check,
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
from server.audit import queries as audit
from server.kit import db
from server.kit.errors import Invalid, NotFound
from server.settings import Settings
from server.worker import collect_schedule
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant, new_id
from tests.postgres import Postgres
from tests.server.accounting.stories import earns
from tests.server.benefits import stories

FINANCE = msgspec.structs.replace(make_platform_actor(Role.PLATFORM_FINANCE), name="王会计")
SECOND = msgspec.structs.replace(make_platform_actor(Role.PLATFORM_FINANCE), name="李主管")
BEGINS_ON = date(2026, 3, 1)
DAY = timedelta(days=1)


async def trail_of(subject_id: UUID) -> list[str]:
    """Read what the platform's trail says of something, by the alphabet."""
    async with db.tenant_transaction(FINANCE.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT action FROM audit_entry WHERE subject_id = $1 ORDER BY action", subject_id
        )
    return [row["action"] for row in rows]


@pytest.fixture(scope="module")
async def agent(own_books: Settings) -> Tenant:
    """An agent with a program's part of its own, in books whose chart has begun."""
    tenant = await make_tenant()
    await stories.admit(tenant)
    program = await stories.make_program(benefits_funded=10)
    await stories.allocate(program.id, tenant.tenant_id, 3 * stories.AMOUNT)
    await earns(FINANCE, tenant, BEGINS_ON)
    asked = Beginning(id=new_id(), standard=Standard.ENTERPRISE, begins_on=BEGINS_ON)
    for _ in range(2):
        begun = await service.begin(FINANCE, asked, now=NOW)
    assert len(begun.rules) == len(AccountKind)
    return tenant


@pytest.fixture(scope="module")
async def month(agent: Tenant) -> PeriodRow:
    """The month in which all of it happened, closed softly."""
    new = OpenPeriod(id=new_id(), begins_on=BEGINS_ON, ends_on=date(2026, 3, 31))
    for _ in range(2):
        opened = await service.open_period(FINANCE, new, now=NOW)
    assert (opened.begins_on, opened.ends_on) == (new.begins_on, new.ends_on)
    assert await trail_of(new.id) == ["period.opened"]
    with pytest.raises(PeriodStillOpen):
        await service.make(FINANCE, opened.id, NewRun(id=new_id()), now=NOW)
    closed = NewState(state=PeriodState.SOFT_CLOSED, reason="月结")
    return await service.change_period(FINANCE, opened.id, closed, now=NOW)


@pytest.fixture(scope="module")
async def checked(month: PeriodRow) -> RunView:
    """Its vouchers, checked by somebody else than who made them."""
    new = NewRun(id=new_id())
    for _ in range(2):
        made = await service.make(FINANCE, month.id, new, now=NOW)
    seen = Check(hash=made.hash)
    with pytest.raises(MakerIsChecker):
        await service.check(FINANCE, made.id, seen, now=NOW)
    for _ in range(2):
        run = await service.check(SECOND, made.id, seen, now=NOW)
    return run


async def test_s98_a_month_becomes_vouchers_that_tie(
    agent: Tenant, month: PeriodRow, checked: RunView
) -> None:
    page = await queries.vouchers(FINANCE, month.id, now=NOW)
    told = await queries.period(FINANCE, month.id)

    assert [(each.word, each.no, each.summary, each.total_minor) for each in page.items] == [
        ("转", 1, f"3月计提渠道佣金 {agent.name}", 100_00),
    ]
    assert checked.within == len(["funded", "allocated"])
    assert told.untied == []
    assert told.runs[-1] == checked
    assert (checked.maker_name, checked.checker_name) == ("王会计", "李主管")
    assert await trail_of(checked.id) == ["vouchers.checked", "vouchers.made"]


async def test_a_voucher_leads_back_and_its_agents_are_told(
    agent: Tenant, month: PeriodRow, checked: RunView
) -> None:
    before = len(await _looks(agent))
    last = (await queries.vouchers(FINANCE, month.id, now=NOW)).items[-1]

    voucher = await queries.voucher(FINANCE, last.id, now=NOW)
    sources = await queries.sources(FINANCE, last.id, line=1, now=NOW)

    assert [line.account_code for line in voucher.lines] == ["660101", "224101"]
    assert [each.event for each in sources] == ["commission.earned"]
    accounts = await queries.accounts_of(FINANCE, voucher)
    assert [each.name for each in accounts.values()] == [
        *("其他应付款", "代理商佣金", "销售费用", "渠道佣金"),
    ]
    assert await _looks(agent) == ["accounting.voucher"] * (before + 3)


async def _looks(agent: Tenant) -> list[str]:
    """Give the looks at vouchers that an agent was told of."""
    feed = await audit.platform_reads(agent.owner)
    return [each.what for each in feed.items if each.what == "accounting.voucher"]


@pytest.mark.parametrize("form", Format)
async def test_each_format_is_fetched_as_the_bytes_that_it_was(
    month: PeriodRow, checked: RunView, form: Format
) -> None:
    asked = ExportOrder(id=new_id(), period_id=month.id, format=form)
    job = await service.export(FINANCE, asked, now=NOW)

    file = await service.file_of(SECOND, job.id, now=NOW + DAY)

    assert hashlib.sha256(file.content).hexdigest() == job.sha256
    assert (len(file.content), file.media_type) == (job.size, service.FILES[form][0])
    assert await service.export(FINANCE, asked, now=NOW + DAY) == job
    assert await trail_of(job.id) == ["vouchers.exported", "vouchers.fetched"]


async def test_what_is_refused_or_taken_back_leaves_a_trail(
    month: PeriodRow, checked: RunView
) -> None:
    wrong = (await queries.vouchers(FINANCE, month.id, now=NOW)).items[0]
    asked = TakingBack(id=new_id(), reason="摘要不对")
    for _ in range(2):
        red = await service.take_back(FINANCE, wrong.id, asked, now=NOW)

    for _ in range(2):
        await service.refuse(SECOND, red.id, Refusing(reason="不必"), now=NOW)

    assert await trail_of(wrong.id) == ["voucher.taken_back"]
    assert await trail_of(red.id) == ["vouchers.refused"]
    assert [each.id for each in (await queries.vouchers(FINANCE, month.id, now=NOW)).items] == [
        wrong.id
    ]


async def test_accounts_rules_and_templates_of_ones_own(agent: Tenant) -> None:
    own = ChartAccount(code="660190", name="样品费用", category=Category.PROFIT, side=Side.DEBIT)
    added = await service.add_accounts(FINANCE, NewAccounts(accounts=[own]), now=NOW)
    again = await service.add_accounts(FINANCE, NewAccounts(accounts=[own]), now=NOW)
    rule = PostingRule(
        id=new_id(), kind=AccountKind.EXPENSE, account_code="660190", begins_on=BEGINS_ON + DAY
    )
    template = VoucherTemplate(
        id=new_id(), event="test.sampled", begins_on=BEGINS_ON, summary="{day} 样品",
        detail=Detail.DAY,
    )  # fmt: skip
    for _ in range(2):
        await service.publish_rule(FINANCE, rule, now=NOW)
        await service.publish_template(FINANCE, template, now=NOW)

    chart = await queries.chart(SECOND)

    assert (added, again) == ([own], [])
    assert own in chart.accounts
    assert rule in chart.rules
    assert template in chart.templates
    assert await trail_of(rule.id) == ["posting_rule.published"]
    assert await trail_of(template.id) == ["voucher_template.published"]


async def test_a_program_is_treated_from_a_day_on(agent: Tenant) -> None:
    program = await stories.make_program(benefits_funded=0)
    asked = NewTreatment(
        id=new_id(),
        standard=Standard.ENTERPRISE,
        program_id=program.id,
        treatment=Treatment.REVENUE_REDUCTION,
        begins_on=BEGINS_ON,
    )

    rules = await service.treat(FINANCE, asked, now=NOW)

    assert {each.kind: each.account_code for each in rules} == {
        AccountKind.FUNDING: "600102",
        AccountKind.BUDGET: "600102",
        AccountKind.ISSUED: "224102",
    }
    with pytest.raises(NotFound):
        await service.treat(FINANCE, msgspec.structs.replace(asked, program_id=new_id()), now=NOW)


@pytest.mark.parametrize("day", [date(1, 1, 1), date(9999, 12, 31)])
async def test_a_day_of_another_century_is_a_slip(agent: Tenant, day: date) -> None:
    with pytest.raises(Invalid) as refused:
        await service.open_period(
            FINANCE, OpenPeriod(id=new_id(), begins_on=BEGINS_ON, ends_on=day), now=NOW
        )
    assert refused.value.field == "ends_on"


async def test_what_is_not_there_is_told(agent: Tenant) -> None:
    with pytest.raises(VoucherNotFound):
        await service.file_of(FINANCE, new_id(), now=NOW)
    with pytest.raises(VoucherNotFound):
        await queries.voucher(FINANCE, new_id(), now=NOW)


async def test_accounting_is_for_finance_alone(agent: Tenant) -> None:
    others: list[Actor] = [make_platform_actor(Role.PLATFORM_OPERATOR), agent.owner]
    for actor in others:
        with pytest.raises(NotPermitted):
            await queries.chart(actor)
        with pytest.raises(NotPermitted):
            await service.make(actor, new_id(), NewRun(id=new_id()), now=NOW)


@pytest.mark.parametrize(
    ("harm", "invariant"),
    [
        ("UPDATE ledger_account SET credits_posted = credits_posted + $1", "I4"),
        ("UPDATE accounting_voucher_counter SET last = last + $1", "I12"),
    ],
)
async def test_what_contradicts_itself_is_named_within_the_hour(
    own_books: Settings, postgres: Postgres, checked: RunView, harm: str, invariant: str
) -> None:
    assert CHECK in collect_schedule()
    assert checked.checked_by is not None
    name = urlsplit(own_books.database_url).path.removeprefix("/")
    superuser = await asyncpg.connect(postgres.superuser_url(name))
    await jobs.check(NOW)
    try:
        # Triggers sleep, as for who restores a backup and edits it.
        await superuser.execute("SET session_replication_role = replica")
        await superuser.execute(harm, 1)
        with pytest.raises(BooksContradict, match=f"{invariant}: "):
            await jobs.check(NOW)
        await superuser.execute(harm, -1)
    finally:
        await superuser.close()
    await jobs.check(NOW)
