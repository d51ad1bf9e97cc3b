"""Commission is held, earned, taken back and paid out, and the ledger says every fen of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from billing.commissions import paying, queries, service
from billing.commissions.books import Books
from billing.commissions.rules import accounts, clawbacks
from billing.commissions.rules.payouts import PaymentState, ReasonMissing
from billing.commissions.rules.plans import NoPlanInForce, PlanVersion, PlanVersionNotLater
from billing.commissions.rules.shares import Seller
from billing.commissions.rules.statements import StatementKind
from billing.commissions.schemas import (
    SALE_MAX,
    BatchDecided,
    CommissionKeyReused,
    CommissionTooLarge,
    Correction,
    LineState,
    PaymentNotInThatState,
    Refund,
    Sale,
)
from billing.errors import MakerIsChecker
from server.access import PLATFORM_TENANT
from server.kit import db
from tests.billing.books import OPERATOR
from tests.billing.test_ledger_document import AMOUNT, documented
from tests.factories import NOW, Tenant, new_id

TODAY = NOW.date()
MAKER = Books(platform_id=PLATFORM_TENANT, actor_id=OPERATOR.user_id, now=NOW)
CHECKER = msgspec.structs.replace(MAKER, actor_id=new_id())
WHY = "户名不符"
"""The bank did not pay, or gave back."""


async def do(work: Callable[..., Awaitable[Any]], *given: Any, **named: Any) -> Any:
    """Do one thing in a transaction of the platform."""
    async with db.platform_transaction(OPERATOR):
        return await work(*given, **named)


async def a_plan(**terms: Any) -> PlanVersion:
    """Publish a plan of 10 % of the revenue."""
    about = {
        "id": new_id(),
        "plan_id": new_id(),
        "begins_on": TODAY.replace(day=1),
        "currency": "CNY",
        "measure": "revenue",
        "tiers": [{"at_least": 0, "rate": 100_000}],
    }
    version = msgspec.convert(about | terms, PlanVersion)
    await do(service.publish, version, MAKER)
    return version


def a_sale(plan: PlanVersion, agent_id: UUID, sold: int = 1_000_00) -> Sale:
    """Write a sale of today."""
    return Sale(
        id=new_id(),
        plan_id=plan.plan_id,
        contract_id=new_id(),
        on=TODAY,
        sold=sold,
        sellers=[Seller(agent_id)],
    )


async def accrue(sale: Sale, above: dict[UUID, UUID] | None = None) -> Any:
    """Accrue a sale's commission."""
    return await do(service.accrue, sale, above or {}, MAKER)


async def earn(on: date = TODAY) -> None:
    """Earn what is due."""
    while await do(service.earn_due, new_id(), on, MAKER):
        pass


async def refund(sale: Sale, refunded: int, refund_id: UUID | None = None) -> None:
    """Refund a part of a sale."""
    asked = Refund(id=refund_id or new_id(), sale_id=sale.id, refunded=refunded)
    await do(service.refund, asked, MAKER)


async def owed(agent_id: UUID) -> int:
    """Give what stands on an agent's account."""
    statement = await do(queries.statement_of, agent_id, TODAY.replace(day=1), "CNY")
    assert isinstance(statement.closing_minor, int)
    return statement.closing_minor


async def pay(minimum_minor: int = 1) -> Any:
    """Make a batch and let it go."""
    batch = await do(paying.make_batch, new_id(), MAKER, minimum_minor=minimum_minor)
    return await do(paying.approve, batch.id, batch.hash, CHECKER)


def of(batch: Any, agent_id: UUID) -> Any:
    """Find an agent's payment in a batch, if there is one."""
    return next((each for each in batch.payments if each.agent_id == agent_id), None)


@pytest.mark.usefixtures("database")
async def test_a_commission_is_held_until_the_sale_cannot_be_refunded() -> None:
    plan, agent, upper = await a_plan(hold_days=30, upline_ppm=[100_000]), new_id(), new_id()
    sale = a_sale(plan, agent)

    lines = await accrue(sale, {agent: upper})
    assert await accrue(sale, {agent: upper}) == lines
    await earn(TODAY + timedelta(days=29))
    held = await owed(agent)
    await refund(sale, 250_00)
    await earn(TODAY + timedelta(days=30))

    assert [(each.agent_id, each.amount_minor) for each in lines] == [
        (agent, 90_00),
        (upper, 10_00),
    ]
    assert held == 0
    assert (await owed(agent), await owed(upper)) == (67_50, 7_50)
    with pytest.raises(CommissionKeyReused):
        await accrue(msgspec.structs.replace(sale, sold=1))


@pytest.mark.usefixtures("database")
async def test_a_sale_that_is_refunded_whole_in_time_pays_nothing() -> None:
    plan, agent = await a_plan(), new_id()
    sale = a_sale(plan, agent)
    await accrue(sale)
    await refund(sale, 1_000_00)
    await earn()

    [line] = await do(queries.lines_of, sale.id)
    assert line.state is LineState.CANCELLED
    assert await owed(agent) == 0


@pytest.mark.usefixtures("database")
async def test_a_refund_after_payout_is_carried_and_paid_off_by_later_sales() -> None:
    plan, agent = await a_plan(), new_id()
    sale = a_sale(plan, agent)
    await accrue(sale)
    await earn()
    first = of(await pay(), agent)
    await do(paying.settle, first.id, PaymentState.PAID, MAKER)
    once = new_id()
    await refund(sale, 600_00, once)
    await refund(sale, 600_00, once)

    debt = await owed(agent)
    assert of(await pay(), agent) is None
    await accrue(a_sale(plan, agent, 1_500_00))
    await earn()
    second = of(await pay(), agent)

    assert (first.amount_minor, debt, second.amount_minor) == (100_00, -60_00, 90_00)
    assert await owed(agent) == 0


@pytest.mark.usefixtures("database")
async def test_each_item_is_in_one_live_payment_and_comes_again_when_the_bank_fails() -> None:
    plan, agent = await a_plan(), new_id()
    await accrue(a_sale(plan, agent))
    await earn()
    draft = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
    other = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)

    assert of(draft, agent) is not None
    assert of(other, agent) is None
    with pytest.raises(MakerIsChecker):
        await do(paying.approve, draft.id, draft.hash, MAKER)
    gone = of(await do(paying.approve, draft.id, draft.hash, CHECKER), agent)
    await do(paying.approve, draft.id, draft.hash, CHECKER)
    with pytest.raises(PaymentNotInThatState):
        await do(paying.settle, gone.id, PaymentState.RETURNED, MAKER, reason=WHY)
    await do(paying.settle, gone.id, PaymentState.FAILED, MAKER, reason=WHY)
    assert await owed(agent) == 100_00
    again = of(await pay(), agent)
    await do(paying.settle, again.id, PaymentState.PAID, MAKER)
    await do(paying.settle, again.id, PaymentState.RETURNED, MAKER, reason=WHY)

    assert again.item_ids == gone.item_ids
    assert await owed(agent) == 100_00


@pytest.mark.usefixtures("database")
async def test_why_the_bank_did_not_pay_is_wanted_kept_and_told_in_the_statement() -> None:
    plan, agent = await a_plan(), new_id()
    await accrue(a_sale(plan, agent))
    await earn()
    ordered = of(await pay(), agent)
    for nothing in (None, "", " \u3000"):
        with pytest.raises(ReasonMissing):
            await do(paying.settle, ordered.id, PaymentState.FAILED, MAKER, reason=nothing)
    assert (await do(queries.payment, ordered.id)).state is PaymentState.ORDERED

    for _ in range(2):
        failed = await do(paying.settle, ordered.id, PaymentState.FAILED, MAKER, reason=WHY)
    with pytest.raises(PaymentNotInThatState):
        await do(paying.settle, ordered.id, PaymentState.FAILED, MAKER, reason="账号已销户")

    told = await do(queries.statement_of, agent, TODAY.replace(day=1), "CNY")
    assert (ordered.reason, failed.reason) == (None, WHY)
    assert [(each.kind, each.reason) for each in told.lines] == [
        (StatementKind.EARNED, None),
        (StatementKind.PAID_OUT, None),
        (StatementKind.PAYMENT_RETURNED, WHY),
    ]


async def _anything(
    rng: random.Random,
    sales: list[tuple[Sale, list[int]]],
    plan: PlanVersion,
    agents: list[UUID],
    above: dict[UUID, UUID],
) -> None:
    """Do one thing that may be done, and remember sales with what was refunded of them."""
    what = rng.choice(["sell", "sell", "earn", "refund", "correct", "pay"])
    if what == "sell" or not sales:
        sale = a_sale(plan, rng.choice(agents), rng.randint(1, 1_000_00))
        await accrue(sale, above)
        sales.append((sale, []))
    elif what == "earn":
        await earn()
    elif what == "refund":
        sale, refunded = rng.choice(sales)
        if part := rng.randint(0, sale.sold - sum(refunded)):
            await refund(sale, part)
            refunded.append(part)
    elif what == "correct":
        for line in (await do(queries.lines_of, rng.choice(sales)[0].id))[:1]:
            minor = rng.choice([-50, 70])
            asked = Correction(id=new_id(), line_id=line.id, amount_minor=minor, reason="x")
            await do(service.correct, asked, MAKER)
    else:
        for payment in (await pay()).payments:
            state = rng.choice([PaymentState.PAID, PaymentState.FAILED])
            await do(paying.settle, payment.id, state, MAKER, reason=WHY)


@pytest.mark.usefixtures("database")
async def test_i14_statements_are_items_less_payments_whatever_happens() -> None:
    rng = random.Random(6)
    plan = await a_plan(
        tiers=[{"at_least": 0, "rate": 33_333}, {"at_least": 900_00, "rate": 77_777}]
    )
    agents = [new_id() for _ in range(3)]
    above = {agents[0]: agents[1], agents[1]: agents[2]}
    sales: list[tuple[Sale, list[int]]] = []
    for _ in range(40):
        await _anything(rng, sales, plan, agents, above)
    await earn()

    async with db.platform_transaction(OPERATOR):
        moved = await db.connection().fetch(
            """
            SELECT agent_id, sum(amount_minor)::bigint AS minor FROM (
                SELECT agent_id, amount_minor FROM commission_item
                UNION ALL SELECT agent_id, -amount_minor FROM payout_payment
                WHERE state IN ('ordered', 'paid')
            ) moved WHERE agent_id = ANY ($1) GROUP BY agent_id
            """,
            agents,
        )
    assert {row["agent_id"]: row["minor"] for row in moved} == {
        agent: await owed(agent) for agent in agents
    }
    for sale, refunded in sales:
        for line in await do(queries.lines_of, sale.id):
            async with db.platform_transaction(OPERATOR):
                kept = await db.connection().fetchval(
                    "SELECT coalesce(sum(amount_minor), 0)::bigint FROM commission_item"
                    " WHERE line_id = $1 AND kind <> 'corrected'",
                    line.id,
                )
            assert kept == clawbacks.net_minor(line.amount_minor, sale.sold, sum(refunded))


@pytest.mark.usefixtures("database")
async def test_plans_are_published_once_and_sales_paid_by_the_version_of_their_day() -> None:
    plan, agent = await a_plan(), new_id()
    await do(service.publish, plan, MAKER)

    with pytest.raises(PlanVersionNotLater):
        await do(service.publish, msgspec.structs.replace(plan, id=new_id()), MAKER)
    early = msgspec.structs.replace(a_sale(plan, agent), on=date(2020, 1, 1))
    with pytest.raises(NoPlanInForce):
        await accrue(early)


async def test_an_agent_reads_its_own_commission_and_changes_none(
    database: None, tenant: Tenant, rival: Tenant
) -> None:
    sale = a_sale(await a_plan(), tenant.tenant_id)
    [line] = await accrue(sale)

    async with db.tenant_transaction(tenant.tenant_id):
        assert await queries.lines_of(sale.id) == [line]
    async with db.tenant_transaction(rival.tenant_id):
        assert await queries.lines_of(sale.id) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant_transaction(tenant.tenant_id):
            await db.connection().execute("UPDATE commission_line SET state = 'earned'")


@pytest.mark.usefixtures("database")
async def test_the_document_tells_each_event_as_it_is() -> None:
    plan, agent = await a_plan(), new_id()
    sales = [a_sale(plan, agent, AMOUNT * 10) for _ in range(3)]
    [line], *_ = [await accrue(sale) for sale in sales]
    await refund(sales[1], AMOUNT * 10)
    await earn()
    await refund(sales[2], AMOUNT * 10)
    payment = of(await pay(), agent)
    await do(paying.settle, payment.id, PaymentState.FAILED, MAKER, reason=WHY)
    payment = of(await pay(), agent)
    await do(paying.settle, payment.id, PaymentState.PAID, MAKER)
    await do(paying.settle, payment.id, PaymentState.RETURNED, MAKER, reason=WHY)
    asked = Correction(id=new_id(), line_id=line.id, amount_minor=AMOUNT, reason="x")
    await do(service.correct, asked, MAKER)

    named = {
        accounts.cost_account(PLATFORM_TENANT, "CNY"): "cost",
        accounts.commission_account(agent, "CNY"): "commission",
        accounts.payout_account(PLATFORM_TENANT, "CNY"): "payout",
        accounts.bank_account(PLATFORM_TENANT, "CNY"): "bank",
    }
    ours = [line.id for sale in sales for line in await do(queries.lines_of, sale.id)]
    async with db.platform_transaction(OPERATOR):
        rows = await db.connection().fetch(
            """
            SELECT transfer.event, entry.account_id, entry.pending_minor, entry.posted_minor
            FROM ledger_transfer transfer JOIN ledger_entry entry
            ON entry.transfer_id = transfer.id
            WHERE transfer.id = ANY ($1) OR transfer.pending_id = ANY ($1)
            OR transfer.id IN (SELECT id FROM commission_item WHERE line_id = ANY ($1))
            OR $2 IN (transfer.debit_id, transfer.credit_id) OR transfer.debit_id = $3
            """,
            ours,
            accounts.commission_account(agent, "CNY"),
            accounts.payout_account(PLATFORM_TENANT, "CNY"),
        )
    made: dict[str, set[tuple[str, int, int]]] = {}
    for row in rows:
        if abs(row["pending_minor"]) in (0, AMOUNT) and abs(row["posted_minor"]) in (0, AMOUNT):
            entry = (named.get(row["account_id"], ""), row["pending_minor"], row["posted_minor"])
            made.setdefault(row["event"], set()).add(entry)

    told = documented(("commission.", "payout."))
    assert {event: lines - {("", 0, AMOUNT)} for event, lines in made.items()} == told


@pytest.mark.usefixtures("database")
async def test_a_batch_may_be_discarded_until_it_is_let_go() -> None:
    plan, agent = await a_plan(), new_id()
    await accrue(a_sale(plan, agent))
    await earn()
    draft = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
    # Who made it may have left.
    gone = await do(paying.discard, draft.id, CHECKER)

    assert await do(paying.discard, draft.id, MAKER) == gone
    assert await do(paying.make_batch, draft.id, MAKER, minimum_minor=1) == gone
    assert of(gone, agent).state is PaymentState.DISCARDED
    with pytest.raises(BatchDecided):
        await do(paying.approve, draft.id, draft.hash, CHECKER)
    with pytest.raises(PaymentNotInThatState):
        await do(paying.settle, of(gone, agent).id, PaymentState.PAID, MAKER)
    again = await pay()
    assert of(again, agent).item_ids == of(draft, agent).item_ids
    with pytest.raises(BatchDecided):
        await do(paying.discard, again.id, MAKER)


@pytest.mark.usefixtures("database")
async def test_a_batch_is_let_go_or_discarded_whatever_the_race() -> None:
    plan, agent = await a_plan(), new_id()
    await accrue(a_sale(plan, agent))
    await earn()
    draft = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)

    told = await asyncio.gather(
        do(paying.discard, draft.id, MAKER),
        do(paying.approve, draft.id, draft.hash, CHECKER),
        return_exceptions=True,
    )

    assert [type(each) for each in told].count(BatchDecided) == 1
    batch = await do(queries.batch, draft.id)
    assert (batch.approved_by is None) is (batch.discarded_at is not None)
    assert await owed(agent) == (0 if batch.approved_by else 100_00)


@pytest.mark.usefixtures("database")
async def test_a_sale_that_earns_more_than_can_be_booked_is_refused_by_its_field() -> None:
    dear = [{"at_least": 0, "rate": SALE_MAX}]
    plan = await a_plan(measure="units", tiers=dear)
    sale = a_sale(plan, new_id(), sold=2)

    with pytest.raises(CommissionTooLarge) as refused:
        await accrue(sale)

    assert refused.value.field == "sold"
    assert await accrue(msgspec.structs.replace(sale, sold=1)) != []


@pytest.mark.parametrize("name", ["sold", "revenue_minor"])
def test_one_sale_is_never_so_large_that_the_sums_of_a_month_leave_eight_bytes(name: str) -> None:
    largest = msgspec.to_builtins(
        Sale(
            id=new_id(),
            plan_id=new_id(),
            contract_id=new_id(),
            on=NOW.date(),
            sold=SALE_MAX,
            sellers=[Seller(new_id())],
            revenue_minor=SALE_MAX,
        )
    )

    assert msgspec.convert(largest, Sale).sold * 500_000 < 2**63
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({**largest, name: SALE_MAX + 1}, Sale)
