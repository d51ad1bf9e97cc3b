"""The same client for apps that run an event loop: nothing here blocks it.

Reads and writes happen in one thread and the network in another, so that a person who saves does
not wait for a slow sync.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import httpx

from mobile_client_sdk.attachments import SendReport
from mobile_client_sdk.backup import Head, Import
from mobile_client_sdk.client import Client, SyncProgress, SyncReport
from mobile_client_sdk.conflicts import OpenConflict, Refusal
from mobile_client_sdk.live import Live
from mobile_client_sdk.records import Attachment, Contact, Customer, Note, Record, Tag
from mobile_client_sdk.session import Session
from mobile_client_sdk.views import Question

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Record)


class AsyncClient:
    """A client whose methods are awaited. It owns the client that it is given."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._local = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._network = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="photos")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for what is under way and close the store."""
        await asyncio.to_thread(self._lane.shutdown)
        await asyncio.to_thread(self._network.shutdown)
        await self.call(self._client.close)
        self._local.shutdown()

    async def call(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do anything with the client that has no method here, in the thread of the store."""
        return await _in(self._local, work, *args, **kwargs)

    async def enrol(self, code: str, *, device_name: str, platform: str = "python") -> Session:
        """Make this device known by a one-time code."""
        return await _in(
            self._network, self._client.enrol, code, device_name=device_name, platform=platform
        )

    async def sync(
        self, *, on_progress: Callable[[SyncProgress], None] | None = None
    ) -> SyncReport:
        """Push what is pending and pull what is new; saving goes on meanwhile.

        ``on_progress`` is called on the event loop after each answer of the server.
        """
        if on_progress is None:
            return await _in(self._network, self._client.sync)
        loop, shown = asyncio.get_running_loop(), on_progress

        def tell(progress: SyncProgress) -> None:
            loop.call_soon_threadsafe(shown, progress)

        return await _in(self._network, self._client.sync, on_progress=tell)

    def live(self, *, http: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[SyncReport]:
        """Sync now and soon after each hint of the server: ``async for report in c.live()``.

        It goes on over lost connections, and ends when a person must do something first, such as
        enrolling again.
        """
        sessions, base_url = self._client.sessions, self._client.base_url
        return Live(base_url, sessions, self.sync, self._client.shown_seq, http=http).reports()

    async def watch(self, kind: type[R], **question: Any) -> AsyncIterator[list[R]]:
        """Answer a result, and each new one: ``async for shops in c.watch(Customer, city=...)``.

        Results that come faster than they are taken are left out, the last one never.
        """
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        watch = await self.call(partial(self._client.watch, kind, **question))
        watch.subscribe(lambda _: _wake(loop, changed))
        try:
            yield watch.records
            while True:
                await changed.wait()
                changed.clear()
                yield watch.records
        finally:
            watch.close()

    async def find(self, kind: type[R], question: Question | None = None) -> list[R]:
        """Answer records in order."""
        return await self.call(lambda: list(self._client.find(kind, question)))

    async def export_outbox(self, path: str | Path, *, passphrase: str | None = None) -> Head:
        """Write what the server has not settled into a file."""
        return await self.call(self._client.export_outbox, path, passphrase=passphrase)

    async def import_outbox(self, path: str | Path, *, passphrase: str | None = None) -> Import:
        """Take the changes of such a file into this device's outbox; twice is once."""
        return await self.call(self._client.import_outbox, path, passphrase=passphrase)

    async def attach(
        self, customer: Customer | str, source: bytes | str | Path, **fields: Any
    ) -> Attachment:
        """Attach a photo or file; it lies here durably at once."""
        return await self.call(partial(self._client.attach, customer, source, **fields))

    async def send_attachments(self, **terms: Any) -> SendReport:
        """Send the bytes that wait, beside every sync; ``may_send`` and ``on_progress`` as there.

        They are called in the thread that sends.
        """
        return await _in(self._lane, partial(self._client.send_attachments, **terms))

    async def content(self, attachment: Attachment) -> bytes:
        """Answer the bytes of an attachment, fetched if they are not here."""
        return await _in(self._lane, self._client.content, attachment)

    async def customers(self, **question: Any) -> list[Customer]:
        """Answer customers by name."""
        return await self.call(lambda: list(self._client.customers(**question)))

    async def customer(self, customer_id: str) -> Customer | None:
        """Answer one customer, or none."""
        return await self.call(self._client.customer, customer_id)

    async def contacts(self, customer: Customer | str) -> list[Contact]:
        """Answer the people at a customer."""
        return await self.call(self._client.contacts, customer)

    async def notes(self, customer: Customer | str) -> list[Note]:
        """Answer what was noted about a customer."""
        return await self.call(self._client.notes, customer)

    async def tags(self) -> list[Tag]:
        """Answer the tags of the tenant."""
        return await self.call(self._client.tags)

    async def create_customer(self, *, name: str, **fields: Any) -> Customer:
        """Make a customer."""
        return await self.call(partial(self._client.create_customer, name=name, **fields))

    async def add_contact(self, customer: Customer | str, *, name: str, **fields: Any) -> Contact:
        """Add a person to a customer."""
        return await self.call(partial(self._client.add_contact, customer, name=name, **fields))

    async def add_note(self, customer: Customer | str, body: str) -> Note:
        """Note something about a customer."""
        return await self.call(self._client.add_note, customer, body)

    @asynccontextmanager
    async def edit(self, record: R) -> AsyncIterator[R]:
        """Change a record; what was changed inside is saved durably at the end."""
        editing = self._client.edit(record)
        draft = await self.call(editing.__enter__)
        try:
            yield draft
        except BaseException as error:
            await self.call(editing.__exit__, type(error), error, error.__traceback__)
            raise
        await self.call(editing.__exit__, None, None, None)

    async def conflicts(self) -> list[OpenConflict]:
        """Answer the conflicts that nobody has looked at."""
        return await self.call(self._client.conflicts)

    async def restore(self, conflict: OpenConflict) -> None:
        """Bring back the value that was not held."""
        await self.call(self._client.restore, conflict)

    async def refusals(self) -> list[Refusal]:
        """Answer what the server did not accept and nobody has looked at."""
        return await self.call(self._client.refusals)


def _wake(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    """Say from any thread that something has changed; a loop that has ended needs no word."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(changed.set)


async def _in(executor: Executor, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(executor, partial(work, *args, **kwargs))
