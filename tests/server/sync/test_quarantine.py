"""What a hostile or broken device sends harms nobody else, and never wedges its own queue."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from server.access import Role, Scope
from server.kit import db
from server.settings import Settings
from server.sync import service as sync
from server.sync.registry import KINDS
from sync_protocol.messages import Code, Delete, Intent, Status
from tests.factories import Tenant, new_id
from tests.server.sync.devices import Device, frame, make_device


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """A rep's phone."""
    return await make_device(database, tenant)


@pytest.fixture
async def managers_phone(database: Settings, tenant: Tenant) -> Device:
    """A phone of somebody who may hand customers over."""
    return await make_device(database, tenant, role=Role.SALES_MANAGER)


async def test_a_group_without_end_is_an_incomplete_group(phone: Device) -> None:
    op = Delete(kind="customer", id=str(new_id()), group=(1, 2**53 - 1), number=1, at_ms=0, base=0)

    assert (await phone.outcome(op)).code == Code.GROUP_INCOMPLETE


async def test_an_intent_whose_id_is_none_is_refused(phone: Device) -> None:
    intent = Intent(number=1, id="x" * 36, name="benefits.request", args={}, at_ms=0)

    assert (await phone.outcome(intent)).code == Code.ID_INVALID


@pytest.mark.parametrize("moment", [2**53 - 1, -1])
async def test_a_moment_that_cannot_be_shown_is_refused(phone: Device, moment: int) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="宜兴紫砂"))

    outcome = await phone.outcome(
        phone.create("note", new_id(), customer_id=str(customer_id), body="来过", written_at=moment)
    )

    assert (outcome.code, outcome.field) == (Code.VALUE_INVALID, "written_at")


async def test_an_op_on_which_the_server_fails_is_set_aside_and_the_queue_goes_on(
    phone: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = KINDS["customer"]

    def fail_on_one(fields: Mapping[str, Any]) -> dict[str, Any]:
        """Stand for a bug of the server that one name brings out."""
        assert fields["name"] != "毒药", "a bug of the server"
        return customer.derive(fields)

    monkeypatch.setitem(KINDS, "customer", replace(customer, derive=fail_on_one))
    waiting = [
        phone.create("customer", new_id(), name=name) for name in ("一", "二", "毒药", "三", "四")
    ]
    statuses: list[Status] = []
    while waiting:
        answer = await sync.push(phone.actor, frame(waiting, phone.later()), now=phone.now)
        statuses += [each.status for each in answer.outcomes]
        waiting = [op for op in waiting if op.number > answer.acknowledged]

    applied = Status.APPLIED
    assert statuses == [applied, applied, Status.QUARANTINED, applied, applied]
    monkeypatch.undo()
    await phone.pull()
    assert {fields["name"] for fields in phone.replica.values()} == {"一", "二", "三", "四"}


async def test_nobody_of_another_company_is_given_a_customer(
    database: Settings, rival: Tenant, managers_phone: Device
) -> None:
    phone, customer_id = managers_phone, new_id()
    await phone.push(phone.create("customer", customer_id, name="太仓物流"))
    elsewhere = str(rival.owner.user_id)

    outcomes = [
        await phone.outcome(phone.edit("customer", customer_id, owner_id=elsewhere)),
        await phone.outcome(phone.edit("customer", customer_id, team_id=str(new_id()))),
        await phone.outcome(phone.create("customer", new_id(), name="送人", owner_id=elsewhere)),
        await phone.outcome(phone.tag(customer_id, add=[str(new_id())])),
    ]

    assert {outcome.code for outcome in outcomes} == {Code.REFERENCE_MISSING}


async def test_a_contact_does_not_work_in_another_customers_store(phone: Device) -> None:
    mine, other, store_id = new_id(), new_id(), new_id()
    await phone.push(
        phone.create("customer", mine, name="甲"),
        phone.create("customer", other, name="乙"),
        phone.create("store", store_id, customer_id=str(other), name="乙店"),
    )

    outcome = await phone.outcome(
        phone.create("contact", new_id(), customer_id=str(mine), store_id=str(store_id), name="丙")
    )

    assert (outcome.code, outcome.field) == (Code.REFERENCE_MISSING, "store_id")


async def test_nothing_is_done_with_the_contact_of_another_customer(phone: Device) -> None:
    mine, other, stranger, visit = new_id(), new_id(), new_id(), new_id()
    call = {"direction": "out", "called_at": 1_772_413_200_000, "outcome": "opted_out"}
    await phone.push(
        phone.create("customer", mine, name="甲"),
        phone.create("customer", other, name="乙"),
        phone.create("contact", stranger, customer_id=str(other), name="乙经理"),
        phone.create("visit", visit, customer_id=str(mine)),
    )

    answer = await phone.push(
        phone.create("contact", stranger, customer_id=str(mine), name="甲经理"),
        *(
            phone.create(kind, new_id(), customer_id=str(mine), contact_id=str(stranger), **fields)
            for kind, fields in (("call", call), ("task", {"title": "回访"}))
        ),
        phone.edit("visit", visit, contact_id=str(stranger)),
    )

    claimed, *named = [(outcome.code, outcome.field) for outcome in answer.outcomes]
    assert claimed[0] == Code.ID_REUSED
    assert named == [(Code.REFERENCE_MISSING, "contact_id")] * 3


async def test_a_rep_changes_a_tag_that_everybody_sees(database: Settings, tenant: Tenant) -> None:
    phone = await make_device(database, tenant, scope=Scope.MINE)
    tag_id = new_id()
    made = phone.create("tag", tag_id, name="重点", meaning="老板直管")
    await phone.push(made)

    edited = await phone.outcome(phone.edit("tag", tag_id, meaning="老板每周看"))

    assert edited.status is Status.APPLIED


async def test_a_revoked_device_and_a_person_let_go_are_no_longer_enrolled(
    phone: Device,
) -> None:
    assert await sync.seq_for(phone.actor) is not None

    async with db.tenant_transaction(phone.actor.tenant_id):
        await db.connection().execute(
            "UPDATE user_account SET disabled_at = now() WHERE id = $1", phone.actor.user_id
        )

    assert await sync.seq_for(phone.actor) is None
