"""People with phones, around a server in memory."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from mobile_client_sdk.client import Client, open_client, renew_lease
from mobile_client_sdk.records import Customer
from mobile_client_sdk.testing import FakeServer

T = TypeVar("T")
NOON = 1_800_000_000_000


class Phones:
    """Phones of people, each with a store file and a clock that goes on by itself."""

    def __init__(self, server: FakeServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.now_ms = NOON
        self.skew_ms: dict[str, int] = {}
        self._open: list[Client] = []

    def clock_ms(self) -> int:
        """Tell the true time, which goes on with every look."""
        self.now_ms += 1
        return self.now_ms

    def uptime_ms(self) -> int:
        """Tell a time that nobody sets."""
        return self.now_ms

    def file(self, name: str) -> Path:
        """Answer where somebody's store is."""
        return self.folder / f"{name}.db"

    def open(self, name: str, *, page: int = 2_000, **options: Any) -> Client:
        """Open a phone's client on its store file, as after a restart."""
        seed = Random(f"{name}{len(self._open)}")
        client = open_client(
            self.file(name),
            "http://fake",
            clock_ms=lambda: self.clock_ms() + self.skew_ms.get(name, 0),
            random_bytes=seed.randbytes,
            http=self.server.transport(),
            page=page,
            **{"uptime_ms": self.uptime_ms, **options},
        )
        self._open.append(client)
        return client

    def renew(self, name: str, **options: Any) -> None:
        """Ask the server for the lease of somebody's store."""
        renew_lease(
            self.file(name),
            "http://fake",
            clock_ms=lambda: self.clock_ms() + self.skew_ms.get(name, 0),
            http=self.server.transport(),
            **{"uptime_ms": self.uptime_ms, **options},
        )

    def enrol(self, name: str, *, page: int = 2_000, **options: Any) -> Client:
        """Give somebody a phone and let it load."""
        client = self.open(name, page=page, **options)
        client.enrol(self.server.enrolment_code(name), device_name=f"{name}的手机")
        assert client.sync().is_complete
        return client

    def close(self) -> None:
        """Close all clients."""
        for client in self._open:
            client.close()


def only(client: Client) -> Customer:
    """Answer the one customer there is."""
    (customer,) = client.customers()
    return customer


async def in_thread(work: Callable[[], T]) -> T:
    """Let devices do their blocking work beside the server."""
    return await asyncio.to_thread(work)
