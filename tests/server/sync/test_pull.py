"""The law of pulling: a stale replica that pulls equals a fresh one, whatever happened between."""

import asyncio
import contextvars
import random
from datetime import datetime, timedelta
from functools import partial

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.access import Role, Scope
from server.identity import hearing
from server.settings import Settings
from server.sync import service as sync
from server.sync.postgres import STORE
from server.tenants import service as tenants
from server.tenants.schemas import CompanyChange
from sync_protocol import codec
from sync_protocol.messages import PullRequest
from tests import factories
from tests.factories import NOW, Tenant, new_id
from tests.server.sync.devices import Device, frame, make_device
from tests.server.sync.happenings import act, assign


async def test_an_unchanged_tenant_is_told_in_sixty_bytes(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    await phone.push(phone.create("customer", new_id(), name="木渎灯饰"))
    await phone.pull()

    page = await sync.pull(phone.actor, PullRequest(cursor=phone.cursor), now=phone.later())

    assert (page.cursor, page.more, page.reset) == (phone.cursor, False, False)
    assert (page.batches, page.patches, page.drops) == ([], [], [])
    assert len(codec.encode(page)) <= 60


async def test_every_answer_tells_how_long_the_device_may_show_what_it_holds(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    await phone.push(phone.create("customer", new_id(), name="木渎灯饰"))
    await tenants.change_company(tenant.owner, CompanyChange(lease_hours=5), now=NOW)

    first = await sync.pull(phone.actor, PullRequest(), now=phone.later())
    quiet = await sync.pull(phone.actor, PullRequest(cursor=first.cursor), now=phone.later())

    assert (first.lease_ms, quiet.lease_ms) == (5 * 3_600_000, 5 * 3_600_000)


async def test_m12_each_page_is_heard_and_only_the_last_is_a_sync(
    database: Settings, tenant: Tenant
) -> None:
    """Whoever never asks for the last page keeps no old moment; written once a minute at most."""
    phone = await make_device(database, tenant)
    for _ in range(3):
        await phone.push(phone.create("customer", new_id(), name="木渎灯饰"))
    synced_at, begun = await _heard(phone), phone.later() + timedelta(hours=1)
    first = await sync.pull(phone.actor, PullRequest(limit=1), now=begun)
    heard = [await _heard(phone)]
    for seconds in (30, 90):
        request = PullRequest(cursor=first.cursor, limit=1)
        page = await sync.pull(phone.actor, request, now=begun + timedelta(seconds=seconds))
        heard.append(await _heard(phone))

    assert (first.more, page.more) == (True, True)
    assert heard == [
        (synced_at[0], begun),
        (synced_at[0], begun),
        (synced_at[0], begun + timedelta(seconds=90)),
    ]


async def test_no_request_waits_for_a_push_of_its_device_only_to_be_heard(
    database: Settings, tenant: Tenant
) -> None:
    """It is heard the next time; what waits on the device is not asked about then either."""
    phone = await make_device(database, tenant)
    hears = partial(hearing.hear, phone.actor, is_telling=False)
    begun, elsewhere = phone.later() + timedelta(hours=1), contextvars.copy_context()
    async with STORE.unit_of_work(phone.actor.tenant_id):
        before = (await STORE.hold_device(phone.actor)).last_heard_at
        await asyncio.create_task(hears(b"0", now=begun), context=elsewhere)
    meanwhile = (await _heard(phone))[1]
    await hears(b"1", now=begun)
    waiting = (await _heard(phone))[1]
    await hears(b"", now=begun)
    await hears(b"", now=begun + timedelta(seconds=59))

    assert meanwhile == waiting == before
    assert (await _heard(phone))[1] == begun


async def _heard(phone: Device) -> tuple[datetime | None, datetime]:
    """Give when a device was up to date last, and when it was heard of."""
    async with STORE.unit_of_work(phone.actor.tenant_id):
        held = await STORE.hold_device(phone.actor)
    return held.last_sync_at, held.last_heard_at


async def test_a_cursor_of_another_device_starts_again(database: Settings, tenant: Tenant) -> None:
    phone, other = [await make_device(database, tenant) for _ in range(2)]
    await phone.push(phone.create("customer", new_id(), name="木渎灯饰"))
    await phone.pull()

    page = await sync.pull(other.actor, PullRequest(cursor=phone.cursor), now=other.later())

    assert (page.reset, page.cursor, page.batches) == (True, None, [])


async def test_a_damaged_cursor_does_not_take_the_ops_beside_it_with_it(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    op = phone.create("customer", new_id(), name="木渎灯饰")

    now = phone.later()
    push = msgspec.structs.replace(frame([op], now), pull=PullRequest(cursor="AAAA"))
    answer = await sync.push(phone.actor, push, now=now)

    assert [outcome.code for outcome in answer.outcomes] == ["applied"]
    assert answer.pull is not None
    assert answer.pull.reset


async def test_a_customer_handed_over_leaves_one_phone_and_enters_another_with_its_notes(
    database: Settings, tenant: Tenant
) -> None:
    before, after = [await make_device(database, tenant, scope=Scope.MINE) for _ in range(2)]
    customer_id, note_id = new_id(), new_id()
    await before.push(
        before.create("customer", customer_id, name="江阴海澜"),
        before.create("note", note_id, customer_id=str(customer_id), body="老板爱喝茶"),
    )
    await before.pull()
    await after.pull()

    await assign(tenant, customer_id, after)
    await before.pull()
    await after.pull()

    assert before.replica == {}
    assert set(after.replica) == {("customer", str(customer_id)), ("note", str(note_id))}


async def test_a_row_committed_late_is_not_lost(database: Settings, tenant: Tenant) -> None:
    """Sixteen writers and a reader at once; a cursor on a plain sequence loses a quarter here."""
    writers = [await make_device(database, tenant) for _ in range(4)]
    reader = await make_device(database, tenant)

    async def write(device: Device) -> None:
        for _ in range(15):
            await device.push(device.create("customer", new_id(), name="同时写入"))

    async def read(done: asyncio.Event) -> None:
        while not done.is_set():
            await reader.pull(limit=7)

    done = asyncio.Event()
    reading = asyncio.create_task(read(done))
    await asyncio.gather(*(write(device) for device in writers))
    done.set()
    await reading
    await reader.pull(limit=7)

    assert len(reader.replica) == 60
    assert reader.replica == await reader.snapshot()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0, max_value=2**32 - 1))
async def test_a_stale_replica_that_pulls_equals_a_fresh_one(database: Settings, seed: int) -> None:
    rng = random.Random(seed)
    tenant = await factories.make_tenant()
    second_team = new_id()
    await tenants.add_team(tenant.tenant_id, second_team, name="二队", now=NOW)
    phones = [
        await make_device(database, tenant, scope=Scope.MINE),
        await make_device(database, tenant, scope=Scope.TEAM),
        await make_device(database, tenant, scope=Scope.TEAM, team_id=second_team),
        await make_device(database, tenant, role=Role.AGENT_OWNER, scope=Scope.TENANT),
    ]
    customers: list[str] = []
    for _ in range(rng.randint(5, 40)):
        await act(rng, tenant, phones, customers)

    for phone in phones:
        await phone.pull(limit=rng.choice([1, 3, 2000]))
        assert phone.replica == await phone.snapshot()
