"""What no device needs any more is thrown away, and who was away too long starts again."""

from datetime import timedelta

import pytest

from server.customers import service as customers
from server.customers.schemas import CustomerEdit
from server.kit import db
from server.settings import Settings
from server.sync import collection
from server.sync.collection import Collected
from sync_protocol.messages import MAX_OPS
from tests.factories import NOW, Tenant, new_id
from tests.server.benefits import stories
from tests.server.sync.devices import Device, make_device

LATER = NOW + timedelta(days=100)


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """A rep's phone."""
    return await make_device(database, tenant)


async def _rows(phone: Device, table: str) -> int:
    """Count what is left in a table."""
    async with db.tenant_transaction(phone.actor.tenant_id, readonly=True):
        found = await db.connection().fetchval(f"SELECT count(*) FROM {table}")
    return int(found)


async def test_old_tombstones_go_and_who_never_saw_them_starts_again(
    database: Settings, tenant: Tenant, phone: Device
) -> None:
    away = await make_device(database, tenant)
    kept, gone, contact = new_id(), new_id(), new_id()
    await phone.push(
        phone.create("customer", kept, name="老街茶庄"),
        phone.create("customer", gone, name="倒闭的店"),
        phone.create("contact", contact, customer_id=str(gone), name="陈老板"),
        phone.create("note", new_id(), customer_id=str(gone), body="约好周三"),
    )
    for device in (phone, away):
        await device.pull()
    await phone.push(phone.delete("customer", gone))
    await phone.pull()
    assert await collection.collect(tenant.tenant_id, now=NOW) == Collected()

    found = await collection.collect(tenant.tenant_id, now=LATER)

    assert found.records == 3
    assert await _rows(phone, "customer") == 1
    assert await _rows(phone, "contact") + await _rows(phone, "note") == 0
    assert await collection.collect(tenant.tenant_id, now=LATER) == Collected()
    # Who has seen the deletion goes on; who was away starts again and keeps what it did.
    seen = phone.cursor
    await phone.pull()
    assert phone.cursor == seen
    made = away.create("customer", new_id(), name="离线新客")
    assert (await away.outcome(made)).code == "applied"
    await away.pull()
    assert {fields["name"] for fields in away.replica.values()} == {"老街茶庄", "离线新客"}


async def test_a_customer_with_a_benefit_stays_as_it_is(tenant: Tenant, phone: Device) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(phone.actor)
    await stories.request(phone.actor, customer_id, program.id)
    await phone.pull()
    await phone.push(phone.delete("customer", customer_id))

    assert (await collection.collect(tenant.tenant_id, now=LATER)).records == 0
    assert await _rows(phone, "customer") == 1


async def test_scope_exits_go_with_their_time(tenant: Tenant, phone: Device) -> None:
    customer_id = new_id()
    await phone.push(phone.create("customer", customer_id, name="老街茶庄"))
    edit = CustomerEdit(owner_id=tenant.manager.user_id)
    await customers.edit(tenant.owner, customer_id, edit, now=NOW)
    assert await _rows(phone, "scope_exit") == 1

    found = await collection.collect(tenant.tenant_id, now=LATER)

    assert found.exits == 1
    assert await _rows(phone, "scope_exit") == 0


async def test_outcomes_go_once_the_device_cannot_ask_for_them(
    tenant: Tenant, phone: Device
) -> None:
    for _ in range(3):
        await phone.push(phone.create("customer", new_id(), name="老街茶庄"))
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "UPDATE device SET last_op = $2 WHERE id = $1", phone.actor.device_id, MAX_OPS + 2
        )

    found = await collection.collect(tenant.tenant_id, now=LATER)

    assert found.outcomes == 2
    assert await collection.collect_all(now=LATER) is not None
    assert await _rows(phone, "op_outcome") == 1
