"""Hear from the server that there is something newer, and sync soon after.

The stream carries no data, only the word that there is some. Devices that hear it together do not
come together: each waits a random moment first, and after a failure longer and longer ones.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import httpx
import msgspec

from mobile_client_sdk.client import SyncReport, SyncState
from mobile_client_sdk.session import Sessions

_SPREAD_S: Final = 1.5
"""Within this time after a hint a device comes."""
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 300.0
_SILENCE_S: Final = 90.0
"""A stream without a sign of life for so long is dead; the server gives one more often."""
_BEAT: Final = "quiet"
"""What a stream says that has lived for a while; one that only opens has not proven itself."""
_HINT: Final = "/v1/sync/hint"
_FINAL: Final = frozenset({SyncState.SIGNED_OUT, SyncState.UPDATE_NEEDED, SyncState.WIPED})
"""After these a person must do something first."""

Sleep = Callable[[float], Awaitable[None]]


class Backoff(msgspec.Struct):
    """How long to wait after one failure more: doubled each time, and never the same."""

    failures: int = 0

    def succeed(self) -> None:
        """Begin anew."""
        self.failures = 0

    def next_s(self, chance: float) -> float:
        """Answer a wait; ``chance`` is between 0 and 1."""
        bound = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * (1 << self.failures))
        self.failures = min(self.failures + 1, 20)
        return bound * (0.5 + chance / 2)


class Live:
    """Syncs now, and again soon after each hint, until it is cancelled or nothing more helps."""

    def __init__(
        self,
        base_url: str,
        sessions: Sessions,
        sync: Callable[[], Awaitable[SyncReport]],
        shown: Callable[[], int],
        *,
        http: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._base_url = base_url
        self._sessions = sessions
        self._sync = sync
        self._shown = shown
        self._backoff = Backoff()
        self._http = http
        self._sleep = sleep
        self._chance = chance

    async def reports(self) -> AsyncIterator[SyncReport]:
        """Answer the report of each sync; ends when a person must do something first."""
        timeout = httpx.Timeout(30.0, read=_SILENCE_S)
        async with httpx.AsyncClient(
            base_url=self._base_url, transport=self._http, timeout=timeout
        ) as client:
            while True:
                report = await self._sync()
                yield report
                if report.is_complete:
                    async for report in self._while_connected(client):
                        yield report
                if report.state in _FINAL:
                    return
                await self._sleep(self._backoff.next_s(self._chance()))

    async def _while_connected(self, client: httpx.AsyncClient) -> AsyncIterator[SyncReport]:
        """Sync once the server listens for changes, for what came before, and after each hint."""
        token = self._sessions.require().access_token
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        try:
            async with client.stream("GET", _HINT, headers=headers) as response:
                response.raise_for_status()
                report = await self._sync()
                yield report
                async for seq in self._hints(response):
                    if not report.is_complete or report.state in _FINAL:
                        return
                    if seq > self._shown():
                        await self._sleep(_SPREAD_S * self._chance())
                        report = await self._sync()
                        yield report
        except httpx.HTTPError:
            return

    async def _hints(self, response: httpx.Response) -> AsyncIterator[int]:
        """Answer the sequence of each hint."""
        event = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            if value.strip() == _BEAT:
                self._backoff.succeed()
            elif name == "event":
                event = value.strip()
            elif name == "data" and event == "newer":
                self._backoff.succeed()
                yield int(value)
            elif not line:
                event = ""
