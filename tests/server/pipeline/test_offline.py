"""A phone begins and moves deals without a network; the server decides when it hears of them."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.access import Scope
from server.customers import service as customers
from server.customers.schemas import CustomerEdit
from server.pipeline import queries
from server.settings import Settings
from sync_protocol.messages import Edit, Intent, SetChange, Status
from sync_protocol.process import definition
from sync_protocol.process.definition import Canonical
from tests.factories import NOW, Tenant, new_id
from tests.server.pipeline.stories import (
    FIRST,
    begin,
    make_customer,
    move,
    process_of,
    publish,
    seen,
)
from tests.server.sync.devices import Device, make_device


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """The phone of a rep."""
    return await make_device(database, tenant)


def asks(phone: Device, verb: str, deal: UUID, **args: Any) -> Intent:
    """Ask for a move."""
    phone.number += 1
    given = {"opportunity_id": str(deal), **args}
    return Intent(
        number=phone.number, id=str(new_id()), name=f"opportunity.{verb}", args=given, at_ms=0
    )


def does(phone: Device, deal: UUID, *steps: str) -> Edit:
    """Mark steps as done."""
    edit = phone.edit("opportunity", deal)
    return msgspec.structs.replace(edit, sets={"done_steps": SetChange(add=steps)})


async def test_customer_deal_steps_and_move_come_in_one_push(phone: Device) -> None:
    customer_id, deal = new_id(), new_id()

    answer = await phone.push(
        phone.create("customer", customer_id, name="老街茶庄"),
        phone.create("opportunity", deal, customer_id=str(customer_id), name="收银"),
        does(phone, deal, *FIRST),
        asks(phone, "advance", deal, customer_id=str(customer_id), from_stage="lead"),
    )
    await phone.pull()

    assert {outcome.status for outcome in answer.outcomes} == {Status.APPLIED}
    held = phone.replica["opportunity", str(deal)]
    assert (held["stage"], held["state"]) == ("pre_opportunity", "open")
    assert held["account_manager_id"] == str(phone.actor.user_id)
    assert phone.replica["customer", str(customer_id)]["status"] == "need"


async def test_a_move_that_a_gate_refuses_leaves_the_rest_of_the_push(phone: Device) -> None:
    customer_id, deal = new_id(), new_id()

    answer = await phone.push(
        phone.create("customer", customer_id, name="老街茶庄"),
        phone.create("opportunity", deal, customer_id=str(customer_id), name="收银"),
        asks(phone, "advance", deal),
        asks(phone, "lose", deal, reason="no_need"),
    )

    assert [(outcome.status, outcome.code) for outcome in answer.outcomes[2:]] == [
        (Status.REJECTED, "gate_closed"),
        (Status.APPLIED, "applied"),
    ]
    assert (await seen(phone.actor, deal)).state == "lost"


async def test_a_phone_that_is_late_is_told_where_the_deal_is(
    phone: Device, tenant: Tenant
) -> None:
    deal = await begin(phone.actor)
    await move(tenant.owner, deal, "lose", reason="price")
    await move(tenant.owner, deal, "reopen")
    await phone.outcome(does(phone, deal, *FIRST))
    await move(tenant.owner, deal)

    outcome = await phone.outcome(asks(phone, "advance", deal, from_stage="lead"))

    assert (outcome.status, outcome.code) == (Status.REJECTED, "deal_moved")
    assert len((await queries.detail(tenant.owner, deal, now=NOW)).moves) == 3


@pytest.mark.parametrize("field", ["stage", "state", "lost_reason", "stage_since", "closed_at"])
async def test_what_the_server_decides_is_not_written_by_a_phone(phone: Device, field: str) -> None:
    deal = await begin(phone.actor)

    outcome = await phone.outcome(phone.edit("opportunity", deal, **{field: "won"}))

    assert outcome.code == "field_server_only"


async def test_processes_travel_to_everybody_and_are_made_by_no_phone(
    phone: Device, tenant: Tenant
) -> None:
    made = await publish(tenant.manager, process_of(("talk", Canonical.OPPORTUNITY, 50)))

    await phone.pull()
    outcome = await phone.outcome(phone.create("process", new_id()))

    held = phone.replica["process", str(made.id)]
    assert (held["name"], held["version"], held["state"]) == ("大客户", 1, "current")
    assert definition.read(held["definition"]) == made.definition
    assert outcome.code == "not_allowed"


async def test_a_deal_of_an_unknown_process_is_refused(phone: Device) -> None:
    customer_id = await make_customer(phone.actor)

    outcome = await phone.outcome(
        phone.create(
            "opportunity",
            new_id(),
            customer_id=str(customer_id),
            name="收银",
            process_id=str(new_id()),
        )
    )

    assert outcome.code == "reference_missing"


async def test_two_who_do_different_steps_lose_none(
    phone: Device, tenant: Tenant, database: Settings
) -> None:
    colleague = await make_device(database, tenant)
    deal = await begin(phone.actor)
    await phone.pull()
    await colleague.pull()
    mine, theirs = str(new_id()), str(new_id())

    await phone.outcome(does(phone, deal, mine))
    await colleague.outcome(does(colleague, deal, theirs))

    assert {str(done) for done in (await seen(tenant.owner, deal)).done_steps} == {mine, theirs}


async def test_a_deal_leaves_a_phone_with_its_customer(database: Settings, tenant: Tenant) -> None:
    phone = await make_device(database, tenant, scope=Scope.MINE)
    customer_id = await make_customer(phone.actor)
    deal = await begin(phone.actor, customer_id)
    await phone.pull()
    had_it = ("opportunity", str(deal)) in phone.replica

    given = CustomerEdit(owner_id=tenant.owner.user_id)
    await customers.edit(tenant.owner, customer_id, given, now=NOW)
    await phone.pull()

    assert had_it
    assert ("opportunity", str(deal)) not in phone.replica
    assert phone.replica == await phone.snapshot()


async def test_an_intent_of_nonsense_names_what_is_wrong(phone: Device) -> None:
    deal = await begin(phone.actor)

    outcome = await phone.outcome(asks(phone, "lose", deal, reason="no_mood"))

    assert (outcome.status, outcome.field) == (Status.REJECTED, "reason")
