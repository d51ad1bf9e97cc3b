"""A phone writes contracts and plans without a network; the server decides what becomes of them."""

from typing import Any
from uuid import UUID

import pytest

from server.settings import Settings
from sync_protocol.contracting import plan as planning
from sync_protocol.contracting.plan import Instalment
from sync_protocol.messages import Intent, Status
from tests.factories import Tenant, new_id
from tests.server.contracts.stories import decide, seen, sign, write
from tests.server.pipeline.stories import make_customer
from tests.server.sync.devices import Device, make_device


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """The phone of a rep."""
    return await make_device(database, tenant)


def plan(*amounts: int) -> str | None:
    """Write a plan as a phone does."""
    return planning.write(
        [
            Instalment(id=str(new_id()), name="分期款", due_on="2026-06-30", amount_minor=amount)
            for amount in amounts
        ]
    )


def asks(phone: Device, verb: str, contract: UUID, **args: Any) -> Intent:
    """Ask for a decision, or to note a receipt."""
    phone.number += 1
    given = {"contract_id": str(contract), **args}
    return Intent(
        number=phone.number, id=str(new_id()), name=f"contract.{verb}", args=given, at_ms=0
    )


async def test_customer_contract_and_submission_come_in_one_push(
    phone: Device, tenant: Tenant
) -> None:
    customer, contract = new_id(), new_id()

    answer = await phone.push(
        phone.create("customer", customer, name="老街茶庄"),
        phone.create(
            "contract",
            contract,
            customer_id=str(customer),
            title="年度服务合同",
            amount_minor=900_00,
            plan=plan(300_00, 600_00),
        ),
        asks(phone, "submit", contract, customer_id=str(customer)),
    )
    await phone.pull()

    assert {outcome.status for outcome in answer.outcomes} == {Status.APPLIED}
    held = phone.replica["contract", str(contract)]
    assert (held["state"], held["currency"], held["received_minor"]) == ("waiting", "CNY", 0)
    assert phone.replica == await phone.snapshot()


async def test_a_signature_and_money_are_noted_without_a_network(
    phone: Device, tenant: Tenant
) -> None:
    contract = await write(phone.actor)
    await decide(phone.actor, contract, "submit")
    await decide(tenant.manager, contract, "approve")
    await phone.pull()

    answer = await phone.push(
        asks(phone, "sign", contract, signed_on="2026-03-01"),
        asks(phone, "receive", contract, amount_minor=400_00),
        asks(phone, "receive", contract, amount_minor=10**9),
    )
    await phone.pull()

    assert [each.status for each in answer.outcomes] == [
        Status.APPLIED,
        Status.APPLIED,
        Status.REJECTED,
    ]
    assert answer.outcomes[-1].code == "receipt_invalid"
    held = phone.replica["contract", str(contract)]
    assert (held["state"], held["signed_on"]) == ("in_force", "2026-03-01")
    assert (held["received"], held["received_minor"]) == ([["", 400_00]], 400_00)
    assert phone.replica == await phone.snapshot()


async def test_an_edit_that_comes_after_the_signature_is_refused_and_kept(
    phone: Device, tenant: Tenant
) -> None:
    contract = await write(phone.actor)
    await phone.pull()
    await decide(phone.actor, contract, "submit")
    await decide(tenant.manager, contract, "approve")
    await decide(tenant.manager, contract, "sign")

    outcome = await phone.outcome(phone.edit("contract", contract, title="改了名的合同"))

    assert (outcome.status, outcome.code) == (Status.REJECTED, "contract_closed")
    assert (await seen(phone.actor, contract)).title == "收银系统采购合同"


async def test_two_who_change_the_plan_unseen_lose_neither(
    phone: Device, tenant: Tenant, database: Settings
) -> None:
    contract = await write(phone.actor)
    colleague = await make_device(database, tenant)
    await phone.pull()
    await colleague.pull()

    first = await phone.outcome(phone.edit("contract", contract, plan=plan(400_00, 600_00)))
    second = await colleague.outcome(colleague.edit("contract", contract, plan=plan(1_000_00)))

    assert first.status is Status.APPLIED
    assert (second.status, second.code) == (Status.REJECTED, "strict_conflict")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"plan": "nonsense"}, "plan_invalid", "plan"),
        ({"plan": plan(1)}, "plan_invalid", "plan"),
        ({"amount_minor": -1}, "value_invalid", "amount_minor"),
        ({"effective_on": "2026-03-02", "ends_on": "2026-03-01"}, "contract_days", "ends_on"),
        ({"state": "in_force"}, "field_server_only", "state"),
        ({"quote_id": str(new_id())}, "reference_missing", "quote_id"),
        ({"account_manager_id": str(new_id())}, "reference_missing", "account_manager_id"),
    ],
)
async def test_what_is_no_contract_is_refused_by_name(
    phone: Device, tenant: Tenant, fields: dict[str, Any], code: str, field: str
) -> None:
    given = {
        "customer_id": str(await make_customer(phone.actor)),
        "title": "合同",
        "amount_minor": 100,
        **fields,
    }

    outcome = await phone.outcome(phone.create("contract", new_id(), **given))

    assert (outcome.status, outcome.code, outcome.field) == (Status.REJECTED, code, field)


async def test_nobody_approves_or_ends_by_phone_what_the_role_may_not(
    phone: Device, tenant: Tenant
) -> None:
    contract, signed = await write(phone.actor), await write(tenant.rep)
    await decide(phone.actor, contract, "submit")
    await sign(tenant, signed)
    shown = (await seen(phone.actor, contract)).content_hash

    refused = [
        await phone.outcome(asks(phone, "approve", contract, content_hash=shown)),
        await phone.outcome(asks(phone, "terminate", contract, remark="不想做了")),
    ]
    nonsense = await phone.outcome(asks(phone, "sign", contract, signed_on="gestern"))

    assert {each.code for each in refused} == {"not_permitted"}
    assert (nonsense.status, nonsense.field) == (Status.REJECTED, "signed_on")
