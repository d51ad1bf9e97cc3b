"""Contents are handed out to who sees their customer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.attachments import queries, rules
from server.attachments.place import place
from server.attachments.rules import NotStored
from server.kit import db


@dataclass(frozen=True, slots=True)
class Content:
    """A content, ready to be handed out: by an address, or piece by piece."""

    media_type: str
    size: int
    sha256: str
    disposition: str
    link: str | None
    """An address from which it is fetched for a short while; None where it is given here."""
    key: str

    def pieces(self) -> AsyncIterator[bytes]:
        """Give the bytes, a piece at a time."""
        return place().storage.read(self.key)


async def content(actor: Actor, attachment_id: UUID) -> Content:
    """Hand out the bytes of an attachment.

    :raises NotFound: there is none within sight.
    :raises NotStored: its bytes are not here, or were not kept.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        row = await queries.seen(actor, attachment_id)
    if row["object_key"] is None:
        raise NotStored("The bytes of this attachment are not here; look at its state.")
    disposition = rules.disposition(rules.file_name(row["name"], row["stored_type"]))
    return Content(
        media_type=row["stored_type"],
        size=row["stored_size"],
        sha256=row["stored_sha256"],
        disposition=disposition,
        link=place().storage.link(
            row["object_key"],
            disposition=disposition,
            media_type=row["stored_type"],
            seconds=rules.LINK_S,
        ),
        key=row["object_key"],
    )
