"""Calls: told by whoever made them, counted as activity, and none where somebody opted out."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from server.access import Actor
from server.activities import queries, service
from server.activities.rules.calls import (
    CallUnanswered,
    NoPhone,
    NotYourCall,
    PhoneOptedOut,
)
from server.activities.schemas import (
    CallDirection,
    CallEdit,
    CallOutcome,
    CallView,
    Dialling,
    NewCall,
)
from server.customers import queries as customers
from server.customers import service as book
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.customers.pools import recycling, rules
from server.customers.pools import service as pools
from server.customers.pools.schemas import NewPool, NewRule
from server.customers.schemas import NewContact, NewCustomer
from server.identity import keys
from server.kit.errors import Conflict, NotFound, Refusal
from server.settings import Settings
from tests.factories import NOW, Tenant, new_id
from tests.server.activities.stories import let_work
from tests.server.sync.devices import make_device

DAY = timedelta(days=1)


@pytest.fixture(autouse=True, scope="module")
def _keys(database: Settings) -> None:
    keys.open_keys(database)


def a_phone() -> str:
    return f"+8613{new_id().int % 10**9:09d}"


async def customer(actor: Actor, phone: str | None = None) -> UUID:
    new = NewCustomer(name=f"客户 {new_id().hex[-6:]}", phone=phone or a_phone())
    return (await book.create(actor, new, now=NOW)).id


async def called(actor: Actor, customer_id: UUID, outcome: str, **fields: Any) -> CallView:
    new = NewCall(outcome=CallOutcome(outcome), **fields)
    return await service.add_call(actor, customer_id, new, now=NOW)


async def test_a_call_is_written_down_once_and_told_more_of_by_its_caller(tenant: Tenant) -> None:
    customer_id, call_id = await customer(tenant.rep), new_id()

    for _ in range(2):
        await called(tenant.rep, customer_id, "answered", id=call_id, duration_s=95, note="要样品")
    change = CallEdit(note="要两种样品")
    told = await service.change_call(tenant.rep, call_id, change, now=NOW)

    assert (told.caller_id, told.called_at) == (tenant.rep.user_id, NOW)
    assert (told.direction, told.duration_s) == (CallDirection.OUT, 95)
    assert await queries.calls_of(tenant.manager, customer_id) == [told]
    with pytest.raises(NotYourCall):
        await service.change_call(tenant.manager, call_id, CallEdit(note="我来写"), now=NOW)
    sent = NewCall(id=call_id, outcome=CallOutcome("answered"), duration_s=95, note="要样品")
    assert await service.add_call(tenant.rep, customer_id, sent, now=NOW + DAY) == told, "late"
    other = NewCall(id=call_id, outcome=CallOutcome("busy"), called_at=NOW + DAY)
    with pytest.raises(Conflict):
        await service.add_call(tenant.rep, customer_id, other, now=NOW + DAY)
    with pytest.raises(CallUnanswered):
        await called(tenant.rep, customer_id, "busy", duration_s=5)


async def test_s45_who_asks_so_in_a_call_is_called_by_no_company(
    tenant: Tenant, rival: Tenant
) -> None:
    phone = a_phone()
    mine, theirs = await customer(tenant.rep, phone), await customer(rival.rep, phone)
    assert (await queries.dial(rival.rep, theirs, Dialling())).phone == phone

    await called(tenant.rep, mine, "opted_out", note="别再打了")
    await let_work(tenant.tenant_id)

    for actor, customer_id in ((tenant.rep, mine), (rival.rep, theirs)):
        with pytest.raises(PhoneOptedOut):
            await queries.dial(actor, customer_id, Dialling())
        assert await queries.banned(actor, [phone, a_phone()]) == {phone}


async def test_s45_a_contacts_phone_is_asked_for_itself(tenant: Tenant) -> None:
    customer_id, phone = await customer(tenant.rep), a_phone()
    contact = await book.add_contact(
        tenant.rep, customer_id, NewContact(name="王经理", phone=phone), now=NOW
    )
    silent = await book.add_contact(tenant.rep, customer_id, NewContact(name="小李"), now=NOW)

    await called(tenant.rep, customer_id, "opted_out", contact_id=contact.id)
    await let_work(tenant.tenant_id)

    with pytest.raises(PhoneOptedOut):
        await queries.dial(tenant.rep, customer_id, Dialling(contact_id=contact.id))
    own = await queries.dial(tenant.rep, customer_id, Dialling())
    assert own.phone == (await customers.one(tenant.rep, customer_id)).phone
    with pytest.raises(NoPhone):
        await queries.dial(tenant.rep, customer_id, Dialling(contact_id=silent.id))
    with pytest.raises(NotFound):
        await queries.dial(tenant.rep, customer_id, Dialling(contact_id=new_id()))


async def test_s45_a_call_closes_no_phone_of_another_customer(tenant: Tenant) -> None:
    mine, other, phone = await customer(tenant.rep), await customer(tenant.rep), a_phone()
    contact = await book.add_contact(
        tenant.rep, other, NewContact(name="王经理", phone=phone), now=NOW
    )

    with pytest.raises(Refusal) as refused:
        await called(tenant.rep, mine, "opted_out", contact_id=contact.id)
    await let_work(tenant.tenant_id)

    assert (refused.value.code, refused.value.field) == ("reference_missing", "contact_id")
    asked = Dialling(contact_id=contact.id)
    assert (await queries.dial(tenant.rep, other, asked)).phone == phone
    assert await queries.calls_of(tenant.rep, mine) == []


async def test_s45_devices_hear_of_a_phone_that_another_company_was_told_of(
    tenant: Tenant, rival: Tenant, settings: Settings
) -> None:
    phone = a_phone()
    customer_id = await customer(tenant.rep, phone)
    device = await make_device(settings, tenant)

    async def bans() -> list[tuple[Any, bool]]:
        await device.pull()
        return [
            (record["phone"], record["lifted_at"] is None)
            for (kind, _), record in device.replica.items()
            if kind == "call_ban" and record["customer_id"] == str(customer_id)
        ]

    await opt_outs.opt_out(rival.manager, phone, OptOutReason.COMPLAINT, now=NOW)
    await asyncio.gather(*(service.refresh_bans(tenant.tenant_id, now=NOW + DAY) for _ in range(3)))
    heard = await bans()
    await opt_outs.withdraw(rival.manager, phone, "误登", now=NOW + DAY)
    await service.refresh_bans(tenant.tenant_id, now=NOW + 2 * DAY)
    lifted = await bans()
    await opt_outs.opt_out(rival.manager, phone, OptOutReason.ASKED, now=NOW + 3 * DAY)
    await service.refresh_bans(tenant.tenant_id, now=NOW + 3 * DAY)

    assert (heard, lifted, await bans()) == ([(phone, True)], [(phone, False)], [(phone, True)])


async def test_a_call_keeps_a_customer_out_of_the_pools(tenant: Tenant) -> None:
    quiet, spoken_to = await customer(tenant.rep), await customer(tenant.rep)
    rule = NewRule(trigger=rules.Trigger.INACTIVITY, days=30)
    pool = NewPool(name="公海", warn_days=0, recycle_rules=[rule])
    await pools.create_pool(tenant.owner, pool, now=NOW)
    late = NewCall(outcome=CallOutcome.NO_ANSWER)
    await service.add_call(tenant.rep, spoken_to, late, now=NOW + 20 * DAY)

    for day in (30, 31, 32):
        await recycling.recycle(tenant.tenant_id, now=NOW + day * DAY)

    owners = [(await customers.one(tenant.owner, each)).owner_id for each in (quiet, spoken_to)]
    assert owners == [None, tenant.rep.user_id]


async def test_another_companys_calls_are_not_there(tenant: Tenant, rival: Tenant) -> None:
    customer_id = await customer(tenant.rep)
    call = await called(tenant.rep, customer_id, "answered")

    for asking in (
        queries.call(rival.owner, call.id),
        queries.calls_of(rival.owner, customer_id),
        queries.dial(rival.owner, customer_id, Dialling()),
        service.add_call(rival.owner, customer_id, NewCall(outcome=CallOutcome.BUSY), now=NOW),
    ):
        with pytest.raises(NotFound):
            await asking
