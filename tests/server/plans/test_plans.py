"""The platform keeps plans, an agent's owner sees its own, and refusals say what to do."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs

from billing.invoices.rules import accounts
from billing.invoices.schemas import Credit, InvoiceNotFound, Payment
from billing.ledger import service as ledger
from billing.ledger.schemas import AccountKind, NewAccount
from billing.plans import service as plan_books
from billing.plans.rules.clock import next_month
from billing.plans.rules.entitlements import Verdict
from billing.plans.rules.grants import Grant, Source
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import FREE, Meter, PlanVersion, PlanVersionPast
from billing.plans.schemas import Behind
from server.access import Role
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.entitlements import service as entitlements
from server.entitlements.rules import PlanLimitReached
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.imports import queries as imports
from server.imports import service as importing
from server.imports.schemas import ImportView, StartImport
from server.kit import db
from server.kit.errors import Invalid, NotFound
from server.plans import jobs, queries, rules, service
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant, new_id
from tests.server.benefits import stories
from tests.server.customers.spreadsheets import everything, hand_in, sheet

pytestmark = pytest.mark.usefixtures("database")
FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
TODAY = NOW.date()
STARTS = TODAY + timedelta(days=1)
LATER = NOW + timedelta(days=1)
"""When the plan is in force."""


async def with_plan(tenant: Tenant, **terms: Any) -> PlanVersion:
    """Let an agent have a plan from tomorrow on."""
    about = {
        "id": new_id(),
        "plan_id": new_id(),
        "name": "专业版",
        "begins_on": STARTS,
        "price_minor": 310_00,
    }
    version = msgspec.convert(about | terms, PlanVersion)
    await service.publish(FINANCE, version, now=NOW)
    change = Change(
        id=new_id(), agent_id=tenant.tenant_id, begins_on=STARTS, plan_id=version.plan_id
    )
    for _ in range(2):
        assert await service.change(FINANCE, change, now=NOW) == change
    return version


def a_person() -> NewUser:
    """Write a new rep."""
    return NewUser(id=new_id(), name="新同事", role=Role.SALES_REP)


async def seats(tenant: Tenant) -> int:
    """Count who has a seat."""
    found = await queries.own_use(tenant.owner, now=NOW)
    return next(use.used for use in found.uses if use.meter is Meter.SEATS)


async def told_in_the_trail(subject_id: UUID) -> list[str]:
    """List what the platform's trail tells of something, by name."""
    async with db.tenant_transaction(FINANCE.tenant_id):
        rows = await db.connection().fetch(
            "SELECT action FROM audit_entry WHERE subject_id = $1 ORDER BY action", subject_id
        )
    return [row["action"] for row in rows]


async def test_everybody_has_the_free_plan_and_nothing_is_refused(tenant: Tenant) -> None:
    found = await queries.own_use(tenant.owner, now=NOW)
    assert (found.plan, found.plan.price_minor) == (FREE, 0)
    assert {use.verdict for use in found.uses} == {Verdict.WITHIN}
    async with db.tenant_transaction(tenant.tenant_id):
        held = await entitlements.entitled(tenant.tenant_id, now=NOW)
    assert not any(held.may_refuse(meter) for meter in Meter)


async def test_the_last_seat_is_one_persons_and_the_refusal_says_what_to_do(
    tenant: Tenant,
) -> None:
    await stories.admit(tenant)
    taken = await seats(tenant)
    await with_plan(
        tenant, limits={"seats": {"most": taken + 1, "kind": "hard"}}, unit_minor={"seats": 10_00}
    )
    last = a_person()
    for _ in range(2):
        await identity.invite(tenant.owner, last, now=LATER)
    with pytest.raises(PlanLimitReached) as refused:
        await identity.invite(tenant.owner, a_person(), now=LATER)
    assert refused.value.extra["used"] == refused.value.extra["most"] == taken + 1
    assert "席位" in refused.value.extra["detail_zh"]

    # Whoever is let go gives the seat up, and comes back only if there is one.
    assert last.id is not None
    await identity.disable_user(tenant.owner, last.id, now=LATER)
    await identity.invite(tenant.owner, a_person(), now=LATER)
    with pytest.raises(PlanLimitReached):
        await identity.enable_user(tenant.owner, last.id, now=LATER)
    about = {
        "id": new_id(),
        "agent_id": tenant.tenant_id,
        "source": "platform",
        "meter": "seats",
        "units": 1,
        "begins_on": STARTS,
    }
    grant = msgspec.convert(about, Grant)
    endless = msgspec.structs.replace(grant, id=new_id(), ends_on=date.max)
    with pytest.raises(Invalid):
        await service.grant(FINANCE, endless, now=LATER)
    await service.grant(FINANCE, grant, now=LATER)
    await identity.enable_user(tenant.owner, last.id, now=LATER)


async def test_a_file_brings_as_many_new_customers_as_the_plan_includes(tenant: Tenant) -> None:
    await stories.admit(tenant)
    await with_plan(tenant, limits={"customers": {"most": 3, "kind": "hard"}})
    rows = [f"限额{place}号,,," for place in "甲乙丙丁戊"]

    async def bring_in(*lines: str) -> ImportView:
        view = await hand_in(tenant, sheet(*lines))
        await importing.start(tenant.owner, view.id, StartImport(), now=LATER)
        assert await importing.run(tenant.owner, view.id, now=LATER)
        return await imports.one(tenant.owner, view.id)

    first = await bring_in(*rows[:2])
    second = await bring_in(*rows, "限额己号,,,")
    told = (await imports.problems(tenant.owner, second.id)).items

    assert (first.counts.created, second.counts.created) == (2, 1)
    assert [(each.row, each.code) for each in told if each.code == "plan_limit_reached"] == [
        (5, "plan_limit_reached"),
        (6, "plan_limit_reached"),
        (7, "plan_limit_reached"),
    ]
    assert len(await everything(tenant)) == 3


async def test_exports_are_counted_and_end_where_the_plan_does(tenant: Tenant) -> None:
    await stories.admit(tenant)
    await with_plan(tenant, limits={"exports": {"most": 2, "kind": "hard"}})

    async def export() -> None:
        async with db.tenant_transaction(tenant.tenant_id):
            await entitlements.take(tenant.tenant_id, Meter.EXPORTS, key=new_id(), now=LATER)

    for _ in range(2):
        await export()
    with pytest.raises(PlanLimitReached):
        await export()
    found = await queries.own_use(tenant.owner, now=LATER)
    told = next(use for use in found.uses if use.meter is Meter.EXPORTS)
    assert (told.used, told.most, told.verdict) == (2, 2, Verdict.REFUSED)


async def test_a_preview_keeps_nothing_and_the_worker_bills_the_same(
    tenant: Tenant, rival: Tenant
) -> None:
    await stories.admit(tenant)
    await with_plan(tenant)
    until = next_month(TODAY)
    looked = await service.move_clock(FINANCE, tenant.tenant_id, until, is_preview=True, now=NOW)
    [expected] = looked.invoices
    assert (await queries.own_invoices(tenant.owner)).items == []
    with pytest.raises(Invalid):
        await service.move_clock(FINANCE, tenant.tenant_id, until, is_preview=False, now=NOW)

    then = NOW + (until - TODAY)
    await jobs.carry_on(then)
    [row] = (await queries.own_invoices(tenant.owner)).items
    found = await queries.own_invoice(tenant.owner, row.id)
    assert found.total_minor == expected.total_minor
    assert found.lines == expected.lines
    with pytest.raises(InvoiceNotFound):
        await queries.own_invoice(rival.owner, row.id)

    payment = Payment(id=new_id(), invoice_id=row.id, amount_minor=found.total_minor, paid_on=TODAY)
    for _ in range(2):
        assert (await service.pay(FINANCE, payment, now=then)).left_minor == 0
    note = Credit(id=new_id(), invoice_id=row.id, amount_minor=1, reason="误开")
    for _ in range(2):
        assert (await service.credit(FINANCE, note, now=then)).left_minor == -1
    number = f"264420{row.id.int % 10**14:014d}"
    for _ in range(2):
        assert (await service.note_fapiao(FINANCE, row.id, number, now=then)).fapiao == number
    assert await told_in_the_trail(row.id) == [
        "invoice.credited",
        "invoice.fapiao_noted",
        "invoice.paid",
    ]
    seen = {each.what for each in (await audit.platform_reads(tenant.owner)).items}
    assert {"plans.clock", "plans.invoices"} <= seen


async def test_a_clock_moved_and_a_grant_ended_again_are_told_once(tenant: Tenant) -> None:
    await stories.admit(tenant)
    await with_plan(tenant)
    about = {
        "id": new_id(),
        "agent_id": tenant.tenant_id,
        "source": "platform",
        "feature": "priority_support",
        "begins_on": STARTS,
    }
    given = msgspec.convert(about, Grant)
    await service.grant(FINANCE, given, now=LATER)
    for _ in range(2):
        ended = await service.end_grant(FINANCE, given.id, STARTS, now=LATER)
    moved = [
        await service.move_clock(
            FINANCE, tenant.tenant_id, next_month(TODAY), is_preview=False, now=NOW + timedelta(40)
        )
        for _ in range(2)
    ]

    assert ended.ends_on == STARTS
    assert [len(each.invoices) for each in moved] == [1, 0]
    assert await told_in_the_trail(tenant.tenant_id) == [
        "agent.admitted",
        "plan.carried_on",
        "plan.changed",
        "plan_grant.ended",
        "plan_grant.given",
    ]


async def test_only_who_keeps_plans_does(tenant: Tenant) -> None:
    with pytest.raises(NotPermitted):
        await queries.own_use(tenant.rep, now=NOW)
    with pytest.raises(NotPermitted):
        await queries.own_use(FINANCE, now=NOW)
    with pytest.raises(NotPermitted):
        await queries.versions(tenant.owner)
    with pytest.raises(NotFound):
        await queries.invoices(FINANCE, new_id(), now=NOW)


async def test_one_whose_books_refuse_it_stops_no_other(tenant: Tenant, rival: Tenant) -> None:
    third = await make_tenant()
    for each in (tenant, rival, third):
        await stories.admit(each)
        await with_plan(each)
    account = accounts.receivable_account(rival.tenant_id, "CNY")
    own = NewAccount(
        id=account,
        owner_id=rival.tenant_id,
        subject_id=rival.tenant_id,
        kind=AccountKind.PLAN_RECEIVABLE,
        currency="CNY",
    )
    async with db.platform_transaction(FINANCE):
        await ledger.open_accounts([own], now=NOW)
        await db.connection().execute(
            "UPDATE ledger_account SET closed_at = $1 WHERE id = $2", NOW, account
        )

    with capture_logs() as lines:
        await jobs.carry_on(NOW + (next_month(TODAY) - TODAY))

    billed = [
        len((await queries.own_invoices(each.owner)).items) for each in (tenant, rival, third)
    ]
    assert billed == [1, 0, 1]
    told = {line["tenant_id"] for line in lines if line["event"] == "plans.not-carried-on"}
    assert told & {f"{each.tenant_id}" for each in (tenant, rival, third)} == {f"{rival.tenant_id}"}


async def test_one_whom_somebody_else_holds_for_long_stops_no_other(
    tenant: Tenant, rival: Tenant
) -> None:
    for each in (tenant, rival):
        await stories.admit(each)
        await with_plan(each)
    is_held, may_end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with db.platform_transaction(FINANCE):
            await plan_books.hold(rival.tenant_id, TODAY)
            is_held.set()
            await may_end.wait()

    holding = asyncio.create_task(hold())
    await is_held.wait()
    then = NOW + (next_month(TODAY) - TODAY)
    await jobs.carry_together([tenant.tenant_id, rival.tenant_id], next_month(TODAY), then)
    may_end.set()
    await holding

    billed = [len((await queries.own_invoices(each.owner)).items) for each in (tenant, rival)]
    assert billed == [1, 0]


def test_sets_are_of_few_agents_and_few_months() -> None:
    def behind(months: int) -> Behind:
        year, month = divmod(TODAY.year * 12 + TODAY.month - 1 - months, 12)
        return Behind(agent_id=new_id(), clock_on=date(year, month + 1, 1))

    waiting = [behind(0) for _ in range(rules.AGENTS_MAX + 1)]
    waiting += [behind(rules.MONTHS_MAX // 2 + 1), behind(rules.MONTHS_MAX // 2 + 1), behind(0)]
    waiting += [behind(rules.MONTHS_MAX * 2), behind(0)]
    parts = list(rules.parted(waiting, TODAY))

    assert [each for part in parts for each in part] == [each.agent_id for each in waiting]
    assert [len(part) for part in parts] == [rules.AGENTS_MAX, 2, 2, 1, 1]
    assert list(rules.parted([], TODAY)) == []


async def test_a_version_is_tried_on_who_has_the_plan_and_nothing_of_it_is_kept(
    tenant: Tenant, rival: Tenant
) -> None:
    for each in (tenant, rival):
        await stories.admit(each)
    plan = await with_plan(tenant, tax_ppm=60_000, unit_minor={"messages": 10})
    change = Change(id=new_id(), agent_id=rival.tenant_id, begins_on=STARTS, plan_id=plan.plan_id)
    await service.change(FINANCE, change, now=NOW)
    more = Grant(
        id=new_id(),
        agent_id=tenant.tenant_id,
        source=Source.AGENT,
        meter=Meter.MESSAGES,
        units=100,
        begins_on=STARTS,
    )
    await service.grant(FINANCE, more, now=NOW)
    begins_on = next_month(next_month(TODAY)) + timedelta(days=4)
    version = msgspec.structs.replace(
        plan, id=new_id(), begins_on=begins_on, price_minor=400_00, unit_minor={Meter.MESSAGES: 20}
    )

    tried = await service.trial(FINANCE, version, now=NOW)

    # 310 yuan and 10 for units, of which 6 % is tax; 400 and 20 by the version.
    assert (tried.month, tried.holders_count, tried.left_out) == (next_month(begins_on), 2, 0)
    assert [(each.agent_id, each.now_minor, each.would_minor) for each in tried.holders] == [
        (tenant.tenant_id, 339_20, 445_20),
        (rival.tenant_id, 328_60, 424_00),
    ]
    assert (tried.now_minor, tried.would_minor) == (339_20 + 328_60, 445_20 + 424_00)
    assert version not in await queries.versions(FINANCE)
    assert (await queries.own_invoices(tenant.owner)).items == []
    assert "plans.trial" in {each.what for each in (await audit.platform_reads(rival.owner)).items}
    # What it said is what is billed.
    await service.publish(FINANCE, version, now=NOW)
    then = NOW + (next_month(tried.month) - TODAY)
    await jobs.carry_on(then)
    newest = (await queries.own_invoices(tenant.owner)).items[0]
    assert (newest.month, newest.total_minor) == (tried.month, 445_20)


async def test_a_trial_refuses_what_publishing_would_and_what_lies_too_far_ahead(
    tenant: Tenant,
) -> None:
    await stories.admit(tenant)
    plan = await with_plan(tenant)
    past = msgspec.structs.replace(plan, id=new_id())
    far = msgspec.structs.replace(plan, id=new_id(), begins_on=TODAY + timedelta(days=800))

    with pytest.raises(PlanVersionPast):
        await service.trial(FINANCE, past, now=NOW)
    with pytest.raises(Invalid) as refused:
        await service.trial(FINANCE, far, now=NOW)
    with pytest.raises(NotPermitted):
        await service.trial(tenant.owner, plan, now=NOW)

    assert refused.value.field == "begins_on"
