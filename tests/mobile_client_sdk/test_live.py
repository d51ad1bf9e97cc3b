"""A device that listens syncs soon after a hint, and comes back after every loss."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from mobile_client_sdk.aio import AsyncClient
from mobile_client_sdk.client import SyncState
from mobile_client_sdk.live import Backoff, Live
from mobile_client_sdk.records import Customer
from tests.mobile_client_sdk.people import Phones


class Stream(httpx.AsyncByteStream):
    """A stream of hints that a test feeds; none ends it."""

    def __init__(self) -> None:
        self.feed: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self.feed.get()) is not None:
            yield chunk


class Hints(httpx.AsyncBaseTransport):
    """The network between a device and the server's hints."""

    def __init__(self) -> None:
        self.streams: asyncio.Queue[Stream] = asyncio.Queue()
        self.tokens: list[str] = []
        self.refusals = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tokens.append(request.headers["authorization"])
        if self.refusals:
            self.refusals -= 1
            raise httpx.ConnectError("no network", request=request)
        stream = Stream()
        await self.streams.put(stream)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)


class Waits:
    """Waits that last no time and are written down."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def hints() -> Hints:
    """The hints of a server."""
    return Hints()


def listen(client: AsyncClient, hints: Hints, waits: Waits) -> Live:
    """Let a device listen."""
    inner = client._client
    return Live(
        inner.base_url,
        inner.sessions,
        client.sync,
        inner.shown_seq,
        http=hints,
        sleep=waits.sleep,
        chance=lambda: 1.0,
    )


async def test_a_hint_brings_what_is_new_and_one_of_what_is_shown_nothing(
    phones: Phones, hints: Hints
) -> None:
    office, waits = phones.enrol("内勤"), Waits()
    async with AsyncClient(phones.enrol("王芳")) as wang:
        reports = listen(wang, hints, waits).reports()
        assert (await anext(reports)).is_complete
        assert (await anext(reports)).is_complete
        stream = await hints.streams.get()
        office.create_customer(name="福满楼")
        office.sync()
        requests = phones.server.requests

        shown = phones.server.seq
        for seq in (shown - 1, shown, shown):
            await stream.feed.put(f": quiet\n\nevent: newer\ndata: {seq}\n\n".encode())
        await stream.feed.put(None)
        assert (await anext(reports)).is_complete

        assert [shop.name for shop in await wang.customers()] == ["福满楼"]
        assert phones.server.requests == requests + 1
        assert waits.seconds == [1.5]
        await anext(reports)
        assert phones.server.requests == requests + 2, "the other hints told nothing new"


async def test_a_lost_stream_is_opened_again_with_longer_and_longer_waits(
    phones: Phones, hints: Hints
) -> None:
    waits = Waits()
    async with AsyncClient(phones.enrol("王芳")) as wang:
        hints.refusals = 4
        reports = listen(wang, hints, waits).reports()
        for _ in range(6):
            await anext(reports)

        assert waits.seconds == [1.0, 2.0, 4.0, 8.0]
        assert hints.tokens == [hints.tokens[0]] * 5
        assert hints.tokens[0].startswith("Bearer ")


async def test_streams_that_open_and_end_at_once_are_not_asked_for_in_a_hurry(
    phones: Phones, hints: Hints
) -> None:
    waits = Waits()
    async with AsyncClient(phones.enrol("王芳")) as wang:
        reports = listen(wang, hints, waits).reports()
        for _ in range(3):
            await anext(reports)
            await anext(reports)
            stream = await hints.streams.get()
            await stream.feed.put(b": listening\r\n\r\n")
            await stream.feed.put(None)
        await anext(reports)

        assert waits.seconds == [1.0, 2.0, 4.0]


async def test_listening_ends_when_a_person_must_act(phones: Phones, hints: Hints) -> None:
    async with AsyncClient(phones.enrol("王芳")) as wang:
        session = wang._client.session
        assert session is not None
        phones.server.revoke(session.device_id)

        states = [report.state async for report in listen(wang, hints, Waits()).reports()]

        assert states == [SyncState.WIPED]


def test_waits_are_bounded_and_differ_by_chance() -> None:
    backoff = Backoff()

    longest = [backoff.next_s(1.0) for _ in range(30)]

    assert longest[:3] == [1.0, 2.0, 4.0]
    assert longest[-1] == 300.0
    assert backoff.next_s(0.0) == 150.0


async def test_an_awaited_watch_follows_edits_and_syncs(phones: Phones) -> None:
    office = phones.enrol("内勤")
    async with AsyncClient(phones.enrol("王芳")) as wang:
        shops = wang.watch(Customer, city="杭州")
        assert await anext(shops) == []
        await wang.create_customer(name="福满楼", city="杭州")
        assert [shop.name for shop in await anext(shops)] == ["福满楼"]

        office.create_customer(name="得月楼", city="杭州")
        office.sync()
        progress: list[int] = []
        await wang.sync(on_progress=lambda each: progress.append(each.pushed))
        names: list[str] = []
        while "得月楼" not in names:
            names = [shop.name for shop in await anext(shops)]
        await shops.aclose()  # type: ignore[attr-defined] # an async generator can be ended

        assert names == ["得月楼", "福满楼"]
        assert progress == [1]
