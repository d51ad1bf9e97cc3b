"""A deal goes through its process as the rules say, and the customer with it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.access import Role
from server.customers import queries as customers
from server.customers import service as customer_service
from server.customers.schemas import CustomerEdit
from server.kit.errors import IdReused, NotFound, Refusal
from server.pipeline import queries, service
from server.pipeline.rules import (
    DealClosed,
    DealMoved,
    DealOpen,
    GateClosed,
    LostReasonMissing,
    StageUnknown,
    WrongDirection,
)
from server.pipeline.schemas import DealFilters, NewOpening
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Canonical, Gate, Need
from tests.factories import NOW, Tenant, new_id
from tests.server.pipeline.stories import (
    FIRST,
    SECOND,
    begin,
    change,
    do,
    make_customer,
    move,
    process_of,
    publish,
    seen,
    step,
    win,
)

LATER = NOW + timedelta(days=3)


async def test_s53_a_deal_cannot_leave_a_stage_with_an_open_mandatory_step(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)

    with pytest.raises(GateClosed) as refused:
        await move(tenant.rep, deal)
    await do(tenant.rep, deal, *FIRST)
    moved = await move(tenant.rep, deal)

    assert [each["id"] for each in refused.value.extra["open"]] == list(FIRST)
    assert BUILT_IN.stages[0].steps[0].name in refused.value.detail
    assert moved.opportunity.stage == "pre_opportunity"


async def test_s53_skipping_stages_skips_no_gate(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)
    await do(tenant.rep, deal, *FIRST)

    with pytest.raises(GateClosed) as refused:
        await move(tenant.rep, deal, to_stage="opportunity")

    assert [each["id"] for each in refused.value.extra["open"]] == list(SECOND)


async def test_s103_a_loose_gate_lets_pass_and_writes_down(tenant: Tenant) -> None:
    strict, loose = step("合同审批"), step("回访", Gate.LOOSE)
    made = await publish(
        tenant.manager,
        process_of(("talk", Canonical.OPPORTUNITY, 40), steps={"talk": (strict, loose)}),
    )
    deal = await begin(tenant.rep, process_id=made.id)
    await do(tenant.rep, deal, strict.id)

    moved = await move(tenant.rep, deal)

    assert [each.name for each in moved.move.deviations] == ["回访"]
    told = await queries.detail(tenant.rep, deal, now=NOW)
    assert (told.conformance.done, told.conformance.wanted) == (1, 1)
    assert told.conformance.deviations == 1


async def test_s80_a_stage_can_ask_for_the_iron_triangle(tenant: Tenant) -> None:
    needs = tuple(
        Need(field=field)
        for field in ("account_manager_id", "solution_manager_id", "fulfilment_manager_id")
    )
    made = await publish(
        tenant.manager, process_of(("talk", Canonical.OPPORTUNITY, 40), needs={"talk": needs})
    )
    deal = await begin(tenant.rep, process_id=made.id)

    with pytest.raises(GateClosed) as refused:
        await move(tenant.rep, deal)
    await change(
        tenant.rep,
        deal,
        solution_manager_id=str(tenant.manager.user_id),
        fulfilment_manager_id=str(tenant.owner.user_id),
    )
    moved = await move(tenant.rep, deal)

    # Who begins a deal is its account manager.
    assert [each["id"] for each in refused.value.extra["open"]] == [
        "solution_manager_id",
        "fulfilment_manager_id",
    ]
    assert moved.opportunity.state == "won"


async def test_s80_somebody_of_another_company_is_nobodys_solution_manager(
    tenant: Tenant, rival: Tenant
) -> None:
    deal = await begin(tenant.rep)

    with pytest.raises(Refusal) as refused:
        await change(tenant.rep, deal, solution_manager_id=str(rival.rep.user_id))

    assert refused.value.code == "reference_missing"
    assert refused.value.field == "solution_manager_id"


async def test_s46_winning_moves_the_customer_step_by_legal_step(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    deal = await begin(tenant.rep, customer_id)

    await do(tenant.rep, deal, *FIRST)
    await move(tenant.rep, deal)
    raised = await customers.one(tenant.rep, customer_id)
    await win(tenant.rep, deal)
    signed = await customers.one(tenant.rep, customer_id)

    assert (raised.status, signed.status) == ("need", "signed")
    told = await customers.history(tenant.rep, customer_id)
    steps = [
        (change.old, change.new)
        for entry in reversed(told.items)
        for change in entry.changes
        if change.field == "status"
    ]
    assert steps == [("potential", "need"), ("need", "intent"), ("intent", "signed")]


async def test_s46_a_deal_never_lowers_its_customer(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep, status="signed")
    deal = await begin(tenant.rep, customer_id)
    await do(tenant.rep, deal, *FIRST)

    await move(tenant.rep, deal)
    await move(tenant.rep, deal, "return")
    await move(tenant.rep, deal, "lose", reason="price")

    assert (await customers.one(tenant.rep, customer_id)).status == "signed"


async def test_s46_a_lost_customer_comes_back_with_its_deal(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep, status="lost")
    deal = await begin(tenant.rep, customer_id)

    await win(tenant.rep, deal)

    assert (await customers.one(tenant.rep, customer_id)).status == "signed"


async def test_a_lost_deal_keeps_its_reason_until_it_is_opened_again(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)

    with pytest.raises(LostReasonMissing):
        await move(tenant.rep, deal, "lose")
    lost = await move(tenant.rep, deal, "lose", reason="competitor", remark="友商送一年")
    with pytest.raises(DealClosed):
        await move(tenant.rep, deal)
    again = await move(tenant.rep, deal, "reopen", now=LATER)

    assert (lost.opportunity.state, lost.opportunity.lost_reason) == ("lost", "competitor")
    assert lost.opportunity.closed_at == NOW
    assert (again.opportunity.state, again.opportunity.lost_reason) == ("open", None)
    assert again.opportunity.closed_at is None
    with pytest.raises(DealOpen):
        await move(tenant.rep, deal, "reopen")


async def test_each_move_is_told_with_the_time_in_stage(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)
    await do(tenant.rep, deal, *FIRST)
    await move(tenant.rep, deal, now=LATER)
    await move(tenant.rep, deal, "return", now=LATER + timedelta(hours=2))

    told = await queries.detail(tenant.rep, deal, now=LATER)

    assert [(each.from_stage, each.to_stage, each.stayed_ms) for each in told.moves] == [
        ("pre_opportunity", "lead", 2 * 3600 * 1000),
        ("lead", "pre_opportunity", 3 * 86_400 * 1000),
    ]
    assert told.opportunity.stage_since == LATER + timedelta(hours=2)


async def test_a_move_that_leads_nowhere_is_refused(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)

    with pytest.raises(StageUnknown):
        await move(tenant.rep, deal, to_stage="dancing")
    with pytest.raises(WrongDirection):
        await move(tenant.rep, deal, to_stage="lead")
    with pytest.raises(WrongDirection):
        await move(tenant.rep, deal, "return")

    assert (await seen(tenant.rep, deal)).stage == "lead"


async def test_a_move_that_is_asked_twice_is_made_once(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)
    await do(tenant.rep, deal, *FIRST)
    move_id = new_id()

    first = await move(tenant.rep, deal, id=move_id)
    again = await move(tenant.rep, deal, id=move_id)

    assert again.move == first.move
    assert again.opportunity.stage == "pre_opportunity"
    with pytest.raises(IdReused):
        await move(tenant.rep, deal, "return", id=move_id)


async def test_two_who_advance_one_deal_move_it_once(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)
    await do(tenant.rep, deal, *FIRST, *SECOND)

    async def advance() -> object:
        try:
            return await move(tenant.rep, deal, from_stage="lead")
        except DealMoved as refused:
            return refused

    answers = await asyncio.gather(*(advance() for _ in range(5)))

    assert sum(isinstance(answer, DealMoved) for answer in answers) == 4
    assert (await seen(tenant.rep, deal)).stage == "pre_opportunity"
    assert len((await queries.detail(tenant.rep, deal, now=NOW)).moves) == 1


async def test_a_deal_out_of_sight_is_not_moved(tenant: Tenant, rival: Tenant) -> None:
    deal = await begin(tenant.rep)
    colleague = tenant.actor(Role.SALES_REP)

    for stranger in (colleague, rival.owner):
        with pytest.raises(NotFound):
            await move(stranger, deal, "lose", reason="price")
        with pytest.raises(NotFound):
            await change(stranger, deal, name="改名")

    assert (await seen(tenant.rep, deal)).state == "open"


async def test_s54_opening_a_template_is_logged(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)
    template = UUID(BUILT_IN.stages[0].steps[0].templates[0].id)
    opening = NewOpening(template_id=template, id=new_id())

    await service.open_template(tenant.rep, deal, opening, now=NOW)
    await service.open_template(tenant.rep, deal, opening, now=NOW)
    await service.open_template(tenant.rep, deal, NewOpening(template_id=template), now=NOW)
    unknown = NewOpening(template_id=new_id())
    with pytest.raises(NotFound):
        await service.open_template(tenant.rep, deal, unknown, now=NOW)

    assert (await queries.detail(tenant.rep, deal, now=NOW)).opened == {template: 2}


async def test_s55_a_newcomer_reaches_the_signature_by_the_prompts_alone(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)

    for _ in range(20):
        told = await queries.detail(tenant.rep, deal, now=NOW)
        if told.opportunity.state == "won":
            break
        for prompt in told.open:
            if prompt.kind == "step":
                await do(tenant.rep, deal, prompt.id)
            else:
                values: Any = {"amount_minor": 100_00, "expected_on": "2026-04-01"}
                await change(tenant.rep, deal, **{prompt.id: values[prompt.id]})
        await move(tenant.rep, deal)

    told = await queries.detail(tenant.rep, deal, now=NOW)
    assert told.opportunity.state == "won"
    assert told.conformance.deviations == 0
    assert told.conformance.done == told.conformance.wanted > 0


async def test_a_deal_that_nobody_touches_grows_stale(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)
    limit = timedelta(days=BUILT_IN.stages[0].stale_days)
    stale = DealFilters(is_stale=True)

    fresh = await queries.list_page(tenant.rep, stale, now=NOW + limit)
    old = await queries.list_page(tenant.rep, stale, now=NOW + limit + timedelta(seconds=1))
    await change(tenant.rep, deal, competitor="某友商", now=NOW + limit)
    touched = await queries.list_page(tenant.rep, stale, now=NOW + limit + timedelta(seconds=1))

    assert fresh.items == []
    assert [each.id for each in old.items] == [deal]
    assert old.items[0].is_stale
    assert touched.items == []


async def test_s68_a_hand_over_resets_nothing(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    deal = await begin(tenant.rep, customer_id)
    await do(tenant.rep, deal, *FIRST)
    await move(tenant.rep, deal)
    before = await queries.detail(tenant.manager, deal, now=NOW)

    given = CustomerEdit(owner_id=tenant.manager.user_id)
    await customer_service.edit(tenant.owner, customer_id, given, now=LATER)

    after = await queries.detail(tenant.manager, deal, now=NOW)
    assert after.moves == before.moves
    assert (
        msgspec.structs.replace(after.opportunity, owner_id=before.opportunity.owner_id)
        == before.opportunity
    )
    with pytest.raises(NotFound):
        await queries.detail(tenant.rep, deal, now=NOW)
