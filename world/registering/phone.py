"""A rival's phone: the real client on a disk in memory, with clocks that may be wrong.

What it sends is encoded, decoded and settled by the server's own sync, in this process.
"""

import random
from collections.abc import Callable, Coroutine
from typing import Any, Final
from uuid import UUID

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.engine import Request, Response, SyncEngine
from mobile_client_sdk.records import Registration
from mobile_client_sdk.steady import Steady
from server.access import Actor
from server.kit import clock
from server.sync import service as sync
from sync_protocol import codec
from sync_protocol.messages import Outcome, PullRequest, PullResponse, PushRequest, PushResponse
from sync_protocol.registering import Verb
from world.registering.plan import START_MS, Rival
from world.simulation.disk import Disk
from world.simulation.phone import NOWHERE

_MEDIA: Final = codec.MSGPACK
_PAGE: Final = 500
_MILLION: Final = 1_000_000

Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs what the server does to its end."""


class Phone:
    """One rival with a phone."""

    def __init__(
        self,
        rival: Rival,
        actor: Actor,
        *,
        now_ms: Callable[[], int],
        run: Run,
        rng: random.Random,
    ) -> None:
        self.rival = rival
        self.actor = actor
        self.registration: UUID | None = None
        self.refused: list[Outcome] = []
        self._now_ms = now_ms
        self._run = run
        self._boots = 0
        self._set_ms = 0
        disk = Disk()
        self._disk = disk
        store = disk.store()
        self.client = Client(
            store,
            "http://simulated",
            clock_ms=self._clock_ms,
            random_bytes=rng.randbytes,
            http=NOWHERE,
            page=_PAGE,
        )
        client: Any = self.client
        client._transport = self  # noqa: SLF001 - the simulated way to the server
        client._steady = Steady(  # noqa: SLF001 - a steady clock that a schedule may let run wrong
            store, uptime_ms=self._uptime_ms, boot_id=lambda: f"boot {self._boots}"
        )

    # ---------------------------------------------------------------------------------- clocks

    def _clock_ms(self) -> int:
        """Tell what the clock on the wall says."""
        return self._now_ms() + self.rival.offset_ms + self._set_ms

    def _uptime_ms(self) -> int:
        """Tell how long the phone is on, by its own measure."""
        up_ms = self._now_ms() - START_MS
        return up_ms + up_ms * self.rival.steady_ppm // _MILLION + 10**12

    # ---------------------------------------------------------------------------------- people

    def register(self, shop: dict[str, str]) -> None:
        """Enter the shop and register it, whatever the clock says just then."""
        self._boots += self.rival.is_restarted
        made = self.client.create_customer(
            name="福满楼",
            owner_id=str(self.actor.user_id),
            team_id=str(self.actor.team_id),
            **shop,
        )
        self._set_ms = self.rival.set_ms
        self.registration = UUID(self.client.register(made))
        self._set_ms = 0

    def decide(self, verb: Verb) -> bool:
        """Do something with the registration, if the phone thinks that it may."""
        held = self.held()
        try:
            if held is not None:
                self.client.decide_registration(held, verb)
                return True
        except NotPossible:
            pass
        return False

    def held(self) -> Registration | None:
        """Give what the phone shows of its registration."""
        own = str(self.registration)
        return next((each for each in self.client.registrations() if each.id == own), None)

    # ------------------------------------------------------------------------------------ sync

    def sync(self) -> None:
        """Send and load what there is."""
        client: Any = self.client
        parts = client._store, client._outbox, client._replica  # noqa: SLF001 - what a sync is made of
        engine = SyncEngine(*parts, page=_PAGE)
        client._run(engine, None)  # noqa: SLF001 - the client's own way through a sync
        self.refused += engine.refused

    def send(self, request: Request) -> Response:
        """Let the server settle a message; some arrive twice, and the second answer counts."""
        body = codec.encode(request, _MEDIA)
        is_push = isinstance(request, PushRequest)
        if is_push and self.rival.is_doubled:
            self._answer(body, is_push=True)
        answer = codec.encode(self._answer(body, is_push=is_push), _MEDIA)
        if is_push:
            return codec.decode(answer, PushResponse, _MEDIA)
        return codec.decode(answer, PullResponse, _MEDIA)

    def _answer(self, body: bytes, *, is_push: bool) -> Any:
        """Answer as the routes do."""
        now = clock.from_ms(self._now_ms())
        if is_push:
            return self._run(sync.push(self.actor, codec.decode_push(body, _MEDIA), now=now))
        return self._run(sync.pull(self.actor, codec.decode(body, PullRequest, _MEDIA), now=now))

    def close(self) -> None:
        """Let the phone go."""
        self._disk.close()
