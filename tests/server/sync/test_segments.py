"""Pages of a first sync that another device had before: the same state, and nothing out of sight.

Segments have three rows here, so that a few customers are several pages.
"""

import random
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from server.access import Actor, Role, Scope
from server.changelog import restoration
from server.kit import db
from server.settings import Settings
from server.sync import collection, first_sync
from server.sync.segments import FRESH, PostgresSegments, Segment
from server.sync.service import HERE, Room
from server.tenants import service as tenants
from sync_protocol import codec
from sync_protocol.cursor import Cursor
from sync_protocol.messages import PullRequest, PullResponse
from tests import factories
from tests.factories import NOW, Tenant, new_id
from tests.server.sync.devices import Device, make_device, make_phone_session, take
from tests.server.sync.happenings import act, assign

PAGE = 3


def room_of(segments: PostgresSegments) -> Room:
    """Give the product's room with these segments."""
    return msgspec.structs.replace(HERE, segments=segments)


ROOM = room_of(PostgresSegments(page=PAGE))


class Newcomer:
    """A device that has nothing yet, and goes page by page."""

    def __init__(self, phone: Device, room: Room = ROOM) -> None:
        self.phone = phone
        self.room = room
        self.staged: dict[tuple[str, str], dict[str, object]] = {}
        self.cursor: str | None = None
        self.is_done = False
        self.packed: list[bool] = []
        """Of each page, whether it came packed."""

    async def page(self, now: datetime | None = None) -> PullResponse:
        """Take one page more, as it travels."""
        request = PullRequest(cursor=self.cursor, limit=PAGE)
        told = await first_sync.pull(
            self.phone.actor, request, now=now or self.phone.later(), room=self.room
        )
        self.packed.append(isinstance(told, first_sync.Packed))
        page = as_message(told)
        assert page.from_cursor == self.cursor
        assert not page.reset
        take(self.staged, page)
        self.cursor, self.is_done = page.cursor, not page.more
        return page

    async def load(self, now: datetime | None = None) -> "Newcomer":
        """Take all pages that are left."""
        while not self.is_done:
            await self.page(now)
        return self


def as_message(told: PullResponse | first_sync.Packed) -> PullResponse:
    """Read a page as a device reads it."""
    if isinstance(told, PullResponse):
        return told
    batches = codec.decompress(told.frame, max_bytes=codec.MAX_RESPONSE_BYTES)
    return codec.decode(codec.encode_head(told.page) + batches, PullResponse)


@pytest.fixture
async def owner(database: Settings, tenant: Tenant) -> Device:
    """The owner's phone, which sees all of the company."""
    return await make_device(database, tenant, role=Role.AGENT_OWNER, scope=Scope.TENANT)


@pytest.fixture
async def rep(database: Settings, tenant: Tenant) -> Device:
    """The phone of a rep, who sees the team."""
    return await make_device(database, tenant)


async def ten_customers(phone: Device) -> list[UUID]:
    """Let a phone make ten customers in the order of their ids."""
    made = [new_id() for _ in range(10)]
    for place, customer_id in enumerate(made):
        await phone.push(phone.create("customer", customer_id, name=f"客户 {place}"))
    return made


async def test_the_second_device_of_a_company_takes_the_pages_of_the_first(
    database: Settings, tenant: Tenant, owner: Device, rep: Device
) -> None:
    await ten_customers(rep)
    second = await make_device(database, tenant, role=Role.AGENT_OWNER, scope=Scope.TENANT)

    await Newcomer(owner).load()
    await rep.push(rep.create("customer", new_id(), name="新客户"))
    other_server = room_of(PostgresSegments(page=PAGE))
    loaded = await Newcomer(second, other_server).load()

    assert loaded.packed == [True, True, True, False]
    assert loaded.staged == await second.snapshot()
    assert len(loaded.staged) == 11
    assert await _runs(tenant) == 1


async def test_what_was_written_since_comes_behind_the_pages_of_before(
    database: Settings, tenant: Tenant, owner: Device, rep: Device
) -> None:
    customers = await ten_customers(rep)
    await Newcomer(owner).load()
    second = await make_device(database, tenant, role=Role.AGENT_OWNER, scope=Scope.TENANT)
    await rep.push(
        rep.edit("customer", customers[0], city="无锡市"),
        rep.delete("customer", customers[1]),
        rep.create("note", new_id(), customer_id=str(customers[2]), body="约好周三"),
    )
    newcomer = Newcomer(second)
    await newcomer.page()
    await rep.push(rep.delete("customer", customers[0]), rep.delete("customer", customers[9]))

    await newcomer.load()

    assert newcomer.packed[:3] == [True, True, True]
    assert newcomer.staged == await second.snapshot()
    assert len(newcomer.staged) == 8


async def test_a_customer_who_has_left_the_team_is_in_no_page_for_it(
    database: Settings, tenant: Tenant, rep: Device
) -> None:
    customers = await ten_customers(rep)
    elsewhere = new_id()
    await tenants.add_team(tenant.tenant_id, elsewhere, name="二队", now=NOW)
    first, second, third = [await make_device(database, tenant) for _ in range(3)]
    stranger = await make_device(database, tenant, team_id=elsewhere)
    halfway = Newcomer(second)
    await halfway.page()
    await Newcomer(first).load()
    # Nobody of the first team owns them any longer, and they are in its pages.
    await assign(tenant, customers[0], stranger)
    await assign(tenant, customers[5], stranger)

    newcomer = Newcomer(third)
    told = [await newcomer.page() for _ in range(3)]
    rest = await halfway.page()

    ids = {each for page in (*told, rest) for batch in page.batches for each in batch.ids}
    assert not ids & {str(customers[0]), str(customers[5])}
    await halfway.load()
    await newcomer.load()
    assert halfway.staged == newcomer.staged == await third.snapshot()
    assert len(newcomer.staged) == 8


async def test_who_owns_a_customer_of_another_team_has_pages_of_their_own(
    database: Settings, tenant: Tenant, rep: Device
) -> None:
    customers = await ten_customers(rep)
    elsewhere = new_id()
    await tenants.add_team(tenant.tenant_id, elsewhere, name="二队", now=NOW)
    plain, moving = [await make_device(database, tenant) for _ in range(2)]
    await assign(tenant, customers[3], moving, team_id=elsewhere)

    first = await Newcomer(moving).load()
    second = await Newcomer(plain).load()

    assert not any(first.packed)
    assert first.staged == await moving.snapshot()
    assert second.staged == await plain.snapshot()
    assert (len(first.staged), len(second.staged)) == (10, 9)
    # The pages of the others are there by now, and still are none for this one.
    again = await Newcomer(moving).load()
    assert not any(again.packed)
    assert again.staged == first.staged


async def test_teams_roles_and_companies_share_no_pages(
    database: Settings, tenant: Tenant, owner: Device, rep: Device
) -> None:
    await ten_customers(rep)
    await Newcomer(owner).load()
    elsewhere = new_id()
    await tenants.add_team(tenant.tenant_id, elsewhere, name="二队", now=NOW)
    other_company = await factories.make_tenant()
    await ten_customers(await make_device(database, other_company))

    others = [
        await make_device(database, tenant, team_id=elsewhere),
        await make_device(database, tenant, role=Role.SALES_MANAGER, scope=Scope.TENANT),
        await make_device(database, tenant, scope=Scope.MINE),
        await make_device(database, other_company, role=Role.AGENT_OWNER, scope=Scope.TENANT),
    ]
    before = await _kept(tenant)
    for phone in others:
        loaded = await Newcomer(phone).load()
        assert loaded.staged == await phone.snapshot()

    assert before == {"agent_owner.tenant"}
    assert await _kept(tenant) == {"agent_owner.tenant", "sales_manager.tenant"}


async def test_pages_of_before_a_restoration_are_told_to_nobody(
    database: Settings, tenant: Tenant, owner: Device, rep: Device
) -> None:
    await ten_customers(rep)
    await Newcomer(owner).load()
    async with db.tenant_transaction(tenant.tenant_id):
        await restoration.begin_epoch(tenant.tenant_id, now=NOW)
        # The backup lacks one of them.
        await db.connection().execute(
            "DELETE FROM customer WHERE tenant_id = $1 AND name = '客户 1'", tenant.tenant_id
        )

    loaded = await Newcomer(owner).load()

    assert loaded.staged == await owner.snapshot()
    assert len(loaded.staged) == 9


async def test_pages_from_before_the_kept_tombstones_are_told_to_nobody(
    database: Settings, tenant: Tenant, owner: Device, rep: Device
) -> None:
    customers = await ten_customers(rep)
    await Newcomer(owner).load()
    halfway = Newcomer(
        await make_device(database, tenant, role=Role.AGENT_OWNER, scope=Scope.TENANT)
    )
    await halfway.page()
    await rep.push(rep.delete("customer", customers[0]))
    later = NOW + timedelta(days=100)
    # The clock of a server was wrong when it made them: they look fresh and are not.
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "WITH old AS (DELETE FROM feed_segment WHERE tenant_id = $1 RETURNING *)"
            " INSERT INTO feed_segment SELECT tenant_id, sight, form, epoch, started, after_seq,"
            " after_kind, after_id, end_seq, end_kind, end_id, frame, $2 FROM old",
            tenant.tenant_id,
            later,
        )
    await collection.collect(tenant.tenant_id, now=later)

    loaded = await Newcomer(owner).load(now=later)
    told = await first_sync.pull(
        halfway.phone.actor, PullRequest(cursor=halfway.cursor, limit=PAGE), now=later, room=ROOM
    )

    assert loaded.staged == await owner.snapshot()
    assert len(loaded.staged) == 9
    assert as_message(told).reset


async def test_pages_are_handed_out_for_a_day_and_then_thrown_away(
    tenant: Tenant, owner: Device, rep: Device
) -> None:
    await ten_customers(rep)
    await Newcomer(owner).load()
    tomorrow = owner.now + FRESH

    assert await _runs(tenant) == 1
    first = Newcomer(owner)
    await first.page(tomorrow)
    await collection.collect(tenant.tenant_id, now=tomorrow)

    assert first.packed == [True]
    assert await _count(tenant) == 1


async def test_what_is_kept_has_a_bound(tenant: Tenant, owner: Device, rep: Device) -> None:
    await ten_customers(rep)

    loaded = await Newcomer(owner, room_of(PostgresSegments(page=PAGE, bytes_max=1))).load()

    assert loaded.staged == await owner.snapshot()
    assert await _count(tenant) == 1


class Full(PostgresSegments):
    """Keeps nothing: the database says no each time."""

    async def keep(self, actor: Actor, start: Cursor, segment: Segment, now: datetime) -> None:
        """Fail, after all is written and before it is committed."""
        async with db.tenant_transaction(actor.tenant_id):
            await super().keep(actor, start, segment, now)
            raise OSError("no space left on device")


async def test_pages_that_could_not_be_kept_are_told_all_the_same(
    tenant: Tenant, owner: Device, rep: Device
) -> None:
    await ten_customers(rep)

    loaded = await Newcomer(owner, room_of(Full(page=PAGE))).load()

    assert loaded.staged == await owner.snapshot()
    assert await _count(tenant) == 0


async def test_a_run_of_which_pages_were_lost_goes_on(
    database: Settings, tenant: Tenant, owner: Device, rep: Device
) -> None:
    """As when the server dies while the first device loads, or the database after it."""
    await ten_customers(rep)
    first = Newcomer(owner)
    await first.page()
    second = Newcomer(
        await make_device(database, tenant, role=Role.AGENT_OWNER, scope=Scope.TENANT)
    )
    await second.page()
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute("DELETE FROM feed_segment")

    await second.load()
    await first.load()

    assert first.staged == second.staged == await owner.snapshot()


@tries(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0, max_value=2**32 - 1))
async def test_with_segments_or_without_the_state_is_the_same(
    database: Settings, seed: int
) -> None:
    """Whatever happens between the pages; and no page shows what is out of sight as it is told."""
    rng = random.Random(seed)
    tenant = await factories.make_tenant()
    second_team = new_id()
    await tenants.add_team(tenant.tenant_id, second_team, name="二队", now=NOW)
    phones = [
        await make_device(database, tenant, scope=Scope.TEAM),
        await make_device(database, tenant, scope=Scope.TEAM),
        await make_device(database, tenant, scope=Scope.TEAM, team_id=second_team),
        await make_device(database, tenant, role=Role.AGENT_OWNER, scope=Scope.TENANT),
    ]
    customers: list[str] = []
    loading: list[Newcomer] = []
    for _ in range(rng.randint(10, 80)):
        if rng.random() < 0.4:
            await act(rng, tenant, phones, customers)
        elif loading and rng.random() < 0.8:
            newcomer = rng.choice(loading)
            if not newcomer.is_done:
                page = await newcomer.page()
                await _ensure_in_sight(newcomer.phone, page)
        else:
            loading.append(Newcomer(rng.choice(phones)))

    for newcomer in loading:
        await newcomer.load()
        # What a run shows is the state of its last page; from there the usual feed goes on.
        phone = Device(newcomer.phone.actor, newcomer.phone.now)
        phone.replica, phone.cursor = newcomer.staged, newcomer.cursor
        await phone.pull()
        assert phone.replica == await phone.snapshot()


async def _ensure_in_sight(phone: Device, page: PullResponse) -> None:
    """Fail if a page shows a customer that lives and is not in the device's sight."""
    shown = {each for batch in page.batches if batch.kind == "customer" for each in batch.ids}
    async with db.tenant_transaction(phone.actor.tenant_id, readonly=True):
        alive = await db.connection().fetch("SELECT id::text FROM customer WHERE NOT deleted")
    seen = {record_id for kind, record_id in await phone.snapshot() if kind == "customer"}
    assert shown & {row["id"] for row in alive} <= seen


async def test_a_page_says_the_same_in_every_encoding(
    client: httpx.AsyncClient, database: Settings, tenant: Tenant
) -> None:
    token = await make_phone_session(database, tenant)
    client.headers["Authorization"] = f"Bearer {token}"
    rep = await make_device(database, tenant)
    for start in range(0, 2_100, 300):
        await rep.push(
            *(rep.create("customer", new_id(), name=f"客户 {start + n}") for n in range(300))
        )

    async def first_page(media: codec.MediaType, encoding: str) -> PullResponse:
        headers = {"Content-Type": media, "Accept-Encoding": encoding}
        body = codec.encode(PullRequest(), media)
        answer = await client.post("/v1/sync/pull", content=body, headers=headers)
        assert answer.headers.get("content-encoding", "identity") == encoding
        page = codec.decode(answer.content, PullResponse, media, max_bytes=10**8)
        return msgspec.structs.replace(page, server_time_ms=0)

    readable = await first_page(codec.JSON, "identity")
    kept = await first_page(codec.MSGPACK, "zstd")
    packed = await first_page(codec.MSGPACK, "zstd")
    plain = await first_page(codec.MSGPACK, "identity")

    assert readable.more
    assert len(readable.batches[0].ids) == 2_000
    assert kept == packed == plain == readable
    assert await _count(tenant) == 1


async def _kept(tenant: Tenant) -> set[str]:
    """Give whose pages are kept; a team's by its role and scope alone."""
    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        rows = await db.connection().fetch("SELECT DISTINCT sight FROM feed_segment")
    return {row["sight"] for row in rows}


async def _count(tenant: Tenant) -> int:
    """Count the pages that are kept."""
    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        return int(await db.connection().fetchval("SELECT count(*) FROM feed_segment"))


async def _runs(tenant: Tenant) -> int:
    """Count the runs of which pages are kept."""
    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        found = await db.connection().fetchval("SELECT count(DISTINCT started) FROM feed_segment")
    return int(found)
