"""A simulated device: a person's hands, the real client and sync engine, a disk and a clock.

The client's calls are the ones that apps make. A sync is the engine's: it says what to send and
takes what the network brings, and the person goes on working in between. Power may fail at any
statement; the phone then starts again from what its disk holds.
"""

import random
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import httpx
import msgspec

from mobile_client_sdk.client import Client
from mobile_client_sdk.engine import Fruitless, Request, SyncEngine
from sync_protocol import codec
from sync_protocol.messages import (
    DecodeError,
    DigestRequest,
    DigestResponse,
    OpGap,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
)
from sync_protocol.schema import SCHEMA, Schema
from world.simulation.disk import Disk, PowerCut
from world.simulation.network import Line, Network
from world.simulation.rot import Rot
from world.simulation.scheduler import SECOND, Scheduler
from world.simulation.site import Answer
from world.simulation.skew import speaking

T = TypeVar("T")
_ASKED: Final[Mapping[type, tuple[str, Any]]] = {
    PushRequest: ("push", PushResponse),
    PullRequest: ("pull", PullResponse),
    DigestRequest: ("digest", DigestResponse),
}
"""Where each request goes, and what answers it."""
_VERIFIED: Final = "verified_at_ms"
_ABOUT_CONTENT: Final = frozenset({400, 413, 422})
_UNAUTHORIZED: Final = 401
_SERVER_ERROR: Final = 500
_OK: Final = 200


class _NoNetwork(httpx.BaseTransport):
    """The client's own way out, which no simulated device takes."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse: requests go through the simulated network."""
        raise httpx.ConnectError("there is no real network here", request=request)


NOWHERE: Final = _NoNetwork()


class LooksOn(Protocol):
    """Whoever watches what a device does."""

    def shown(self, phone: "Phone", answer: Answer | None) -> None:
        """Look after every step of a sync."""

    def mended(self, phone: "Phone", rows: int, searches: int) -> None:
        """Hear that a comparison with the server put rows right."""

    def failed(self, where: str, error: Exception) -> None:
        """Hear of an error that nobody expected."""


class Phone:
    """One device of one person."""

    def __init__(  # noqa: PLR0913 - a device is made in one place
        self,
        scheduler: Scheduler,
        network: Network,
        watch: LooksOn,
        *,
        device_id: UUID,
        user_id: UUID,
        rng: random.Random,
        media: codec.MediaType,
        page: int,
        schema: Schema = SCHEMA,
    ) -> None:
        self.scheduler = scheduler
        self.network = network
        self.line = Line(device_id)
        self.device_id = str(device_id)
        self.user_id = user_id
        self.schema = schema
        """What the app's release knows."""
        self.disk = Disk(schema)
        self.offset_ms = 0
        """How far this device's clock is off."""
        self.clock_jumps = 0
        self.incarnation = 0
        """How often the disk was put back to an old image."""
        self.client: Client | None = None
        self.on_boot: Callable[[], None] | None = None
        """Called when the app has started."""
        self.is_signed_out = False
        self.is_gone = False
        """Lost or thrown away: it does not come back."""
        self.last_contact_ms = 0
        self.syncs = 0
        """Syncs that ended completely."""
        self.rot = Rot()
        """What went wrong on the disk and was not found yet."""
        self._rng = rng
        self._media = media
        self._page = page
        self._watch = watch
        self._engine: SyncEngine | None = None
        self._sync = 0
        self.boot()

    # ------------------------------------------------------------------------------- the device

    def boot(self) -> None:
        """Start the app on what the disk holds."""
        if self.is_gone or self.client is not None:
            return
        with speaking(self.schema):
            self.client = Client(
                self.disk.store(),
                "http://simulated",
                clock_ms=self.clock_ms,
                random_bytes=self._rng.randbytes,
                http=NOWHERE,
                page=self._page,
            )
        if self.on_boot is not None:
            self.on_boot()

    def clock_ms(self) -> int:
        """Tell the time as the device believes it."""
        return self.scheduler.now_ms + self.offset_ms

    def set_clock(self, offset_ms: int) -> None:
        """Set the device's clock, rightly or not."""
        self.offset_ms = offset_ms
        self.clock_jumps += 1

    def fail_power(self, in_statements: int, *, after_statement: bool) -> None:
        """Let power fail soon, wherever the program is then."""
        self.disk.cut_power(in_statements, after_statement=after_statement)

    def guarded(self, what: Callable[[], T]) -> T | None:
        """Do something on the device; none when its power failed on the way."""
        try:
            with speaking(self.schema):
                return what()
        except PowerCut:
            self._go_dark()
        except Exception as error:  # noqa: BLE001 - an error that the client lets out is a finding
            traceback.clear_frames(error.__traceback__)
            self._watch.failed("a device", error)
        return None

    def _go_dark(self) -> None:
        """Lose everything that was not on the disk; start again after a while."""
        self.client, self._engine = None, None
        self._sync += 1
        self.scheduler.after(self._rng.randrange(1, 5) * SECOND, self.boot)

    def power_off(self) -> None:
        """Lose power between two statements."""
        if self.client is not None:
            self._go_dark()

    def update(self) -> None:
        """Install the newest release of the app."""
        self.client, self._engine = None, None
        self._sync += 1
        self.disk.store()
        self.schema = SCHEMA
        self.disk.update()
        self.boot()

    def bring_back(self, image: bytes) -> None:
        """Put an old image on the disk and start from it."""
        self.client, self._engine = None, None
        self._sync += 1
        self.disk.bring_back(image)
        with speaking(self.schema):
            # The image may be of the time before an update.
            self.disk.update()
        self.incarnation += 1
        self.boot()

    # ------------------------------------------------------------------------------------ sync

    @property
    def is_syncing(self) -> bool:
        """Answer whether a sync is going on."""
        return self._engine is not None

    def begin_sync(self) -> None:
        """Start a sync, unless one is going on or cannot be."""
        if self.client is None or self._engine is not None or self.is_signed_out or self.is_gone:
            return
        self._sync += 1
        self.guarded(self._begin)

    def _begin(self) -> None:
        client = self._on()
        parts = client._store, client._outbox, client._replica  # noqa: SLF001 - what a sync is made of
        self._engine = SyncEngine(*parts, page=self._page, verifies=True)
        self._go_on()

    def _on(self) -> Client:
        assert self.client is not None, "the device is on"
        return self.client

    def _go_on(self) -> None:
        """Send what the engine wants to send next."""
        engine, sync = self._engine, self._sync
        assert engine is not None, "a sync is going on"
        request = engine.next_request(self.clock_ms())
        if request is None:
            self._on()._outbox.tidy(engine.server_time_ms)  # noqa: SLF001 - what the client does at the end
            self._engine = None
            self.syncs += 1
            self._note_verification(engine)
            self._watch.shown(self, None)
            return
        path, _ = _ASKED[type(request)]
        body = codec.encode(request, self._media)

        def reply(answer: Answer | None) -> None:
            if sync == self._sync and self._engine is engine:
                self.guarded(lambda: self._take(request, answer))

        self.network.send(self.line, path, self._media, body, reply)

    # ------------------------------------------------------------------------------------- rot

    def decay(self, rng: random.Random) -> str | None:
        """Let the disk damage a row of a device that was loaded; answer what happened."""
        client = self.client
        if client is None or self.is_syncing or self.disk.is_dead:
            return None
        if not client._store.get(_VERIFIED):  # noqa: SLF001 - asked beneath
            # What is being loaded comes whole.
            return None
        return self.rot.befall(self.disk, self.schema, rng)

    def end_day(self) -> None:
        """Let the day be over after which a replica is compared with the server."""
        client = self.client
        if client is not None:
            self.guarded(lambda: client._store.put(_VERIFIED, 0))  # noqa: SLF001 - as if a day had gone by

    def _note_verification(self, engine: SyncEngine) -> None:
        """Look what a comparison with the server has found."""
        if engine.mended:
            self._watch.mended(self, engine.mended, engine._searches)  # noqa: SLF001 - an oracle looks beneath
        self._note_time()
        self.rot.heal()

    def _note_time(self) -> None:
        """Look whether the device has just found that nothing is left to mend."""
        at_ms = self._on()._store.get(_VERIFIED)  # noqa: SLF001 - an oracle looks beneath
        if at_ms and at_ms != self.rot.verified_at_ms:
            self.rot.verified(at_ms)

    def _take(self, request: Request, answer: Answer | None) -> None:
        """Take an answer as the client does, then go on or end the sync."""
        try:
            if self._has_use(request, answer):
                self._after_step(answer)
                self._note_time()
                self._go_on()
                return
        except Fruitless:
            pass
        self._engine = None
        self._after_step(answer)

    def _after_step(self, answer: Answer | None) -> None:
        client = self._on()
        client._seq = client._replica.progress.seq  # noqa: SLF001 - what the client does after a sync
        self._watch.shown(self, answer)

    def _has_use(self, request: Request, answer: Answer | None) -> bool:
        """Give the engine what came; answer whether the sync goes on."""
        if answer is None or answer.status >= _SERVER_ERROR:
            return False
        _, kind = _ASKED[type(request)]
        try:
            if answer.status != _OK:
                return self._is_mended(request, answer.status, msgspec.json.decode(answer.body))
            response = codec.decode(answer.body, kind, self._media)
        except (DecodeError, msgspec.DecodeError):
            # Cut on the way: nothing is known.
            return False
        self.last_contact_ms = self.scheduler.now_ms
        self._going().receive(request, response, self.clock_ms())
        return True

    def _is_mended(self, request: Request, status: int, problem: dict[str, Any]) -> bool:
        """Take a refusal as the client does; answer whether the sync goes on."""
        self.is_signed_out = self.is_signed_out or status == _UNAUTHORIZED
        if not isinstance(request, PushRequest):
            return False
        if problem["code"] == OpGap.code and problem.get("acknowledged") is not None:
            self._going().fill_gap(problem["acknowledged"])
            return True
        if status in _ABOUT_CONTENT:
            self._going().refuse(request, problem["detail"], self.clock_ms())
            return True
        return False

    def _going(self) -> SyncEngine:
        assert self._engine is not None, "a sync is going on"
        return self._engine
