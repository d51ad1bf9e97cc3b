"""Two transactions that want each other's rows: one gives way, comes again, and nothing is lost.

A push takes the company's clock with its edits, and then what its intents want; a page takes a
lead's row first and the clock last. What an intent locks is its room's affair, which the push does
not know before it asks, so the two may wait for each other. The database lets one of them go, which
is answered 503: a push comes again under the same numbers, and each op is settled once.
"""

import asyncio
import contextvars
from collections.abc import Awaitable

import asyncpg

from server.customers import queries as customers
from server.kit import db
from server.leads import service as leads
from server.leads.rules.states import LeadState
from server.leads.service.holding import hold
from server.settings import Settings
from sync_protocol.messages import Intent, PushResponse, ReceivedOp
from tests.factories import NOW, Tenant, new_id
from tests.server.customers.stories import change, make
from tests.server.leads.stories import one, ready
from tests.server.sync.devices import Device, make_device


async def meanwhile(phone: Device, ops: list[ReceivedOp]) -> "asyncio.Task[PushResponse]":
    """Let a phone push, and see that it waits for what the open transaction holds."""

    async def is_waiting() -> bool:
        async with db.global_transaction():
            return bool(
                await db.connection().fetchval(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )

    sent = asyncio.create_task(phone.push(*ops), context=contextvars.Context())
    while not await asyncio.create_task(is_waiting(), context=contextvars.Context()):
        assert not sent.done(), "nothing held it up"
    return sent


async def test_a_push_and_a_page_that_want_each_others_rows_both_get_through(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    lead_id, customer_id = await ready(tenant), new_id()
    await phone.push(phone.create("customer", customer_id, name="无锡尚德物业"))
    await leads.route(tenant.manager, lead_id, person_id=phone.actor.user_id, now=NOW)
    await phone.pull()
    other = await make(tenant.owner)
    edit = phone.edit("customer", customer_id, city="无锡市")
    accept = Intent(
        number=phone.number + 1,
        id=str(new_id()),
        name="lead.accept",
        args={"lead_id": str(lead_id)},
        at_ms=edit.at_ms,
    )
    sent: list[asyncio.Task[PushResponse]] = []

    async def write_a_page() -> None:
        async with db.tenant_transaction(tenant.tenant_id):
            await hold(tenant.manager, [lead_id])
            sent.append(await meanwhile(phone, [edit, accept]))
            await change(tenant.owner, other.id, remark="周三到货")

    gave_way = [await gives_way(write_a_page()), await gives_way(sent[0])]
    await change(tenant.owner, other.id, remark="周三到货")
    answer = await phone.push(edit, accept)

    assert sorted(gave_way) == [False, True]
    assert [each.code for each in answer.outcomes] == ["applied", "applied"]
    assert (await phone.push(edit, accept)).outcomes == answer.outcomes
    assert (await one(tenant.manager, lead_id)).state is LeadState.ACCEPTED
    assert (await customers.one(tenant.owner, other.id)).remark == "周三到货"
    assert (await customers.one(tenant.owner, customer_id)).city == "无锡市"


async def test_a_push_that_waits_for_a_customer_holds_none_that_comes_after(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    first, second = sorted([new_id(), new_id()])
    await phone.push(
        phone.create("customer", first, name="无锡尚德物业"),
        phone.create("customer", second, name="无锡惠山茶庄"),
    )
    await phone.pull()
    locking = "SELECT FROM customer WHERE tenant_id = $1 AND id = $2 FOR UPDATE NOWAIT"

    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(locking, tenant.tenant_id, first)
        edit, end = phone.edit("customer", second, city="无锡市"), phone.delete("customer", first)
        sent = await meanwhile(phone, [edit, end])
        await db.connection().execute(locking, tenant.tenant_id, second)

    assert [each.code for each in (await sent).outcomes] == ["applied", "applied"]


async def gives_way(work: Awaitable[object]) -> bool:
    """Say whether the database let go of this, for the other to go on."""
    try:
        await work
    except asyncpg.DeadlockDetectedError:
        return True
    return False
