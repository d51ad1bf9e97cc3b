"""Tell listeners that a tenant has changed: at once in this process, by NOTIFY in the others.

A hint carries a tenant and a sequence number, nothing else; whoever gets one asks for the changes
through a door. Hints may be lost or merged, sequence numbers only grow, and after a lost connection
everybody who listens is told the latest.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Self
from uuid import UUID
from weakref import WeakSet

import asyncpg
import msgspec
import structlog

from server.kit import memory, metrics

CHANNEL: Final = "tonglu_live"
DEBOUNCE_S: Final = 0.1
"""At most one NOTIFY of this process in this time."""
TENANTS_MAX: Final = 120
"""Tenants in one NOTIFY: its payload must stay below 8,000 bytes."""

RECENT_MAX: Final = 8
"""Tenants that are remembered as the last for which this process has written."""

_RETRY_FIRST_S: Final = 0.1
_RETRY_MAX_S: Final = 5.0
_PROBE_S: Final = 15.0
_TRIM_S: Final = 15.0
"""How often a process gives back what it freed."""
_COMMAND_TIMEOUT_S: Final = 5.0
_FAREWELL_S: Final = 1.0

LatestSeq = Callable[[UUID], Awaitable[int]]

log = structlog.get_logger()


class Hint(msgspec.Struct, frozen=True):
    """What travels: which process speaks, and how far each tenant is."""

    origin: str
    seqs: dict[str, int]


class Subscription:
    """A listener's view of one tenant: an async iterator of growing sequence numbers.

    Only the latest number is kept for a slow listener. Ends when the process drains.
    """

    __slots__ = ("__weakref__", "_changed", "_given", "_is_ended", "_latest", "tenant_id")

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self._latest = 0
        self._given = 0
        self._is_ended = False
        self._changed = asyncio.Event()

    def tell(self, seq: int) -> None:
        """Note how far the tenant is."""
        if seq > self._latest:
            self._latest = seq
            self._changed.set()

    def end(self) -> None:
        """Let the iterator finish."""
        self._is_ended = True
        self._changed.set()

    async def beats(self, every_s: float) -> AsyncIterator[int | None]:
        """Iterate over the numbers, and over None whenever nothing has happened for so long.

        A feed over HTTP writes something then, so that nobody on the way takes it for dead.
        """
        while True:
            try:
                async with asyncio.timeout(every_s):
                    seq = await anext(self)
            except TimeoutError:
                yield None
            except StopAsyncIteration:
                return
            else:
                yield seq

    def __aiter__(self) -> AsyncIterator[int]:
        """Iterate over the numbers."""
        return self

    async def __anext__(self) -> int:
        """Wait for a number that was not given yet."""
        while self._latest <= self._given and not self._is_ended:
            self._changed.clear()
            await self._changed.wait()
        if self._is_ended:
            raise StopAsyncIteration
        self._given = self._latest
        return self._given


class Hub:
    """The process's one place to publish and subscribe."""

    def __init__(self) -> None:
        self._origin = secrets.token_hex(8)
        self._subscriptions: dict[UUID, WeakSet[Subscription]] = {}
        self._unsent: dict[UUID, int] = {}
        self._has_unsent, self._all_sent, self._lost, self._connected = _events()
        self._latest_seq: LatestSeq | None = None
        self.recent: dict[UUID, int] = {}
        """The tenants for which this process has written, the last one last, and how far."""
        self._task: asyncio.Task[None] | None = None
        self._url = ""

    async def open(self, url: str, *, latest_seq: LatestSeq | None = None) -> None:
        """Start to listen and speak over one connection, which is made again whenever it is lost.

        :param url: a direct connection; a transaction-mode pooler does not pass LISTEN on.
        :param latest_seq: reads how far a tenant is, for the time in which nothing was heard.
        """
        assert self._task is None, "the hub is opened once"
        self._url = url
        self._latest_seq = latest_seq
        # Made here, since they belong to the loop that serves.
        self._has_unsent, self._all_sent, self._lost, self._connected = _events()
        self._task = asyncio.create_task(self._run(), name="live-hub")

    async def close(self) -> None:
        """Say what is still unsaid, stop, and end all subscriptions."""
        self.end_subscriptions()
        if self._task is None:
            return
        if self._unsent and self._connected.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._all_sent.wait()
        task, self._task = self._task, None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def connected(self, timeout_s: float = _COMMAND_TIMEOUT_S) -> None:
        """Wait until the hub hears other processes."""
        async with asyncio.timeout(timeout_s):
            await self._connected.wait()

    def publish(self, tenant_id: UUID, seq: int) -> None:
        """Tell that a tenant is at `seq`; called after the commit (`Transaction.on_commit`)."""
        self._tell(tenant_id, seq)
        self.recent.pop(tenant_id, None)
        self.recent[tenant_id] = seq
        if len(self.recent) > RECENT_MAX:
            del self.recent[next(iter(self.recent))]
        if self._task is None:
            return
        self._unsent[tenant_id] = max(seq, self._unsent.get(tenant_id, 0))
        self._all_sent.clear()
        self._has_unsent.set()

    def subscribe(self, tenant_id: UUID) -> Subscription:
        """Listen to a tenant from now on, for as long as the subscription is held."""
        subscription = Subscription(tenant_id)
        self._subscriptions.setdefault(tenant_id, WeakSet()).add(subscription)
        self._count()
        return subscription

    def end_subscriptions(self) -> None:
        """End every feed, so that its request can finish."""
        for held in self._subscriptions.values():
            for subscription in list(held):
                subscription.end()
        self._subscriptions.clear()
        self._count()

    def _tell(self, tenant_id: UUID, seq: int) -> None:
        """Tell this process's listeners."""
        held = self._subscriptions.get(tenant_id)
        if held is None:
            return
        if not held:
            del self._subscriptions[tenant_id]
            self._count()
            return
        for subscription in list(held):
            subscription.tell(seq)

    def _count(self) -> None:
        """Keep the metric."""
        metrics.LISTENERS.set(sum(len(held) for held in self._subscriptions.values()))

    async def _run(self) -> None:
        """Stay connected, however often the connection is lost."""
        pause_s = _RETRY_FIRST_S
        is_first = True
        while True:
            self._lost.clear()
            try:
                async with _Line(self._url, hear=self._hear, lose=self._lose) as line:
                    if not is_first:
                        log.info("live.reconnected")
                    # Also the first time: some listened before the line was there.
                    await self._catch_up()
                    is_first, pause_s = False, _RETRY_FIRST_S
                    self._connected.set()
                    await self._speak(line)
            # Whatever happens, the process must hear the others again.
            except Exception as error:
                log.warning("live.connection-lost", delay_s=pause_s, exc_info=error)
            self._connected.clear()
            is_first = False
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _RETRY_MAX_S)

    async def _speak(self, line: "_Line") -> None:
        """Send what was published, merged, at most once in `DEBOUNCE_S`, until the line is lost."""
        loop = asyncio.get_running_loop()
        trimmed_at = loop.time()
        while not self._lost.is_set():
            # Every process passes here, busy or not.
            if loop.time() - trimmed_at > _TRIM_S:
                memory.trim()
                trimmed_at = loop.time()
            if not await self._wait_for_news():
                # A line that was lost fails here as well.
                await line.probe()
                continue
            batch = dict(list(self._unsent.items())[:TENANTS_MAX])
            payload = Hint(self._origin, {tenant.hex: seq for tenant, seq in batch.items()})
            await line.notify(msgspec.json.encode(payload).decode())
            for tenant, seq in batch.items():
                # What was published while this was under way goes out next time.
                if self._unsent.get(tenant) == seq:
                    del self._unsent[tenant]
            if not self._unsent:
                self._all_sent.set()
            await asyncio.sleep(DEBOUNCE_S)

    async def _wait_for_news(self) -> bool:
        """Wait until there is something to say; False when it is time to look at the line."""
        if self._unsent:
            return True
        self._has_unsent.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PROBE_S):
                await self._has_unsent.wait()
        return bool(self._unsent)

    async def _catch_up(self) -> None:
        """Tell every listener how far its tenant is now; hints may have been missed."""
        if self._latest_seq is None:
            return
        for tenant_id in list(self._subscriptions):
            self._tell(tenant_id, await self._latest_seq(tenant_id))

    def _lose(self) -> None:
        """Note that the line is lost, and look at it at once."""
        self._lost.set()
        self._has_unsent.set()

    def _hear(self, payload: str) -> None:
        """Pass on what another process says."""
        try:
            hint = msgspec.json.decode(payload, type=Hint)
            seqs = {UUID(hex=tenant): seq for tenant, seq in hint.seqs.items()}
        except (msgspec.DecodeError, ValueError):
            log.warning("live.hint-unreadable")
            return
        if hint.origin != self._origin:
            for tenant_id, seq in seqs.items():
                self._tell(tenant_id, seq)


class _Line:
    """The one connection of a hub."""

    __slots__ = ("_connection", "_hear", "_lose", "_url")

    def __init__(self, url: str, *, hear: Callable[[str], None], lose: Callable[[], None]) -> None:
        self._url = url
        self._hear = hear
        self._lose = lose

    async def __aenter__(self) -> Self:
        """Connect and listen."""
        self._connection = await self._connect()
        try:
            self._connection.add_termination_listener(self._on_lost)
            await self._connection.add_listener(CHANNEL, self._on_notify)
        except BaseException:
            self._connection.terminate()
            raise
        return self

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Connect; when asked to stop meanwhile, leave no half-made connection behind."""
        connecting = asyncio.ensure_future(
            asyncpg.connect(
                self._url,
                timeout=_COMMAND_TIMEOUT_S,
                command_timeout=_COMMAND_TIMEOUT_S,
                server_settings={"application_name": "tonglu-live"},
            )
        )
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                (await connecting).terminate()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        self._connection.remove_termination_listener(self._on_lost)
        self._connection.terminate()

    async def notify(self, payload: str) -> None:
        """Speak to the other processes."""
        await self._connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)

    async def probe(self) -> None:
        """Find out whether a silent line still is one."""
        await self._connection.execute("SELECT 1")

    def _on_notify(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        """Take a notification from asyncpg."""
        self._hear(str(payload))

    def _on_lost(self, _connection: Any) -> None:
        """Note that the server is gone."""
        self._lose()


def _events() -> tuple[asyncio.Event, asyncio.Event, asyncio.Event, asyncio.Event]:
    """Make the hub's events."""
    return asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Event()


HUB: Final = Hub()
"""The hub of this process."""


def publish(tenant_id: UUID, seq: int) -> None:
    """Tell that a tenant is at `seq`, once the transaction that made it so is durable."""
    HUB.publish(tenant_id, seq)


def subscribe(tenant_id: UUID) -> Subscription:
    """Listen to a tenant: an async iterator of sequence numbers."""
    return HUB.subscribe(tenant_id)
