"""After a restoration, ops that come before their records wait for them."""

import asyncio
from typing import Any

import msgspec
import pytest

from server.changelog import restoration
from server.identity import service as identity
from server.kit import db
from server.settings import Settings
from server.sync import service as sync
from sync_protocol.messages import Outcome, ReceivedOp, Status
from tests.factories import NOW, Tenant, new_id
from tests.server.sync.devices import Device, frame, make_device


@pytest.fixture
async def li(database: Settings, tenant: Tenant) -> Device:
    """The phone that makes records."""
    return await make_device(database, tenant)


@pytest.fixture
async def wang(database: Settings, tenant: Tenant) -> Device:
    """The phone that writes into them."""
    return await make_device(database, tenant)


async def restored(*phones: Device) -> None:
    """Let the tenant be restored to a backup of its first minute."""
    async with db.tenant_transaction(phones[0].actor.tenant_id):
        await restoration.begin_epoch(phones[0].actor.tenant_id, now=NOW)


async def again(phone: Device, *ops: ReceivedOp) -> list[Outcome]:
    """Send ops as a device that has not heard of the restoration."""
    now = phone.later()
    push = msgspec.structs.replace(frame(ops, now), epoch=1)
    return (await sync.push(phone.actor, push, now=now)).outcomes


async def held(phone: Device) -> dict[str, Any]:
    """Give the fields of all that a new phone shows, by name or text."""
    return {
        str(fields.get("name") or fields.get("body")): fields
        for fields in (await phone.snapshot()).values()
    }


async def test_an_edit_waits_for_the_creation_of_another_device(li: Device, wang: Device) -> None:
    await restored(li, wang)
    customer, contact = new_id(), new_id()
    early: list[ReceivedOp] = [
        wang.edit("customer", customer, city="无锡市"),
        wang.create("contact", contact, customer_id=str(customer), name="李店长"),
        wang.edit("contact", contact, title="店长"),
        wang.create("customer", new_id(), name="自己的客户"),
    ]

    outcomes = await again(wang, *early)

    assert [(each.status, each.code) for each in outcomes] == [
        *[(Status.APPLIED, "waiting")] * 3,
        (Status.APPLIED, "applied"),
    ]
    assert await again(wang, *early) == outcomes
    await again(li, li.create("customer", customer, name="老街茶庄", city="苏州市"))
    shown = await held(li)
    assert shown["老街茶庄"]["city"] in {"无锡市", "苏州市"}
    assert shown["李店长"]["title"] == "店长"
    async with db.tenant_transaction(li.actor.tenant_id, readonly=True):
        assert await db.connection().fetchval("SELECT count(*) FROM orphan_op") == 0


async def test_whichever_comes_first_nothing_is_left_behind(li: Device, wang: Device) -> None:
    await restored(li, wang)
    for _ in range(6):
        customer = new_id()
        made = li.create("customer", customer, name=f"客户{customer.hex[-8:]}")
        written = wang.create("note", new_id(), customer_id=str(customer), body=f"见{customer}")

        await asyncio.gather(again(li, made), again(wang, written))

        assert f"见{customer}" in await held(li)


async def test_what_was_taken_is_kept_when_its_author_has_left(
    tenant: Tenant, li: Device, wang: Device
) -> None:
    await restored(li, wang)
    customer = new_id()
    await again(wang, wang.create("note", new_id(), customer_id=str(customer), body="约好周三"))
    await identity.disable_user(tenant.owner, wang.actor.user_id, now=NOW)

    await again(li, li.create("customer", customer, name="老街茶庄"))

    assert "约好周三" in await held(li)


async def test_without_a_restoration_nothing_waits(li: Device) -> None:
    outcome = await li.outcome(li.edit("customer", new_id(), city="无锡市"))

    assert (outcome.status, outcome.code) == (Status.REJECTED, "not_found")
