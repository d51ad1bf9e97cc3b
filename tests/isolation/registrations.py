"""Registrations of the two companies that must never meet."""

from datetime import timedelta
from uuid import UUID

import msgspec

from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.kit import clock, db
from server.registrations import queries, service
from server.registrations.queries import identities
from server.registrations.rules.times import Interval
from server.registrations.schemas import Check, Evidence, NewRegistration, Show
from server.registrations.service import disputes, registry
from server.registrations.service.registry import Arrival
from tests.factories import Tenant, new_id
from tests.server.contracts import stories as contracts
from tests.server.registrations.stories import new_phone, work


async def new_shop(tenant: Tenant, name: str) -> UUID:
    """Add a shop that nobody has registered."""
    new = NewCustomer(name=name, phone=new_phone())
    return (await customers.create(tenant.rep, new, now=clock.now())).id


async def new_registration(tenant: Tenant, name: str) -> UUID:
    """Register a new shop; it waits to be decided."""
    new = NewRegistration(customer_id=await new_shop(tenant, name))
    return (await service.register(tenant.rep, new, now=clock.now())).id


async def new_dispute(tenant: Tenant, name: str) -> UUID:
    """Register a shop that somebody else has: a case is open."""
    now, shop, mine = clock.now(), await new_shop(tenant, name), new_id()
    # What other tests left for the worker came before, and is waited for.
    await work(now)
    async with db.tenant_transaction(tenant.tenant_id):
        keys = await identities.keys_of(tenant.tenant_id, shop)
    at_ms = clock.to_ms(now - timedelta(days=40))
    theirs = Arrival(
        id=new_id(),
        tenant_id=new_id(),
        keys=keys,
        earliest_ms=at_ms,
        latest_ms=at_ms,
        clock_flag=None,
        has_territory=False,
        arrived_at=now - timedelta(days=40),
    )
    await registry.admit(theirs, now=now)
    await work(now)
    made = Interval(earliest_ms=at_ms, latest_ms=at_ms)
    new = NewRegistration(id=mine, customer_id=shop)
    await service.register(tenant.rep, new, made=made, now=now)
    # The worker was away for two hours, which the platform answers for.
    asked_at = now - timedelta(hours=2)
    own = msgspec.structs.replace(theirs, id=mine, tenant_id=tenant.tenant_id, arrived_at=asked_at)
    await registry.admit(own, now=now)
    await service.mirror(tenant.tenant_id, mine, now=now)
    paper = await contracts.write(tenant.rep, customer_id=shop, title=name, now=now)
    shown = Show(evidence=Evidence(kind="contract", record_id=paper))
    await service.show(tenant.rep, mine, shown, now=now)
    return mine


async def waive_all(case_id: UUID) -> None:
    """Let nobody bring more evidence to a case."""
    async with db.job_transaction():
        left = await disputes.left_in(case_id)
    for each in left:
        await service.add_waiver(each["id"], now=clock.now())


async def case_of(tenant: Tenant, registration_id: UUID) -> UUID:
    """Give the case in which a registration stands, and check once whether somebody is free."""
    await service.check(tenant.rep, Check(phone=new_phone()), now=clock.now())
    view = await queries.one(tenant.rep, registration_id, now=clock.now())
    assert view.case_id is not None, "it is disputed"
    return view.case_id
