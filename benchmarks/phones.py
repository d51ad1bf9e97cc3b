"""Devices with the real SDK, and a count of all that travels between them and the server."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import msgspec

from benchmarks.machine import Machine
from mobile_client_sdk.client import Client, SyncReport, open_client
from sync_protocol import codec
from sync_protocol.messages import DigestResponse, PullResponse, PushResponse, RecordBatch

_ANSWERS: dict[str, type[DigestResponse | PullResponse | PushResponse]] = {
    "/v1/sync/digest": DigestResponse,
    "/v1/sync/pull": PullResponse,
    "/v1/sync/push": PushResponse,
}


class Trip(msgspec.Struct, frozen=True):
    """One request and its answer, the bodies as they travelled."""

    path: str
    up: int
    down: int
    status: int
    sent: bytes
    answer: bytes
    is_compressed: bool

    @property
    def message(self) -> DigestResponse | PullResponse | PushResponse | None:
        """Give what the server said; none where it is no message of the sync."""
        kind = _ANSWERS.get(self.path)
        if kind is None or self.status != httpx.codes.OK:
            return None
        body = self.answer
        if self.is_compressed:
            body = codec.decompress(body, max_bytes=codec.MAX_RESPONSE_BYTES)
        return codec.decode(body, kind, max_bytes=codec.MAX_RESPONSE_BYTES)

    @property
    def page(self) -> PullResponse | None:
        """Give the page that came with it, if one did."""
        message = self.message
        return message if message is None or isinstance(message, PullResponse) else message.pull

    @property
    def rows(self) -> int:
        """Count the records and patches that came, those that mend what differs among them."""
        page, message = self.page, self.message
        pulled = 0 if page is None else _count(page.batches) + len(page.patches)
        return pulled + (_count(message.batches) if isinstance(message, DigestResponse) else 0)


def _count(batches: Sequence[RecordBatch]) -> int:
    return sum(len(batch.ids) for batch in batches)


class Traffic(httpx.HTTPTransport):
    """Counts the trips, the bytes of bodies in both directions, and the time spent waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.trips: list[Trip] = []
        self.waited_s = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and count."""
        start = time.perf_counter()
        response = super().handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream), "this transport is synchronous"
        body = b"".join(response.stream)
        response.close()
        self.waited_s += time.perf_counter() - start
        self.trips.append(
            Trip(
                request.url.path,
                int(request.headers.get("content-length", "0")),
                len(body),
                response.status_code,
                request.content,
                body,
                response.headers.get("content-encoding") == codec.ZSTD,
            )
        )
        return httpx.Response(
            response.status_code, headers=response.headers, stream=httpx.ByteStream(body)
        )

    @property
    def up(self) -> int:
        """Give the bytes that were sent."""
        return sum(trip.up for trip in self.trips)

    @property
    def down(self) -> int:
        """Give the bytes that came."""
        return sum(trip.down for trip in self.trips)

    @property
    def rows(self) -> int:
        """Count the records and patches that came."""
        return sum(trip.rows for trip in self.trips)

    @property
    def resets(self) -> int:
        """Count the answers that made the device start again."""
        pages = (trip.page for trip in self.trips)
        return sum(page is not None and page.reset for page in pages)

    def of(self, path: str) -> list[Trip]:
        """Give the trips to one address."""
        return [trip for trip in self.trips if trip.path == path]

    def reset(self) -> None:
        """Start counting anew."""
        self.trips = []
        self.waited_s = 0.0


class Phone(msgspec.Struct, frozen=True):
    """A device, and what it sent and received in its last sync."""

    client: Client
    bytes: Traffic

    def sync(self, *, may_refuse: bool = False) -> tuple[float, SyncReport]:
        """Sync and give the seconds that it took."""
        self.bytes.reset()
        start = time.perf_counter()
        report = self.client.sync()
        taken = time.perf_counter() - start
        assert report.is_complete, report
        assert may_refuse or not report.refused, report.refused[:3]
        return taken, report


@contextlib.contextmanager
def phone(
    machine: Machine,
    file: Path,
    code: str | None,
    *,
    protect: bool | None = None,
    clock_ms: Callable[[], int] | None = None,
) -> Iterator[Phone]:
    """Enrol a new device, or without a code open one that is known."""
    traffic = Traffic()
    with open_client(
        file, machine.tonglu_url, http=traffic, protect=protect, clock_ms=clock_ms
    ) as client:
        if code is not None:
            client.enrol(code, device_name="压测手机")
        yield Phone(client, traffic)
