"""Commission is kept by finance, let go by two people, and seen by the owner whose it is."""

import io
from datetime import timedelta
from uuid import UUID, uuid5

import msgspec
import openpyxl
import pytest

from billing.commissions.rules.counter_offer import Policy
from billing.commissions.rules.payouts import PaymentState
from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.rules.shares import Seller
from billing.commissions.rules.statements import StatementKind, StatementLine, statement
from billing.commissions.schemas import (
    ChosenSales,
    CommissionKeyReused,
    LineState,
    LineView,
    OfferQuestion,
    PaymentNotInThatState,
    RivalTimes,
    SaleNotFound,
)
from billing.errors import MakerIsChecker
from billing.sealing import tonglu_verify
from billing.sealing.schemas import NotSealed
from server.access import Actor, Role
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.benefits import jobs as sealing
from server.commissions import exports, jobs, queries, service
from server.commissions.schemas import (
    Above,
    BankAnswer,
    NewBankFile,
    NewCorrection,
    NewCounterOffer,
    NewPayee,
    NewPayout,
    NewRefund,
    NewSale,
    PaymentAnswer,
    PayoutApproval,
    PayoutView,
)
from server.identity import keys
from server.kit import db, outbox
from server.kit.errors import Invalid, NotFound
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant, new_id
from tests.server.benefits import stories
from tests.waiting import meanwhile

pytestmark = pytest.mark.usefixtures("database")
FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
SECOND = make_platform_actor(Role.PLATFORM_FINANCE)
MONTH = f"{NOW:%Y-%m}"
PAID = PaymentAnswer(answer=BankAnswer.PAID)
FAILED = PaymentAnswer(answer=BankAnswer.FAILED, reason="户名不符")
RETURNED = PaymentAnswer(answer=BankAnswer.RETURNED, reason="账户已销户")


async def a_plan(*, hold_days: int = 0, actor: Actor = FINANCE) -> PlanVersion:
    """Publish a plan of 10 % of the revenue, a tenth of it for the agent above."""
    version = PlanVersion(
        id=new_id(),
        plan_id=new_id(),
        begins_on=NOW.date().replace(day=1),
        currency="CNY",
        measure=Measure.REVENUE,
        tiers=[Tier(at_least=0, rate=100_000)],
        hold_days=hold_days,
        upline_ppm=[100_000],
    )
    return await service.publish(actor, version, now=NOW)


def a_sale(plan: PlanVersion, tenant: Tenant, *, above: Tenant | None = None) -> NewSale:
    """Write a sale of 1,000 yuan."""
    line = [Above(agent_id=tenant.tenant_id, above_id=above.tenant_id)] if above else []
    return NewSale(
        id=new_id(),
        plan_id=plan.plan_id,
        contract_id=new_id(),
        on=NOW.date(),
        sold=1_000_00,
        sellers=[Seller(tenant.tenant_id)],
        above=line,
    )


async def sold(tenant: Tenant, *, hold_days: int = 0) -> tuple[NewSale, list[LineView]]:
    """Let an agent that the platform knows sell something."""
    await stories.admit(tenant)
    sale = a_sale(await a_plan(hold_days=hold_days), tenant)
    return sale, await service.record_sale(FINANCE, sale, now=NOW)


async def let_go() -> PayoutView:
    """Put together what is owed, and have somebody else let it go."""
    made = await service.make_payout(FINANCE, NewPayout(id=new_id()), now=NOW)
    return await service.approve(SECOND, made.id, PayoutApproval(hash=made.hash), now=NOW)


async def trail_of(subject_id: object) -> list[str]:
    """Read what the platform's trail says of something, by the alphabet."""
    async with db.tenant_transaction(FINANCE.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT action FROM audit_entry WHERE subject_id = $1 ORDER BY action", subject_id
        )
    return [row["action"] for row in rows]


async def test_what_is_sold_is_earned_and_paid_out_by_two_people(tenant: Tenant) -> None:
    sale, lines = await sold(tenant)
    again = await service.record_sale(FINANCE, sale, now=NOW)
    await jobs.earn(NOW)
    new = NewPayout(id=new_id())
    made = await service.make_payout(FINANCE, new, now=NOW)
    same = await service.make_payout(SECOND, new, now=NOW)
    seen = PayoutApproval(hash=made.hash)
    with pytest.raises(MakerIsChecker):
        await service.approve(FINANCE, made.id, seen, now=NOW)
    for _ in range(2):
        gone = await service.approve(SECOND, made.id, seen, now=NOW)
    [payment] = [each for each in gone.payments if each.agent_id == tenant.tenant_id]
    for _ in range(2):
        paid = await service.settle(FINANCE, payment.id, PAID, now=NOW)
    told = await queries.own_statement(tenant.owner, MONTH, "CNY")
    later = await service.make_payout(FINANCE, NewPayout(id=new_id()), now=NOW)
    listed = {each.id: each for each in (await queries.payouts(FINANCE)).items}

    assert again == lines
    assert same == made
    # It has a number, and says what it comes to and who had it in hand.
    assert made.number is not None
    assert later.number is not None
    assert 0 < made.number < later.number
    assert (made.made_by, made.made_at, made.approved_at) == (FINANCE.user_id, NOW, None)
    assert (gone.number, gone.approved_by, gone.approved_at) == (made.number, SECOND.user_id, NOW)
    [total] = [each for each in made.totals if each.currency == "CNY"]
    in_yuan = [each for each in made.payments if each.currency == "CNY"]
    assert total.net_minor == sum(each.net_minor for each in in_yuan) > 0
    assert total.amount_minor == total.net_minor + total.withheld_minor
    assert (listed[made.id].number, listed[made.id].net_minor["CNY"]) == (
        made.number,
        total.net_minor,
    )
    assert [(each.amount_minor, each.state) for each in lines] == [(100_00, LineState.HELD)]
    assert (payment.amount_minor, payment.state, paid.state) == (
        100_00,
        PaymentState.ORDERED,
        PaymentState.PAID,
    )
    assert [(each.kind, each.amount_minor) for each in told.lines] == [
        (StatementKind.EARNED, 100_00),
        (StatementKind.PAID_OUT, -100_00),
    ]
    assert (told.opening_minor, told.closing_minor) == (0, 0)
    assert await trail_of(sale.id) == ["commission_sale.recorded"]
    assert await trail_of(made.id) == ["payout.approved", "payout.made"]
    assert await trail_of(payment.id) == ["payment.paid"]


async def _come_to(tenant: Tenant) -> list[int]:
    """Say how far what an agent has earned has come: held, free, on its way, paid."""
    cursor: str | None = None
    found: list[list[int]] = []
    for _ in range(1_000):
        page = await queries.accrued(FINANCE, cursor=cursor, now=NOW)
        found += [
            [each.held_minor, each.free_minor, each.in_payout_minor, each.paid_minor]
            for each in page.items
            if each.agent_id == tenant.tenant_id
        ]
        cursor = page.next_cursor
        if cursor is None:
            break
    [only] = found
    return only


async def test_each_fen_that_an_agent_has_earned_is_in_one_place(tenant: Tenant) -> None:
    sale, _ = await sold(tenant, hold_days=3)
    refund = NewRefund(id=new_id(), sale_id=sale.id, refunded=sale.sold // 3)
    await service.refund(FINANCE, refund, now=NOW)
    held = await _come_to(tenant)
    await jobs.earn(NOW + timedelta(days=3))
    free = await _come_to(tenant)
    gone = await let_go()
    ordered = await _come_to(tenant)
    [payment] = [each for each in gone.payments if each.agent_id == tenant.tenant_id]
    await service.settle(FINANCE, payment.id, PAID, now=NOW)
    paid = await _come_to(tenant)
    await service.settle(FINANCE, payment.id, RETURNED, now=NOW)

    # 1,000 yuan were sold and 333.33 refunded: a tenth of the rest, rounded down.
    assert (sale.sold, refund.refunded) == (1_000_00, 333_33)
    assert held == [66_66, 0, 0, 0]
    assert free == [0, 66_66, 0, 0]
    assert ordered == [0, 0, 66_66, 0]
    assert paid == [0, 0, 0, 66_66]
    assert await _come_to(tenant) == free


async def test_a_draft_is_discarded_by_anybody_of_finance_once_and_on_record(
    tenant: Tenant,
) -> None:
    await sold(tenant)
    await jobs.earn(NOW)
    made = await service.make_payout(FINANCE, NewPayout(id=new_id()), now=NOW)
    # Who made it may have left.
    for _ in range(2):
        gone = await service.discard(SECOND, made.id, now=NOW)

    [payment] = [each for each in (await let_go()).payments if each.agent_id == tenant.tenant_id]
    assert gone.discarded_at == NOW
    assert payment.amount_minor == 100_00
    assert await trail_of(made.id) == ["payout.discarded", "payout.made"]
    with pytest.raises(NotPermitted):
        await service.discard(tenant.owner, made.id, now=NOW)


async def test_a_version_published_twice_at_once_is_told_once() -> None:
    version = msgspec.structs.replace(await a_plan(), id=new_id(), plan_id=new_id())

    async with db.platform_transaction(FINANCE):
        await service.publish(FINANCE, version, now=NOW)
        again = await meanwhile(service.publish(SECOND, version, now=NOW))

    assert await again == version
    assert await trail_of(version.plan_id) == ["commission_plan.published"]


async def test_m4_who_is_in_a_payout_or_sold_beyond_the_limit_is_told_of_each_look(
    tenant: Tenant, rival: Tenant
) -> None:
    """Ten per cent of a contract is beyond its limit; who stands above shares what was sold."""
    for each in (tenant, rival):
        await stories.admit(each)
    # So dear that it stands before what other stories have sold.
    sale = msgspec.structs.replace(
        a_sale(await a_plan(), tenant, above=rival), sold=5_000_000_000_00
    )
    await service.record_sale(FINANCE, sale, now=NOW)
    await jobs.earn(NOW)

    made = await service.make_payout(FINANCE, NewPayout(id=new_id()), now=NOW)
    gone = await service.approve(SECOND, made.id, PayoutApproval(hash=made.hash), now=NOW)
    [payment] = [each for each in gone.payments if each.agent_id == tenant.tenant_id]
    await service.settle(FINANCE, payment.id, PAID, now=NOW)

    assert sale.contract_id in {each.contract_id for each in made.over_limit}
    assert made.over_limit_count >= len(made.over_limit)
    reads = ["commissions.meter"] * 2 + ["commissions.payout"] * 2
    assert await told_of(rival) == [*reads, "commissions.sale"]
    assert await told_of(tenant) == [*reads, "commissions.payout", "commissions.sale"]


async def test_one_agent_stands_directly_above_another(tenant: Tenant, rival: Tenant) -> None:
    sale, _ = await sold(tenant)
    twice = [
        Above(agent_id=tenant.tenant_id, above_id=upper)
        for upper in (rival.tenant_id, tenant.tenant_id)
    ]

    with pytest.raises(Invalid):
        await service.record_sale(
            FINANCE, msgspec.structs.replace(sale, id=new_id(), above=twice), now=NOW
        )


async def test_the_banks_file_holds_what_waits_for_the_bank(tenant: Tenant) -> None:
    await sold(tenant)
    await jobs.earn(NOW)
    made = await service.make_payout(FINANCE, NewPayout(id=new_id()), now=NOW)
    asked = NewBankFile(
        reference="三月佣金",
        payees=[
            NewPayee(
                agent_id=each.agent_id,
                name="=朝阳商贸",
                account=f"62{each.agent_id.int % 10**17:017}",
                bank="工行",
            )
            for each in made.payments
        ],
    )
    with pytest.raises(PaymentNotInThatState):
        await service.bank_file(SECOND, made.id, asked, now=NOW)
    seen = PayoutApproval(hash=made.hash)
    gone = await service.approve(SECOND, made.id, seen, now=NOW)
    [payment] = [each for each in gone.payments if each.agent_id == tenant.tenant_id]

    content = await service.bank_file(SECOND, made.id, asked, now=NOW)
    await service.settle(FINANCE, payment.id, FAILED, now=NOW)

    rows = content.decode("gb18030").splitlines()
    assert len(rows) == 1 + len(made.payments)
    place = 1 + gone.payments.index(payment)
    account = f"62{tenant.tenant_id.int % 10**17:017}"
    assert rows[place] == f"{place},'=朝阳商贸,\t{account},工行,100.00,CNY,三月佣金"
    [again] = [each for each in (await let_go()).payments if each.agent_id == tenant.tenant_id]
    assert again.item_ids == payment.item_ids
    [before] = again.before
    told = await queries.own_statement(tenant.owner, MONTH, "CNY")
    assert before.reason == told.lines[-2].reason == "户名不符"
    async with db.tenant_transaction(FINANCE.tenant_id, readonly=True):
        on_record = await db.connection().fetchval(
            "SELECT detail ->> 'reason' FROM audit_entry WHERE subject_id = $1", payment.id
        )
    assert on_record == "户名不符"


async def test_the_agent_above_gets_its_share_and_each_sees_its_own_alone(
    tenant: Tenant, rival: Tenant
) -> None:
    await stories.admit(tenant)
    await stories.admit(rival)
    sale = a_sale(await a_plan(hold_days=30), tenant, above=rival)

    lines = await service.record_sale(FINANCE, sale, now=NOW)
    await jobs.earn(NOW + timedelta(days=29))

    mine = (await queries.own_lines(tenant.owner)).items
    theirs = (await queries.own_lines(rival.owner)).items
    assert [each.amount_minor for each in lines] == [90_00, 10_00]
    assert (mine, theirs) == (lines[:1], lines[1:])
    assert (await queries.own_statement(tenant.owner, MONTH, "CNY")).lines == ()
    assert await queries.lines_of_sale(FINANCE, sale.id, now=NOW) == lines
    # The answer to what was recorded shows it, too.
    assert await told_of(rival) == ["commissions.sale"] * 2


async def test_an_owner_learns_what_its_lines_come_from_and_nothing_of_the_others(
    tenant: Tenant, rival: Tenant
) -> None:
    await stories.admit(tenant)
    await stories.admit(rival)
    plan = await a_plan(hold_days=30)
    alone = msgspec.structs.replace(
        a_sale(plan, tenant, above=rival), contract_number="HT-1", revenue_minor=None
    )
    shared = msgspec.structs.replace(
        a_sale(plan, tenant),
        contract_number="HT-2",
        sellers=[Seller(tenant.tenant_id, 600_000), Seller(rival.tenant_id, 400_000)],
    )
    [mine, above] = await service.record_sale(FINANCE, alone, now=NOW)
    both = await service.record_sale(FINANCE, shared, now=NOW)
    first, second = sorted(both, key=lambda each: each.agent_id != tenant.tenant_id)
    back = NewRefund(id=new_id(), sale_id=alone.id, refunded=100_00, reason="退货一箱")
    await service.refund(FINANCE, back, now=NOW)

    of_mine = await queries.own_sale(tenant.owner, mine.id)
    of_above = await queries.own_sale(rival.owner, above.id)
    of_first = await queries.own_sale(tenant.owner, first.id)
    of_second = await queries.own_sale(rival.owner, second.id)

    assert (of_mine.contract_number, of_mine.sold, of_mine.refunded) == ("HT-1", 1_000_00, 100_00)
    assert (of_mine.tier_base, of_mine.plan_since, of_mine.measure) == (
        *(0, plan.begins_on, Measure.REVENUE),
    )
    # A tenth of what was sold came back, and with it a tenth of each commission.
    assert [(each.reason, each.refunded, each.commission_minor) for each in of_mine.refunds] == [
        ("退货一箱", 100_00, 9_00)
    ]
    # Who stands above the seller learns the day, the plan and that something came back.
    assert (of_above.contract_number, of_above.sold, of_above.tier_base) == (None, None, None)
    assert [(each.reason, each.refunded, each.commission_minor) for each in of_above.refunds] == [
        (None, None, 1_00)
    ]
    # What was sold would tell who shares it what the other one gets.
    assert (of_first.contract_number, of_first.sold, of_first.tier_base) == ("HT-2", None, 1_000_00)
    assert (of_second.contract_number, of_second.sold, of_second.tier_base) == ("HT-2", None, None)
    for owner, line in ((tenant.owner, above), (tenant.owner, second), (rival.owner, mine)):
        with pytest.raises(SaleNotFound):
            await queries.own_sale(owner, line.id)
    await jobs.earn(NOW + timedelta(days=30))
    earned = uuid5(mine.id, "earned")
    behind = await queries.own_behind(tenant.owner, [mine.id, earned])
    assert [(each.line_id, each.moved_by) for each in behind.sales] == [
        (mine.id, [mine.id, earned])
    ]
    others = await queries.own_behind(rival.owner, [mine.id, earned], [mine.id])
    assert (others.sales, others.reasons) == ([], {})
    with pytest.raises(SaleNotFound):
        await queries.own_moves(rival.owner, mine.id)


async def test_finance_and_owner_follow_a_refund_from_the_sale_to_each_line_it_moved(
    tenant: Tenant, rival: Tenant
) -> None:
    await stories.admit(tenant)
    await stories.admit(rival)
    sale = a_sale(await a_plan(), tenant, above=rival)
    [mine, above] = await service.record_sale(FINANCE, sale, now=NOW)
    held = NewRefund(id=new_id(), sale_id=sale.id, refunded=100_00, reason="退货一箱")
    await service.refund(FINANCE, held, now=NOW)
    await jobs.earn(NOW)
    later = NOW + timedelta(days=1)
    back = NewRefund(id=new_id(), sale_id=sale.id, refunded=333_33, reason="撤场")
    await service.refund(FINANCE, back, now=later)
    right = NewCorrection(id=new_id(), line_id=mine.id, amount_minor=5_00, reason="少计一单")
    await service.correct(FINANCE, right, now=later + timedelta(days=1))

    told = await queries.sale(FINANCE, sale.id, now=NOW)
    own = await queries.own_moves(tenant.owner, mine.id)
    taken = uuid5(back.id, str(mine.id))
    seen = await queries.behind(FINANCE, rival.tenant_id, [uuid5(back.id, str(above.id))], now=NOW)
    behind = await queries.own_behind(tenant.owner, [taken, uuid5(right.id, str(mine.id))])

    # 90 yuan for who sold and 10 for who stands above, of 1,000; what is left is rounded down.
    assert [(each.event, each.pending_minor, each.posted_minor) for each in own] == [
        ("commission.accrued", 90_00, 0),
        ("commission.earned", -90_00, 81_00),
        ("commission.clawed_back", 0, -30_00),
        ("commission.corrected", 0, 5_00),
    ]
    assert [each.reason for each in own] == [None, None, None, "少计一单"]
    assert [each for each in told.moves if each.line_id == mine.id] == own
    assert {each.line_id for each in told.moves} == {mine.id, above.id}
    # Of the 566.67 yuan that are left 51 and 5.66 are commission.
    assert [each.commission_minor for each in told.refunds] == [10_00, 30_00 + 3_34]
    assert behind.refunds[taken].refunded == 333_33
    assert (behind.refunds[taken].commission_minor, behind.refunds[taken].reason) == (30_00, "撤场")
    assert behind.reasons == {uuid5(right.id, str(mine.id)): "少计一单"}
    # The platform knows what who stands above is not told.
    [whole] = seen.sales
    assert (whole.sold, [each.reason for each in whole.refunds]) == (1_000_00, ["退货一箱", "撤场"])
    assert "commissions.sale" in await told_of(rival)


async def test_what_is_refunded_or_corrected_stands_in_the_statement(tenant: Tenant) -> None:
    sale, [line] = await sold(tenant)
    await jobs.earn(NOW)
    back = NewRefund(id=new_id(), sale_id=sale.id, refunded=400_00, reason="退货两箱")
    right = NewCorrection(id=new_id(), line_id=line.id, amount_minor=5_00, reason="少计一单")
    for _ in range(2):
        await service.refund(FINANCE, back, now=NOW)
        await service.correct(FINANCE, right, now=NOW)

    told = await queries.statement(FINANCE, tenant.tenant_id, MONTH, "CNY", now=NOW)

    assert sorted((each.kind, each.amount_minor) for each in told.lines) == [
        (StatementKind.CLAWED_BACK, -40_00),
        (StatementKind.CORRECTED, 5_00),
        (StatementKind.EARNED, 100_00),
    ]
    assert told == await queries.own_statement(tenant.owner, MONTH, "CNY")
    assert await trail_of(sale.id) == ["commission_sale.recorded", "commission_sale.refunded"]
    assert await trail_of(line.id) == ["commission_line.corrected"]
    assert await told_of(tenant) == ["commissions.sale"] * 5 + ["commissions.statement"]


async def test_an_owner_verifies_its_statement_without_asking_anybody(
    tenant: Tenant, rival: Tenant
) -> None:
    await sold(tenant)
    await jobs.earn(NOW)
    with pytest.raises(NotSealed):
        await queries.proven_statement(tenant.owner, "CNY")
    await sealing.seal(NOW)

    proven = await queries.proven_statement(tenant.owner, "CNY")
    told = await queries.own_statement(tenant.owner, MONTH, "CNY")
    size = msgspec.json.decode(proven)["size"]
    published = await queries.head(tenant.owner, size)
    key = msgspec.json.decode(published)["public_key"]
    head = tonglu_verify.read_head(published, key)
    _, count, last = tonglu_verify.check_statement(proven, head)

    assert key in keys.current().books_public
    # The hold and what was earned of it.
    assert (count, last["posted_after"]) == (2, told.closing_minor)
    with pytest.raises(tonglu_verify.Wrong):
        tonglu_verify.check_statement(proven.replace(b"10000", b"10001"), head)
    rest = await queries.proven_statement(tenant.owner, "CNY", after=1)
    assert tonglu_verify.check_statement(rest, head)[1:] == (1, last)
    with pytest.raises(NotSealed):
        await queries.proven_statement(rival.owner, "CNY")
    with pytest.raises(NotSealed):
        await queries.head(tenant.owner, size + 1)


async def test_m8_what_matching_a_rival_would_cost_is_answered_by_the_worker_once(
    tenant: Tenant,
) -> None:
    await sold(tenant)
    question = OfferQuestion(
        rival=RivalTimes(times=3.0), agent_ids=[tenant.tenant_id], months_back=1, scenarios=10
    )
    asked = NewCounterOffer(id=new_id(), question=question)
    later = NOW + timedelta(days=31)
    waits = await service.ask(FINANCE, asked, now=later)
    job = outbox.Job(
        id=new_id(),
        tenant_id=None,
        topic=service.OFFERED,
        attempts=0,
        lease=1,
        payload={"offer_id": str(asked.id)},
    )
    for _ in range(2):
        await jobs.simulate(job, later)

    told = await queries.counter_offer(FINANCE, asked.id, now=later)

    assert (waits.answer, waits.hash) == (None, None)
    assert (told.agents, told.revenue_minor, told.commission_minor) == (1, 1_000_00, 100_00)
    assert told.answer is not None
    costs = {each.policy: each.cost_p50_minor for each in told.answer.results}
    assert costs[Policy.NONE] == 0 < costs[Policy.HALF] < costs[Policy.FULL]
    assert await service.ask(FINANCE, asked, now=later) == told
    assert await trail_of(asked.id) == ["counter_offer.asked"]
    assert asked.id in {each.id for each in (await queries.counter_offers(FINANCE)).items}
    stranger = msgspec.structs.replace(question, agent_ids=[new_id()])
    with pytest.raises(NotFound) as unknown:
        await service.ask(FINANCE, NewCounterOffer(id=new_id(), question=stranger), now=later)
    assert unknown.value.field == "question.agent_ids"
    with pytest.raises(NotPermitted):
        await service.ask(tenant.owner, asked, now=later)


async def told_of(tenant: Tenant) -> list[str]:
    """List what an agent was told that the platform read, by the alphabet."""
    return sorted(each.what for each in (await audit.platform_reads(tenant.owner)).items)


async def test_m4_who_is_asked_about_a_rival_is_told_each_time_and_nobody_else(
    tenant: Tenant, rival: Tenant
) -> None:
    """Of one agent alone, revenue and commission are that agent's own to the fen."""
    await sold(rival)
    await sold(tenant)
    question = OfferQuestion(
        rival=RivalTimes(times=3.0), agent_ids=[tenant.tenant_id], months_back=1, scenarios=10
    )
    asked = NewCounterOffer(id=new_id(), question=question)
    later = NOW + timedelta(days=31)

    shown = await service.ask(FINANCE, asked, now=later)
    await queries.counter_offer(FINANCE, asked.id, now=later)
    assert await told_of(tenant) == ["commissions.counter_offer", "commissions.sale"]
    await service.answer(asked.id, now=later)
    seen = await queries.counter_offer(FINANCE, asked.id, now=later)

    assert (shown.revenue_minor, seen.commission_minor) == (1_000_00, 100_00)
    assert await told_of(tenant) == ["commissions.counter_offer"] * 2 + ["commissions.sale"]
    assert await told_of(rival) == ["commissions.sale"]


async def test_m4_whoever_shares_a_sale_is_told_of_the_list_and_of_the_meter(
    tenant: Tenant, rival: Tenant
) -> None:
    """The first seller, the second and the agent above one of them, each of the whole amount."""
    above, stranger = await make_tenant(), await make_tenant()
    for each in (tenant, rival, above, stranger):
        await stories.admit(each)
    plan = await a_plan()
    alone = a_sale(plan, tenant, above=above)
    shared = msgspec.structs.replace(
        alone, sellers=[Seller(tenant.tenant_id), Seller(rival.tenant_id)]
    )
    await service.record_sale(FINANCE, shared, now=NOW)

    listed = await queries.sales(FINANCE, ChosenSales(plan_id=plan.plan_id), now=NOW)
    page = await queries.meter(FINANCE, NOW.year, now=NOW)
    found = [each.contract_id for each in page.contracts]
    while page.next_cursor:
        page = await queries.meter(FINANCE, NOW.year, cursor=page.next_cursor, now=NOW)
        found += [each.contract_id for each in page.contracts]

    assert shared.contract_id in found
    assert [each.id for each in listed.items] == [shared.id]
    for each in (tenant, rival, above):
        assert await told_of(each) == [
            *("commissions.meter", "commissions.sale", "commissions.sales"),
        ]
    assert await told_of(stranger) == []


async def test_m4_who_is_shown_what_another_version_would_have_paid_is_told(
    tenant: Tenant, rival: Tenant
) -> None:
    await stories.admit(tenant)
    plan = await a_plan()
    await service.record_sale(FINANCE, a_sale(plan, tenant), now=NOW)
    await sold(rival)
    double = msgspec.structs.replace(plan, tiers=[Tier(at_least=0, rate=200_000)])

    tried = await queries.trial(FINANCE, double, now=NOW)
    later = await queries.trial(FINANCE, double, months=0, now=NOW + timedelta(days=40))

    assert [(each.agent_id, each.would_minor) for each in tried.agents] == [
        (tenant.tenant_id, 200_00)
    ]
    assert (later.agents, later.since > NOW.date()) == ([], True)
    assert await told_of(tenant) == ["commissions.sale", "commissions.trial"]
    assert await told_of(rival) == ["commissions.sale"]
    with pytest.raises(NotPermitted):
        await queries.trial(tenant.owner, double, now=NOW)


def test_a_workbook_adds_up_and_holds_amounts_as_numbers() -> None:
    lines = [
        StatementLine(
            transfer_id=UUID(int=n), on=NOW.date(), kind=kind, currency="CNY", amount_minor=minor
        )
        for n, (kind, minor) in enumerate(
            [(StatementKind.EARNED, 123_456_78), (StatementKind.PAID_OUT, -120_000_00)]
        )
    ]
    told = statement(UUID(int=9), NOW.date().replace(day=1), "CNY", -5, lines)
    yen = statement(UUID(int=9), NOW.date().replace(day=1), "JPY", 500, [])

    sheet = openpyxl.load_workbook(io.BytesIO(exports.workbook(told))).active
    in_yen = openpyxl.load_workbook(io.BytesIO(exports.workbook(yen))).active

    assert sheet is not None
    assert in_yen is not None
    day = f"{NOW:%Y-%m-%d}"
    assert [row[:4] for row in sheet.iter_rows(min_row=2, values_only=True)] == [
        (None, "期初余额", None, -0.05),
        (day, "佣金", 123456.78, 123456.73),
        (day, "付款", -120000, 3456.73),
        (None, "期末余额", 3456.78, 3456.73),
    ]
    assert sheet["F3"].value == str(UUID(int=0))
    assert in_yen["D2"].value == 500


async def test_a_year_is_told_to_its_owner_and_to_finance_and_fits_a_sheet(
    tenant: Tenant, rival: Tenant
) -> None:
    sale, _ = await sold(tenant)
    await jobs.earn(NOW)
    await stories.admit(rival)

    told = await queries.own_year(tenant.owner, NOW.year)
    seen = await queries.year_of(FINANCE, tenant.tenant_id, NOW.year, now=NOW)
    await queries.year_of(FINANCE, rival.tenant_id, NOW.year, now=NOW)
    sheet = openpyxl.load_workbook(io.BytesIO(exports.year_workbook(told))).active
    text = exports.year_csv(told).decode("utf-8-sig").splitlines()

    assert told == seen
    assert [(each.plan_since, each.measure) for each in told.lines] == [
        (NOW.date().replace(day=1), Measure.REVENUE)
    ]
    assert await told_of(tenant) == ["commissions.sale", "commissions.year"]
    assert (await audit.platform_reads(rival.owner)).items == []
    month = f"{NOW:%Y-%m}"
    assert text[1:] == [
        f"{month},{sale.plan_id},CNY,100.00,0.00,0.00,0.00,0.00,,",
        "合计,,CNY,100.00,0.00,0.00,0.00,0.00,0.00,0.00",
    ]
    assert sheet is not None
    assert [row[3:] for row in sheet.iter_rows(min_row=2, values_only=True)] == [
        (100, 0, 0, 0, 0, None, None),
        (100, 0, 0, 0, 0, 0, 0),
    ]
    assert (await queries.own_year(rival.owner, NOW.year)).lines == []
    with pytest.raises(NotPermitted):
        await queries.own_year(tenant.rep, NOW.year)


async def test_what_is_not_there_or_is_a_slip_is_refused_by_name(tenant: Tenant) -> None:
    plan = await a_plan()
    stranger = a_sale(plan, tenant)
    with pytest.raises(NotFound) as unknown:
        await service.record_sale(FINANCE, stranger, now=NOW)
    with pytest.raises(SaleNotFound):
        await queries.lines_of_sale(FINANCE, stranger.id, now=NOW)
    with pytest.raises(CommissionKeyReused):
        await service.publish(FINANCE, _of_another_plan(plan), now=NOW)
    with pytest.raises(Invalid) as slip:
        await service.publish(FINANCE, _of_the_year(plan, 9999), now=NOW)

    assert (unknown.value.field, slip.value.field) == ("sellers", "begins_on")


def _of_another_plan(version: PlanVersion) -> PlanVersion:
    """Use the id of one plan's version for another's."""
    return msgspec.structs.replace(version, plan_id=new_id())


def _of_the_year(version: PlanVersion, year: int) -> PlanVersion:
    """Begin in some year."""
    return msgspec.structs.replace(
        version, id=new_id(), begins_on=version.begins_on.replace(year=year)
    )


async def test_finance_alone_keeps_commissions_and_the_owner_alone_sees_them(
    tenant: Tenant,
) -> None:
    for actor in (stories.OPERATOR, tenant.owner):
        with pytest.raises(NotPermitted):
            await a_plan(actor=actor)
        with pytest.raises(NotPermitted):
            await service.make_payout(actor, NewPayout(id=new_id()), now=NOW)
    for actor in (tenant.manager, tenant.rep, tenant.actor(Role.ANALYST), FINANCE):
        with pytest.raises(NotPermitted):
            await queries.own_lines(actor)
        with pytest.raises(NotPermitted):
            await queries.own_statement(actor, MONTH, "CNY")
