"""Work in progress goes along with its customer, whichever way the customer changes hands."""

from uuid import UUID

import msgspec
import pytest

from server.access import Actor
from server.activities import queries as tasks
from server.activities import service as activities
from server.activities.schemas import Completion, NewTask
from server.changelog.postgres import MOVED
from server.customers import following, service
from server.customers import queries as customers
from server.customers.pools import service as pools
from server.customers.pools.schemas import NewPool, Release
from server.customers.schemas import CustomerEdit
from server.kit import db
from server.kit.errors import NotFound
from server.leads import queries as leads
from server.leads import service as lead_service
from server.settings import Settings
from sync_protocol.messages import Status
from tests.factories import NOW, Tenant
from tests.server.customers.stories import make
from tests.server.leads.stories import a_rep, offered, one
from tests.server.sync.devices import make_device

pytestmark = pytest.mark.usefixtures("database")


async def followed(tenant: Tenant, *, times: int = 2) -> int:
    """Do what was left to do when customers changed hands, and again; say how often it was left."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "DELETE FROM outbox WHERE tenant_id = $1 AND topic = $2 RETURNING payload",
            tenant.tenant_id,
            MOVED,
        )
    for row in rows * times:
        former = msgspec.json.decode(row["payload"])["former"]
        await following.take_along(tenant.tenant_id, former, now=NOW)
    return len(rows)


async def a_task(actor: Actor, customer_id: UUID, title: str = "回访") -> UUID:
    """Give oneself a task for a customer."""
    return (await activities.add_task(actor, customer_id, NewTask(title=title), now=NOW)).id


async def in_charge(tenant: Tenant, task_id: UUID) -> UUID | None:
    """Say whose a task is."""
    return (await tasks.task(tenant.owner, task_id)).assignee_id


async def test_an_edit_of_the_owner_takes_open_work_along(tenant: Tenant) -> None:
    heir, customer = await a_rep(tenant), await make(tenant.rep)
    open_task, done_task = [await a_task(tenant.rep, customer.id) for _ in range(2)]
    await activities.complete_task(tenant.rep, done_task, Completion(), now=NOW)

    await service.edit(tenant.manager, customer.id, CustomerEdit(owner_id=heir.user_id), now=NOW)
    assert await followed(tenant) == 1

    assert await in_charge(tenant, open_task) == heir.user_id
    assert await in_charge(tenant, done_task) == tenant.rep.user_id


async def test_a_managers_phone_takes_open_work_along(database: Settings, tenant: Tenant) -> None:
    heir, customer = await a_rep(tenant), await make(tenant.rep)
    task = await a_task(tenant.rep, customer.id)
    phone = await make_device(database, tenant, role=tenant.manager.role)

    await phone.pull()
    done = await phone.outcome(phone.edit("customer", customer.id, owner_id=str(heir.user_id)))
    assert done.status is Status.APPLIED
    await followed(tenant)

    assert await in_charge(tenant, task) == heir.user_id


async def test_work_waits_in_a_pool_for_who_picks_the_customer(tenant: Tenant) -> None:
    heir, customer = await a_rep(tenant), await make(tenant.rep)
    task = await a_task(tenant.rep, customer.id)
    pool = await pools.create_pool(tenant.owner, NewPool(name="公海"), now=NOW)

    await pools.release(tenant.rep, customer.id, Release(pool_id=pool.id), now=NOW)
    assert await followed(tenant) == 0
    await pools.pick(heir, customer.id, now=NOW)
    await followed(tenant)

    assert await in_charge(tenant, task) == heir.user_id


async def test_work_reaches_the_last_of_several_owners_in_whatever_order_word_comes(
    tenant: Tenant,
) -> None:
    second, third, customer = await a_rep(tenant), await a_rep(tenant), await make(tenant.rep)
    task = await a_task(tenant.rep, customer.id)
    for person in (second, third):
        change = CustomerEdit(owner_id=person.user_id)
        await service.edit(tenant.manager, customer.id, change, now=NOW)

    assert await followed(tenant) == 2

    assert await in_charge(tenant, task) == third.user_id


async def test_a_former_owner_has_the_lead_no_longer(tenant: Tenant) -> None:
    lead_id = await offered(tenant)
    await lead_service.accept(tenant.rep, lead_id, now=NOW)
    customer_id = (await one(tenant.rep, lead_id)).customer_id
    assert customer_id is not None
    heir = await a_rep(tenant)

    change = CustomerEdit(owner_id=heir.user_id)
    await service.edit(tenant.manager, customer_id, change, now=NOW)

    await _has_lost(tenant.rep, customer_id, lead_id)
    await followed(tenant)
    await _has_lost(tenant.rep, customer_id, lead_id)
    assert [each.id for each in await leads.mine(heir)] == [lead_id]
    assert (await lead_service.call(heir, lead_id, now=NOW)).phone


async def test_who_gave_a_customer_up_reads_no_phone_through_its_lead(tenant: Tenant) -> None:
    lead_id = await offered(tenant)
    customer_id = (await one(tenant.rep, lead_id)).customer_id
    assert customer_id is not None
    heir = await a_rep(tenant)
    pool = await pools.create_pool(tenant.owner, NewPool(name="公海"), now=NOW)

    await pools.release(tenant.rep, customer_id, Release(pool_id=pool.id), now=NOW)

    await _has_lost(tenant.rep, customer_id, lead_id)
    assert (await lead_service.call(tenant.owner, lead_id, now=NOW)).phone
    await pools.pick(heir, customer_id, now=NOW)
    await followed(tenant)
    assert (await one(heir, lead_id)).assignee_id == heir.user_id


async def _has_lost(rep: Actor, customer_id: UUID, lead_id: UUID) -> None:
    """See that neither a customer nor its lead is there for somebody."""
    with pytest.raises(NotFound):
        await customers.one(rep, customer_id)
    assert await leads.mine(rep) == []
    for asked in (
        one(rep, lead_id),
        lead_service.call(rep, lead_id, now=NOW),
        lead_service.accept(rep, lead_id, now=NOW),
    ):
        with pytest.raises(NotFound):
            await asked
