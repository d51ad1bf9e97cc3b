"""A contract goes from draft to its last day; what was signed stands, and is paid to the fen."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.access import Role
from server.access.rules import NotPermitted
from server.contracts import queries, service
from server.contracts.rules import (
    BadPlan,
    BadReceipt,
    ContractChanged,
    ContractClosed,
    ContractDays,
    ContractMoved,
    ContractNumberTaken,
    ContractUnreasoned,
    NothingDue,
    NotOfCustomer,
    SigningSelf,
    StillToCome,
)
from server.contracts.schemas import ContractFilters, NewContract
from server.customers import queries as customers
from server.customers.bulk import service as bulk
from server.customers.bulk.schemas import NewHandOver
from server.customers.pools import recycling
from server.customers.pools.recycling import Done
from server.customers.pools.rules import RecycleRule, Trigger
from server.kit.errors import IdReused, NotFound, Refusal
from server.pipeline import queries as pipeline
from server.sync.merging import merge
from tests.factories import NOW, Tenant, new_id
from tests.server.contracts.stories import (
    THIRDS,
    TODAY,
    change,
    decide,
    parts,
    receive,
    seen,
    sign,
    write,
)
from tests.server.customers.pools.test_pools import make_pool, owner_of
from tests.server.leads import stories as leads
from tests.server.pipeline import stories as deals
from tests.server.pipeline.stories import begin, make_customer
from tests.server.sales import stories as quotes

DAY = timedelta(days=1)


# --------------------------------------------------------------------------- from draft to paper


async def test_s106_a_contract_is_approved_by_somebody_else_and_signed(tenant: Tenant) -> None:
    contract = await write(tenant.rep, plan=parts(*THIRDS), ends_on="2027-03-01")

    waiting = await decide(tenant.rep, contract, "submit")
    with pytest.raises(ContractMoved):
        await decide(tenant.rep, contract, "sign")
    with pytest.raises(NotPermitted):
        await decide(tenant.rep, contract, "approve")
    approved = await decide(tenant.manager, contract, "approve", remark="条款无误")
    signed = await decide(tenant.rep, contract, "sign", signed_on="2026-03-01")

    assert waiting.contract.state == "waiting"
    assert (approved.contract.state, approved.contract.decision) == ("approved", "条款无误")
    assert (signed.contract.state, signed.contract.signed_on) == ("in_force", "2026-03-01")
    assert [each.verb for each in (await queries.detail(tenant.rep, contract, now=NOW)).events] == [
        "sign",
        "approve",
        "submit",
    ]


async def test_s49_a_contract_to_which_nothing_leads_is_flagged(tenant: Tenant) -> None:
    alone = await write(tenant.rep)
    deal = await begin(tenant.rep)
    by_deal = await write(tenant.rep, opportunity_id=deal)
    renewal = await write(tenant.rep, renews_id=alone)
    by_lead = await write(tenant.rep, customer_id=await led(tenant, NOW))
    lead_came_after = await write(tenant.rep, customer_id=await led(tenant, NOW + 5 * DAY))

    flagged = await queries.list_page(tenant.owner, ContractFilters(is_untraced=True), now=NOW)

    assert {each.id for each in flagged.items} == {alone, lead_came_after}
    every = await queries.list_page(tenant.owner, ContractFilters(), now=NOW)
    assert {each.id: each.is_untraced for each in every.items} == {
        alone: True,
        by_deal: False,
        renewal: False,
        by_lead: False,
        lead_came_after: True,
    }


async def led(tenant: Tenant, at: datetime) -> UUID:
    """Give the customer that a lead became."""
    lead = await leads.one(tenant.owner, await leads.offered(tenant, at))
    assert lead.customer_id is not None
    return lead.customer_id


async def test_nobody_but_the_owner_approves_an_own_contract(tenant: Tenant) -> None:
    by_manager, by_owner = await write(tenant.manager), await write(tenant.owner)
    await decide(tenant.manager, by_manager, "submit")

    with pytest.raises(SigningSelf):
        await decide(tenant.manager, by_manager, "approve")

    assert (await decide(tenant.owner, by_manager, "approve")).contract.state == "approved"
    assert (await decide(tenant.owner, by_owner, "submit")).contract.state == "approved"


async def test_an_approval_is_about_what_the_manager_saw(tenant: Tenant) -> None:
    contract = await write(tenant.rep)
    await decide(tenant.rep, contract, "submit")
    shown = (await seen(tenant.manager, contract)).content_hash
    await change(tenant.rep, contract, amount_minor=1_00)
    await decide(tenant.rep, contract, "submit")

    for hash_ in (shown, None):
        with pytest.raises(ContractChanged):
            await decide(tenant.manager, contract, "approve", content_hash=hash_)


async def test_what_is_changed_after_the_approval_is_a_draft_again(tenant: Tenant) -> None:
    contract = await write(tenant.rep)
    await decide(tenant.rep, contract, "submit")
    await decide(tenant.manager, contract, "approve")

    await change(tenant.rep, contract, remark="客户要两份原件", number="HT-2026-001")
    noted = await seen(tenant.rep, contract)
    await change(tenant.rep, contract, party_b="另一家公司")
    changed = await seen(tenant.rep, contract)

    assert noted.state == "approved"
    assert (changed.state, changed.edited_by) == ("draft", tenant.rep.user_id)


async def test_what_was_signed_stands(tenant: Tenant) -> None:
    contract = await write(tenant.rep, plan=parts(*THIRDS))
    await sign(tenant, contract)

    others: dict[str, Any] = {"amount_minor": 1, "plan": [], "ends_on": "2030-01-01"}
    for name, value in others.items():
        with pytest.raises(ContractClosed) as refused:
            await change(tenant.rep, contract, **{name: value})
        assert refused.value.field == name
    await change(tenant.rep, contract, remark="原件在法务")

    assert (await seen(tenant.rep, contract)).remark == "原件在法务"


@pytest.mark.parametrize(
    ("days", "state", "closed_on"),
    [
        ({}, "in_force", None),
        ({"effective_on": "2026-03-03"}, "signed", None),
        ({"effective_on": "2026-03-02", "ends_on": "2026-03-02"}, "in_force", None),
        # An old contract that is only filed here.
        ({"effective_on": "2025-01-01", "ends_on": "2025-12-31"}, "ended", "2025-12-31"),
    ],
)
async def test_a_signed_contract_stands_where_its_days_say(
    tenant: Tenant, days: dict[str, Any], state: str, closed_on: str | None
) -> None:
    signed = await sign(tenant, await write(tenant.rep, **days))

    assert (signed.contract.state, signed.contract.closed_on) == (state, closed_on)


async def test_contracts_begin_and_end_by_themselves(tenant: Tenant) -> None:
    contract = await write(tenant.rep, effective_on="2026-03-05", ends_on="2026-03-10")
    await sign(tenant, contract)
    stood = []

    for days in (2, 3, 3, 8, 9, 9):
        moved = await service.follow_days(tenant.tenant_id, now=NOW + days * DAY)
        stood.append((moved, (await seen(tenant.rep, contract)).state))

    assert stood == [
        (0, "signed"),
        (1, "in_force"),
        (0, "in_force"),
        (0, "in_force"),
        (1, "ended"),
        (0, "ended"),
    ]
    assert (await seen(tenant.rep, contract)).closed_on == "2026-03-10"


async def test_only_managers_end_a_contract_early_and_say_why(tenant: Tenant) -> None:
    contract = await write(tenant.rep, ends_on="2027-03-01")
    await sign(tenant, contract)

    with pytest.raises(NotPermitted):
        await decide(tenant.rep, contract, "terminate", remark="客户搬走了")
    with pytest.raises(ContractUnreasoned):
        await decide(tenant.manager, contract, "terminate", remark=" ")
    ended = await decide(tenant.manager, contract, "terminate", remark="客户搬走了")

    assert (ended.contract.state, ended.contract.closed_on) == ("terminated", TODAY)
    assert ended.contract.decision == "客户搬走了"


async def test_a_number_is_given_once(tenant: Tenant) -> None:
    first, second = await write(tenant.rep, number="HT-7"), await write(tenant.rep, number="HT-7")
    await decide(tenant.rep, first, "submit")

    with pytest.raises(ContractNumberTaken):
        await decide(tenant.rep, second, "submit")
    await decide(tenant.rep, first, "void", remark="客户反悔")

    assert (await decide(tenant.rep, second, "submit")).contract.state == "waiting"


async def test_nobody_has_signed_tomorrow(tenant: Tenant) -> None:
    contract = await write(tenant.owner)
    await decide(tenant.owner, contract, "submit")

    for day in ("2026-03-03", "2026-02-30"):
        with pytest.raises(StillToCome):
            await decide(tenant.owner, contract, "sign", signed_on=day)


async def test_a_contract_sent_again_is_one_whatever_its_instalments_are_called(
    tenant: Tenant,
) -> None:
    customer, contract = await make_customer(tenant.rep), new_id()

    for hour in range(2):
        now, plan = NOW + timedelta(hours=hour), parts(*THIRDS)
        await write(tenant.rep, id=contract, customer_id=customer, plan=plan, now=now)

    held = await queries.one(tenant.rep, contract, now=NOW)
    assert [each.name for each in held.plan] == ["首付款", "尾款"]
    assert len({each.id for each in held.plan}) == 2


async def test_a_decision_asked_twice_is_made_once(tenant: Tenant) -> None:
    contract, other, asked = await write(tenant.owner), await write(tenant.owner), new_id()

    first, again = await asyncio.gather(
        *(decide(tenant.owner, contract, "submit", id=asked) for _ in range(2))
    )

    assert first == again
    for decision in ((contract, "void"), (other, "submit")):
        with pytest.raises(IdReused):
            await decide(tenant.owner, *decision, id=asked, remark="误")


# ---------------------------------------------------------------------- what it is made from


async def accepted(tenant: Tenant, *, price_minor: int = 79_00) -> UUID:
    """Let a customer accept a quote of the rep, which a manager approved where that is needed."""
    shelf = await quotes.stock(tenant.manager)
    quote = await quotes.write(tenant, shelf, price_minor=price_minor)
    await accept(tenant, quote)
    return quote


async def accept(tenant: Tenant, quote: UUID) -> None:
    """Bring a quote of the rep to the customer's word."""
    if (await quotes.decide(tenant.rep, quote, "submit")).quote.state == "waiting":
        await quotes.decide(tenant.manager, quote, "approve")
    for verb in ("send", "accept"):
        await quotes.decide(tenant.rep, quote, verb)


async def test_nobody_alone_binds_the_company_by_a_quote_that_nobody_else_approved(
    tenant: Tenant,
) -> None:
    alone = await accepted(tenant, price_minor=100_00)
    own = await accepted(tenant)
    for_ever: dict[str, Any] = {"amount_minor": None, "ends_on": "2099-12-31"}

    by_rep = await write(tenant.rep, quote_id=alone, **for_ever)
    by_checker = await write(tenant.manager, quote_id=own, **for_ever)

    assert (await decide(tenant.rep, by_rep, "submit")).contract.state == "waiting"
    with pytest.raises(ContractMoved):
        await decide(tenant.rep, by_rep, "sign")
    # Whoever approved the quote is no second person for a contract of their own.
    assert (await decide(tenant.manager, by_checker, "submit")).contract.state == "waiting"


async def test_s106_a_contract_is_made_from_an_accepted_quote(tenant: Tenant) -> None:
    quote = await accepted(tenant)

    contract = await write(tenant.rep, quote_id=quote, title="收银机采购合同", amount_minor=None)
    submitted = await decide(tenant.rep, contract, "submit")

    offered = await quotes.seen(tenant.rep, quote)
    held = submitted.contract
    assert (held.amount_minor, held.currency) == (offered.totals.net_minor, "CNY")
    assert (held.lines, held.opportunity_id) == (offered.lines, offered.opportunity_id)
    # What the customer accepted was decided before.
    assert held.state == "approved"


async def test_an_accepted_quote_lets_one_contract_through(tenant: Tenant) -> None:
    quote = await accepted(tenant)
    first, second = [await write(tenant.rep, quote_id=quote, amount_minor=None) for _ in range(2)]

    states = [
        (await decide(tenant.rep, contract, "submit")).contract.state
        for contract in (first, second)
    ]
    await decide(tenant.rep, first, "revise")
    again = (await decide(tenant.rep, first, "submit")).contract.state

    # The second waits for somebody who says that the quote was meant twice.
    assert states == ["approved", "waiting"]
    assert again == "approved"


async def test_of_two_contracts_of_a_quote_that_are_submitted_at_once_one_passes(
    tenant: Tenant,
) -> None:
    quote = await accepted(tenant)
    contracts = [await write(tenant.rep, quote_id=quote, amount_minor=None) for _ in range(2)]

    decided = await asyncio.gather(*(decide(tenant.rep, each, "submit") for each in contracts))

    assert sorted(each.contract.state for each in decided) == ["approved", "waiting"]


async def test_another_decision_under_a_used_id_is_refused(tenant: Tenant) -> None:
    contract, asked, signed = await write(tenant.rep), new_id(), new_id()
    await decide(tenant.rep, contract, "submit")
    said: dict[str, Any] = {
        "id": asked,
        "content_hash": (await seen(tenant.rep, contract)).content_hash,
    }
    made = await decide(tenant.manager, contract, "approve", remark="可以", **said)

    with pytest.raises(IdReused):
        await decide(tenant.owner, contract, "approve", remark="可以", **said)
    for other in ({"remark": "改一下"}, {"content_hash": "0" * 64}):
        with pytest.raises(IdReused):
            await decide(tenant.manager, contract, "approve", **{"remark": "可以", **said, **other})
    assert (
        await decide(tenant.manager, contract, "approve", remark="可以", **said)
    ).event == made.event

    day: dict[str, Any] = {"id": signed, "signed_on": "2026-03-01"}
    await decide(tenant.rep, contract, "sign", **day)
    with pytest.raises(IdReused):
        await decide(tenant.rep, contract, "sign", **{**day, "signed_on": "2026-02-28"})
    assert (await decide(tenant.rep, contract, "sign", **day)).contract.signed_on == "2026-03-01"


async def test_another_amount_than_the_quotes_must_be_approved(tenant: Tenant) -> None:
    shelf = await quotes.stock(tenant.manager)
    quote = await quotes.write(tenant, shelf, price_minor=79_00)
    unaccepted = await write(tenant.rep, quote_id=quote, amount_minor=None)
    await accept(tenant, quote)
    cheaper = await write(tenant.rep, quote_id=quote, amount_minor=1_00)

    assert (await decide(tenant.rep, cheaper, "submit")).contract.state == "waiting"
    # Accepted by now, whatever it was when the contract was written.
    assert (await decide(tenant.rep, unaccepted, "submit")).contract.state == "approved"


async def test_nothing_of_another_customer_goes_into_a_contract(tenant: Tenant) -> None:
    other = await make_customer(tenant.rep, "另一家")
    deal = await begin(tenant.rep)
    quote = await quotes.write(tenant, await quotes.stock(tenant.manager), deal=deal)
    old = await write(tenant.rep)

    named: dict[str, Any] = {"opportunity_id": deal, "quote_id": quote, "renews_id": old}
    for name, record in named.items():
        with pytest.raises(NotOfCustomer) as refused:
            await write(tenant.rep, customer_id=other, **{name: record})
        assert refused.value.field == name


async def test_s106_a_renewal_goes_on_from_what_ends(tenant: Tenant) -> None:
    old = await write(tenant.rep, party_a="朝阳餐饮", party_b="同路科技", ends_on="2026-03-20")
    await sign(tenant, old)
    ending = ContractFilters(ending_within=30)
    before = await queries.list_page(tenant.rep, ending, now=NOW)

    asked = NewContract(renews_id=old, effective_on="2026-03-21", ends_on="2027-03-20")
    new = await service.create(tenant.rep, asked, now=NOW)

    held = await seen(tenant.rep, new.id)
    assert [each.id for each in before.items] == [old]
    assert (held.title, held.party_a, held.amount_minor) == (
        "收银系统采购合同",
        "朝阳餐饮",
        1_000_00,
    )
    assert (await seen(tenant.rep, old)).renewed_by_id == new.id
    assert not (await queries.list_page(tenant.rep, ending, now=NOW)).items
    await decide(tenant.rep, new.id, "void", remark="客户不续了")
    assert (await seen(tenant.rep, old)).renewed_by_id is None


# ---------------------------------------------------------------------------- what follows from it


async def test_a_signature_wins_the_deal_and_makes_the_customer_signed(tenant: Tenant) -> None:
    deal = await begin(tenant.rep, amount_minor=1, expected_on="2026-04-01")
    await deals.do(tenant.rep, deal, *deals.FIRST, *deals.SECOND, *deals.THIRD)

    await sign(tenant, await write(tenant.rep, opportunity_id=deal))

    won = await pipeline.one(tenant.rep, deal, now=NOW)
    assert (won.state, won.stage, won.amount_minor) == ("won", "signed", 1_000_00)
    assert (await customers.one(tenant.rep, won.customer_id)).status == "signed"


async def test_a_closed_gate_keeps_the_deal_and_not_the_signature(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)

    signed = await sign(tenant, await write(tenant.rep, opportunity_id=deal))

    held = await pipeline.one(tenant.rep, deal, now=NOW)
    assert signed.contract.state == "in_force"
    assert (held.state, held.amount_minor) == ("open", 1_000_00)
    assert (await customers.one(tenant.rep, held.customer_id)).status == "signed"


async def test_a_lost_deal_stays_lost_and_dollars_are_no_yuan(tenant: Tenant) -> None:
    lost, other = await begin(tenant.rep), await begin(tenant.rep, amount_minor=5_00)
    await deals.move(tenant.rep, lost, "lose", reason="price")

    await sign(tenant, await write(tenant.rep, opportunity_id=lost))
    await sign(tenant, await write(tenant.rep, opportunity_id=other, currency="USD"))

    assert (await pipeline.one(tenant.rep, lost, now=NOW)).state == "lost"
    assert (await pipeline.one(tenant.rep, other, now=NOW)).amount_minor == 5_00


# ------------------------------------------------------------------------- payments, to the fen


@pytest.mark.parametrize("off", [-1, 1])
async def test_s106_the_plan_comes_to_the_amount_to_the_fen(tenant: Tenant, off: int) -> None:
    (first, second) = THIRDS
    bent = parts(first, (*second[:2], second[2] + off))
    contract = await write(tenant.rep, plan=parts(*THIRDS))

    with pytest.raises(BadPlan):
        await write(tenant.rep, plan=bent)
    with pytest.raises(BadPlan):
        await change(tenant.rep, contract, amount_minor=1_000_00 + off)
    await change(tenant.rep, contract, amount_minor=1_000_00 + off, plan=msgspec.to_builtins(bent))

    assert (await seen(tenant.rep, contract)).amount_minor == 1_000_00 + off


async def test_money_comes_in_by_instalments_and_late_ones_are_named(tenant: Tenant) -> None:
    contract = await write(tenant.rep, plan=parts(*THIRDS))
    await sign(tenant, contract)
    first, second = (each.id for each in (await seen(tenant.rep, contract)).plan)
    late = NOW + 9 * DAY

    await receive(tenant.rep, contract, 100_00, instalment_id=first)
    owing = await seen(tenant.rep, contract, now=late)
    overdue = ContractFilters(is_overdue=True)
    listed = [
        [each.id for each in (await queries.list_page(tenant.rep, overdue, now=when)).items]
        for when in (NOW + 8 * DAY, late)
    ]
    await receive(tenant.rep, contract, 200_00, instalment_id=first)
    paid = await seen(tenant.rep, contract, now=late)

    assert (owing.received_minor, owing.overdue_minor) == (100_00, 200_00)
    assert [each.is_overdue for each in owing.plan] == [True, False]
    # The day on which it is due is not late yet.
    assert listed == [[], [contract]]
    assert (paid.overdue_minor, paid.next_due_on) == (0, "2026-06-10")
    assert [each.received_minor for each in paid.plan] == [300_00, 0]
    assert [each.id for each in paid.plan] == [first, second]


async def test_no_more_comes_in_than_is_due_and_no_less_than_nothing(tenant: Tenant) -> None:
    contract = await write(tenant.rep, plan=parts(*THIRDS))
    draft = await write(tenant.rep)
    await sign(tenant, contract)
    first = (await seen(tenant.rep, contract)).plan[0].id

    for minor in (300_01, -1, 0):
        with pytest.raises(BadReceipt):
            await receive(tenant.rep, contract, minor, instalment_id=first)
    for place in (None, new_id()):
        with pytest.raises(BadReceipt):
            await receive(tenant.rep, contract, 1, instalment_id=place)
    with pytest.raises(StillToCome):
        await receive(tenant.rep, contract, 1, instalment_id=first, received_on="2026-03-03")
    with pytest.raises(NothingDue):
        await receive(tenant.rep, draft, 1)

    assert (await seen(tenant.rep, contract)).received_minor == 0


async def test_a_receipt_told_otherwise_under_the_same_id_is_refused(tenant: Tenant) -> None:
    contract, asked = await write(tenant.rep, plan=parts(*THIRDS)), new_id()
    await sign(tenant, contract)
    first, second = [each.id for each in (await seen(tenant.rep, contract)).plan]
    told: dict[str, Any] = {"id": asked, "instalment_id": first, "received_on": "2026-03-01"}
    noted = await receive(tenant.rep, contract, 100_00, **told)

    for other in ({"instalment_id": second}, {"received_on": "2026-02-28"}, {"remark": "现金"}):
        with pytest.raises(IdReused):
            await receive(tenant.rep, contract, 100_00, **{**told, **other})

    assert await receive(tenant.rep, contract, 100_00, **told) == noted


async def test_a_receipt_noted_twice_counts_once_and_is_taken_back_by_another(
    tenant: Tenant,
) -> None:
    contract, asked = await write(tenant.rep), new_id()
    await sign(tenant, contract)

    first, again = await asyncio.gather(
        *(receive(tenant.rep, contract, 400_00, id=asked) for _ in range(2))
    )
    with pytest.raises(IdReused):
        await receive(tenant.rep, contract, 1, id=asked)
    await receive(tenant.rep, contract, -400_00, remark="记错了合同")

    assert first == again
    detail = await queries.detail(tenant.rep, contract, now=NOW)
    assert [each.amount_minor for each in detail.receipts] == [-400_00, 400_00]
    assert detail.contract.received_minor == 0


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-400_00, 800_00)), max_size=6))
async def test_what_is_told_is_always_the_sum_of_the_receipts(
    tenant: Tenant, asked: list[tuple[int, int]]
) -> None:
    contract = await write(tenant.rep, plan=parts(*THIRDS))
    await sign(tenant, contract)
    places = [each.id for each in (await seen(tenant.rep, contract)).plan]

    for at, minor in asked:
        try:
            await receive(tenant.rep, contract, minor, instalment_id=places[at])
        except Refusal:
            continue

    detail = await queries.detail(tenant.rep, contract, now=NOW)
    for each in detail.contract.plan:
        noted = [r.amount_minor for r in detail.receipts if r.instalment_id == each.id]
        assert each.received_minor == sum(noted)
        assert 0 <= each.received_minor <= each.amount_minor
    assert detail.contract.received_minor == sum(r.amount_minor for r in detail.receipts)


# ------------------------------------------------------------------------------ pools and hand-over


async def test_a_contract_keeps_its_customer_out_of_the_pools_to_its_last_day(
    tenant: Tenant,
) -> None:
    quiet = [RecycleRule(trigger=Trigger.INACTIVITY, days=30, statuses=("signed",))]
    await make_pool(tenant.manager, recycle_rules=quiet, warn_days=0)
    customer = await make_customer(tenant.rep)
    await sign(tenant, await write(tenant.rep, customer_id=customer, ends_on="2026-06-10"))

    assert await recycle(tenant, days=100) == Done()
    assert await recycle(tenant, days=101) == Done(recycled=1)


async def test_a_customer_is_recycled_when_its_contract_ended_and_was_not_renewed(
    tenant: Tenant,
) -> None:
    ended = [RecycleRule(trigger=Trigger.CONTRACT_END, days=30)]
    await make_pool(tenant.manager, recycle_rules=ended, warn_days=0)
    unsigned, customer, renewed, endless = [
        await make_customer(tenant.rep, f"客户{at}") for at in range(4)
    ]
    await write(tenant.rep, customer_id=unsigned, ends_on="2026-03-31")
    for each, ends_on in ((customer, "2026-03-31"), (renewed, "2026-03-31"), (endless, None)):
        await sign(tenant, await write(tenant.rep, customer_id=each, ends_on=ends_on))
    await sign(tenant, await write(tenant.rep, customer_id=renewed, ends_on="2027-03-31"))

    assert await recycle(tenant, days=58) == Done()
    assert await recycle(tenant, days=59) == Done(recycled=1)
    assert await owner_of(tenant, customer) is None


async def test_a_terminated_contract_keeps_its_customer_no_longer(tenant: Tenant) -> None:
    ended = [RecycleRule(trigger=Trigger.CONTRACT_END, days=30)]
    await make_pool(tenant.manager, recycle_rules=ended, warn_days=0)
    contract = await write(tenant.rep, ends_on="2030-01-01")
    await sign(tenant, contract)
    await decide(tenant.manager, contract, "terminate", remark="违约")

    assert await recycle(tenant, days=29) == Done()
    assert await recycle(tenant, days=30) == Done(recycled=1)


async def test_a_contract_goes_with_its_customer_and_keeps_the_other(tenant: Tenant) -> None:
    quiet = [RecycleRule(trigger=Trigger.INACTIVITY, days=30, statuses=("signed", "potential"))]
    await make_pool(tenant.manager, recycle_rules=quiet, warn_days=0)
    one, other = await make_customer(tenant.rep), await make_customer(tenant.rep, "另一家")
    contract = await write(tenant.rep, customer_id=one, ends_on="2027-03-01")
    await sign(tenant, contract)

    await merge(tenant.owner, one, other, now=NOW)

    assert (await seen(tenant.rep, contract)).customer_id == other
    assert await recycle(tenant, days=200) == Done()


async def test_nobody_sees_the_contracts_of_customers_out_of_sight(tenant: Tenant) -> None:
    stranger = tenant.actor(Role.SALES_REP, team_id=new_id())
    contract = await write(tenant.rep)

    with pytest.raises(NotFound):
        await seen(stranger, contract)
    with pytest.raises(NotFound):
        await decide(stranger, contract, "submit")
    assert not (await queries.list_page(stranger, ContractFilters(), now=NOW)).items


# ------------------------------------------------------------------------------- lists and sheets


async def test_contracts_are_found_by_state_text_customer_and_deal(tenant: Tenant) -> None:
    customer = await make_customer(tenant.rep, "滨江小馆")
    deal = await begin(tenant.rep, customer)
    named = await write(tenant.rep, customer_id=customer, title="门店系统服务合同", number="HT-88")
    of_deal = await write(tenant.rep, opportunity_id=deal)
    other = await write(tenant.rep)
    await decide(tenant.rep, other, "submit")

    async def found(**filters: Any) -> set[Any]:
        page = await queries.list_page(tenant.rep, ContractFilters(**filters), now=NOW)
        return {each.id for each in page.items}

    assert await found() == {named, of_deal, other}
    assert await found(q="系统服务") == {named}
    assert await found(q="ht-88") == {named}
    assert await found(q="滨江") == {named, of_deal}
    assert await found(q="%") == set()
    assert await found(state="waiting") == {other}
    assert await found(customer_id=customer) == {named, of_deal}
    assert await found(opportunity_id=deal) == {of_deal}


async def test_the_list_goes_on_page_by_page(tenant: Tenant) -> None:
    made = [await write(tenant.rep) for _ in range(3)]

    first = await queries.list_page(tenant.rep, ContractFilters(), now=NOW, limit=2)
    rest = await queries.list_page(
        tenant.rep, ContractFilters(), now=NOW, limit=2, cursor=first.next_cursor
    )

    assert [each.id for each in (*first.items, *rest.items)] == made[::-1]
    assert rest.next_cursor is None


async def test_contracts_in_force_go_along_when_a_book_is_handed_over(tenant: Tenant) -> None:
    running, over = await write(tenant.rep), await write(tenant.rep)
    await sign(tenant, running)
    await decide(tenant.rep, over, "void", remark="客户反悔")

    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[tenant.manager.user_id])
    await bulk.hand_over(tenant.owner, wanted, now=NOW)

    held = [await seen(tenant.manager, each) for each in (running, over)]
    # What came to nothing stays with who had it.
    assert [each.account_manager_id for each in held] == [
        tenant.manager.user_id,
        tenant.rep.user_id,
    ]


async def test_a_contract_does_not_end_before_it_begins(tenant: Tenant) -> None:
    with pytest.raises(ContractDays):
        await write(tenant.rep, effective_on="2026-03-02", ends_on="2026-03-01")


async def recycle(tenant: Tenant, *, days: int) -> Done:
    """Recycle so many days later."""
    return await recycling.recycle(tenant.tenant_id, now=NOW + days * DAY)
