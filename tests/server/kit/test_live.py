"""Live hints: at once in one process, debounced in the others, caught up after a loss."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from server.kit import live
from server.kit.live import Hub, Subscription
from server.settings import Settings
from tests.postgres import Postgres

_SOON_S = 5.0


@pytest.fixture
async def here(fresh_database: Settings) -> AsyncIterator[Hub]:
    """The hub of one process."""
    async with opened(fresh_database) as hub:
        yield hub


@pytest.fixture
async def there(fresh_database: Settings) -> AsyncIterator[Hub]:
    """The hub of another process."""
    async with opened(fresh_database) as hub:
        yield hub


class opened:  # noqa: N801 - reads as a verb where it is used
    """A hub that hears the others."""

    def __init__(self, settings: Settings, latest: dict[UUID, int] | None = None) -> None:
        self.hub = Hub()
        self._url = settings.database_url
        self._latest = latest or {}

    async def __aenter__(self) -> Hub:
        await self.hub.open(self._url, latest_seq=self._read)
        await self.hub.connected()
        return self.hub

    async def __aexit__(self, *_: object) -> None:
        await self.hub.close()

    async def _read(self, tenant_id: UUID) -> int:
        return self._latest.get(tenant_id, 0)


async def hear(subscription: Subscription) -> int:
    """Wait for the next number, not forever."""
    async with asyncio.timeout(_SOON_S):
        return await anext(subscription)


async def cut_lines(postgres: Postgres, settings: Settings) -> int:
    """End every hub's connection to this database; say how many there were."""
    superuser = await asyncpg.connect(postgres.superuser)
    try:
        ended = await superuser.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'tonglu-live' AND datname = $1",
            settings.database_url.rpartition("/")[2].partition("?")[0],
        )
    finally:
        await superuser.close()
    return len(ended)


async def test_a_listener_in_the_same_process_hears_without_the_database() -> None:
    hub, tenant_id = Hub(), uuid4()
    subscription = hub.subscribe(tenant_id)

    hub.publish(tenant_id, 7)

    assert await hear(subscription) == 7


async def test_a_listener_hears_its_own_tenant_only(here: Hub) -> None:
    mine, other = uuid4(), uuid4()
    subscription = here.subscribe(mine)

    here.publish(other, 100)
    here.publish(mine, 3)

    assert await hear(subscription) == 3


async def test_another_process_hears(here: Hub, there: Hub) -> None:
    tenant_id = uuid4()
    subscription = there.subscribe(tenant_id)

    here.publish(tenant_id, 11)

    assert await hear(subscription) == 11


async def test_a_slow_listener_gets_the_latest_number_and_no_old_one(here: Hub) -> None:
    tenant_id = uuid4()
    subscription = here.subscribe(tenant_id)

    for seq in (1, 2, 5, 4, 3):
        here.publish(tenant_id, seq)
    assert await hear(subscription) == 5
    here.publish(tenant_id, 5)
    here.publish(tenant_id, 6)

    assert await hear(subscription) == 6


async def test_many_changes_become_few_notifications(here: Hub, fresh_database: Settings) -> None:
    heard: list[str] = []
    done = asyncio.Event()
    last = uuid4()

    def take(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        heard.append(str(payload))
        if last.hex in str(payload):
            done.set()

    listener = await asyncpg.connect(fresh_database.database_url)
    await listener.add_listener(live.CHANNEL, take)
    tenants = [uuid4() for _ in range(200)]
    for seq in range(1, 11):
        for tenant_id in tenants:
            here.publish(tenant_id, seq)
    here.publish(last, 1)
    async with asyncio.timeout(_SOON_S):
        await done.wait()
    await listener.close()

    # 2,001 changes of 201 tenants, at most 120 tenants a time.
    assert len(heard) == 2
    assert all(len(payload) < 8000 for payload in heard)
    told = [msgspec.json.decode(payload) for payload in heard]
    assert all(set(hint) == {"origin", "seqs"} for hint in told)
    seqs = told[0]["seqs"] | told[1]["seqs"]
    assert seqs == {tenant_id.hex: 10 for tenant_id in tenants} | {last.hex: 1}


async def test_notifications_keep_their_distance(here: Hub, fresh_database: Settings) -> None:
    loop = asyncio.get_running_loop()
    heard: list[float] = []
    three = asyncio.Event()

    def take(*_: object) -> None:
        heard.append(loop.time())
        if len(heard) == 3:
            three.set()

    listener = await asyncpg.connect(fresh_database.database_url)
    await listener.add_listener(live.CHANNEL, take)
    seq = 0
    async with asyncio.timeout(_SOON_S):
        while not three.is_set():
            seq += 1
            here.publish(uuid4(), seq)
            await asyncio.wait([asyncio.create_task(three.wait())], timeout=0.005)
    await listener.close()

    gaps = [later - earlier for earlier, later in pairwise(heard)]
    assert all(gap >= live.DEBOUNCE_S * 0.8 for gap in gaps), gaps


async def test_who_listens_before_the_line_is_there_is_told_what_came_meanwhile(
    fresh_database: Settings,
) -> None:
    tenant = uuid4()
    starting = opened(fresh_database, {tenant: 7})
    early = starting.hub.subscribe(tenant)

    async with starting:
        assert await hear(early) == 7


async def test_after_a_lost_line_both_hear_again_and_catch_up(
    fresh_database: Settings, postgres: Postgres
) -> None:
    tenant_id = uuid4()
    latest = {tenant_id: 0}
    async with opened(fresh_database) as here, opened(fresh_database, latest) as there:
        subscription = there.subscribe(tenant_id)
        here.publish(tenant_id, 1)
        assert await hear(subscription) == 1

        # Nobody says anything while the line is down; the database knows better.
        latest[tenant_id] = 40
        assert await cut_lines(postgres, fresh_database) == 2

        assert await hear(subscription) == 40
        await here.connected()
        here.publish(tenant_id, 41)
        assert await hear(subscription) == 41


async def test_what_is_said_while_the_line_is_down_goes_out_later(
    fresh_database: Settings, postgres: Postgres
) -> None:
    tenant_id = uuid4()
    async with opened(fresh_database) as here, opened(fresh_database) as there:
        subscription = there.subscribe(tenant_id)
        assert await cut_lines(postgres, fresh_database) == 2

        here.publish(tenant_id, 9)

        await here.connected()
        await there.connected()
        # The hint is a hint: said again, it arrives.
        here.publish(tenant_id, 10)
        assert await hear(subscription) in (9, 10)


async def test_a_stranger_on_the_channel_does_no_harm(here: Hub, fresh_database: Settings) -> None:
    tenant_id = uuid4()
    subscription = here.subscribe(tenant_id)
    stranger = await asyncpg.connect(fresh_database.database_url)
    good = msgspec.json.encode({"origin": "other", "seqs": {tenant_id.hex: 5}}).decode()
    for payload in ("", "{", '{"origin": 1}', '{"origin": "x", "seqs": {"no id": 1}}', good):
        await stranger.execute("SELECT pg_notify($1, $2)", live.CHANNEL, payload)
    await stranger.close()

    assert await hear(subscription) == 5


async def test_feeds_end_when_the_process_drains(here: Hub) -> None:
    subscription = here.subscribe(uuid4())

    here.end_subscriptions()

    with pytest.raises(StopAsyncIteration):
        await hear(subscription)


async def test_a_quiet_feed_beats(here: Hub) -> None:
    tenant_id = uuid4()
    subscription = here.subscribe(tenant_id)
    beats = subscription.beats(every_s=0.01)

    assert await anext(beats) is None
    here.publish(tenant_id, 1)
    assert await anext(beats) == 1
    here.end_subscriptions()
    assert [beat async for beat in beats if beat is not None] == []


async def test_a_forgotten_subscription_is_forgotten(here: Hub) -> None:
    tenant_id = uuid4()
    subscription: Subscription | None = here.subscribe(tenant_id)
    assert subscription is not None

    subscription = None
    here.publish(tenant_id, 1)

    assert here._subscriptions == {}


async def test_what_was_published_last_is_said_before_closing(fresh_database: Settings) -> None:
    tenant_id = uuid4()
    async with opened(fresh_database) as there:
        subscription = there.subscribe(tenant_id)
        async with opened(fresh_database) as here:
            here.publish(tenant_id, 1)
            here.publish(tenant_id, 2)

        assert await hear(subscription) == 2
