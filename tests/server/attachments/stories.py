"""Short ways to say what happens in the stories about attachments."""

from typing import Any
from uuid import UUID

import msgspec

from server.access import Actor
from server.attachments import queries, service
from server.attachments.place import place
from server.attachments.rules import Piece
from server.attachments.schemas import AttachmentView, NewAttachment
from server.attachments.storage import StorageAway
from server.kit import db
from sync_protocol import attachments
from sync_protocol.attachments import Completion, Upload
from tests.factories import NOW, Tenant
from tests.server.customers.stories import make


class Story(msgspec.Struct, frozen=True):
    """A company, and a customer of its rep."""

    tenant: Tenant
    customer_id: UUID

    @classmethod
    async def begun(cls, tenant: Tenant) -> "Story":
        """Begin with a customer of the rep."""
        return cls(tenant, (await make(tenant.rep)).id)

    async def announce(
        self, content: bytes, media_type: str | None = None, *, by: Actor | None = None, **said: Any
    ) -> AttachmentView:
        """Announce a file of the customer."""
        known = attachments.identify(content)
        new = NewAttachment(
            customer_id=said.pop("customer_id", self.customer_id),
            media_type=media_type or attachments.sniff(content) or "image/jpeg",
            size=said.pop("size", known.size),
            sha256=said.pop("sha256", known.sha256),
            name=said.pop("name", "门头.jpg"),
            **said,
        )
        return await service.announce(by or self.tenant.rep, new, now=NOW)

    async def send(self, attachment_id: UUID, content: bytes, *, by: Actor | None = None) -> None:
        """Send all chunks that the server waits for."""
        actor = by or self.tenant.rep
        upload = (await queries.status(actor, attachment_id)).upload
        for number in attachments.numbers_of(upload.missing):
            await self.send_one(attachment_id, content, number, by=actor)

    async def send_one(
        self, attachment_id: UUID, content: bytes, number: int, *, by: Actor | None = None
    ) -> None:
        """Send one chunk."""
        chunk = piece(content, number)
        await service.put_chunk(
            by or self.tenant.rep,
            attachment_id,
            Piece(number=number, content=chunk, sha256=attachments.chunk_hash(chunk)),
            now=NOW,
        )

    async def complete(
        self, attachment_id: UUID, *, proof: str | None = None, by: Actor | None = None
    ) -> Upload:
        """Say that all is sent."""
        return await service.complete(
            by or self.tenant.rep, attachment_id, Completion(proof=proof), now=NOW
        )

    async def attach(self, content: bytes, media_type: str | None = None) -> AttachmentView:
        """Announce, send and complete; give what became of it."""
        made = await self.announce(content, media_type)
        await self.send(made.id, content)
        await self.complete(made.id)
        return (await queries.status(self.tenant.rep, made.id)).attachment

    async def fetch(self, attachment_id: UUID, *, by: Actor | None = None) -> bytes:
        """Fetch the content as it lies."""
        found = await service.content(by or self.tenant.rep, attachment_id)
        return b"".join([piece async for piece in found.pieces()])

    async def usage(self) -> tuple[int, int]:
        """Tell how many bytes are stored and staged."""
        async with db.tenant_transaction(self.tenant.tenant_id):
            row = await db.connection().fetchrow(
                "SELECT stored_bytes, staged_bytes FROM attachment_usage WHERE tenant_id = $1",
                self.tenant.tenant_id,
            )
        return (row["stored_bytes"], row["staged_bytes"]) if row else (0, 0)

    async def fetch_rows(self, sql: str, *values: Any) -> list[Any]:
        """Look into the company's tables."""
        async with db.tenant_transaction(self.tenant.tenant_id):
            return list(await db.connection().fetch(sql, self.tenant.tenant_id, *values))


def piece(content: bytes, number: int) -> bytes:
    """Cut one chunk."""
    first = number * attachments.CHUNK_BYTES
    return content[first : first + attachments.CHUNK_BYTES]


async def is_there(key: str) -> bool:
    """Say whether anything lies under a key."""
    try:
        async for _ in place().storage.read(key):
            return True
    except LookupError:
        return False
    return True


class Failing:
    """A storage that fails when it is told to."""

    def __init__(self, inner: object) -> None:
        self.inner = inner
        self.is_away = False

    def __getattr__(self, name: str) -> object:
        if self.is_away:
            raise StorageAway("away")
        return getattr(self.inner, name)
