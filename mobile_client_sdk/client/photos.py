"""Photos and files: attached at once, sent in a lane of their own, fetched when asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobile_client_sdk.attachments import SendProgress, SendReport, Unsent
from mobile_client_sdk.client.writing import Writing
from mobile_client_sdk.records import Attachment, Customer, Record, id_of


class Photos(Writing):
    """What belongs to a record and is too large to travel with it."""

    def attach(
        self,
        customer: Customer | str,
        source: bytes | str | Path,
        *,
        name: str | None = None,
        subject: Record | None = None,
        **fields: Any,
    ) -> Attachment:
        """Attach a photo or file, from memory or from a path; it lies here durably at once.

        Its record goes with the next ``sync``, its bytes with ``send_attachments``.

        :param subject: the record that it shows, such as a note; else the customer.
        :raises NotAttachable: if it is no JPEG, PNG, WebP, HEIC or PDF, or too large.
        """
        identity, media_type = self._lane.keep(source)
        customer_id = id_of(customer)
        with self.group():
            attachment = self.create(
                Attachment,
                customer_id=customer_id,
                subject_kind=Customer.KIND if subject is None else subject.KIND,
                subject_id=customer_id if subject is None else subject.id,
                name=name or (None if isinstance(source, bytes) else Path(source).name),
                media_type=media_type,
                size=identity.size,
                sha256=identity.sha256,
                **fields,
            )
            self._lane.add(attachment.id, identity)
        return attachment

    def attachments(self, customer: Customer | str) -> list[Attachment]:
        """Answer a customer's photos and files, the oldest first."""
        return self._of_customer(Attachment, customer, "id")

    def content(self, attachment: Attachment) -> bytes:
        """Answer the bytes of an attachment, fetched if they are not here.

        :raises Offline: if they are not here and the server cannot be reached.
        :raises RequestRefused: if the server has none.
        """
        return self._lane.content(attachment)

    def thumbnail(self, attachment: Attachment) -> bytes:
        """Answer a small JPEG of an attachment; raises as ``content`` does."""
        return self._lane.thumbnail(attachment)

    def send_attachments(
        self,
        *,
        may_send: Callable[[], bool] | None = None,
        on_progress: Callable[[SendProgress], None] | None = None,
    ) -> SendReport:
        """Send the bytes that wait, after the ops; a lane of its own, which holds nothing up.

        :param may_send: asked before each chunk, such as ``lambda: wifi.is_on``.
        :param on_progress: told after each chunk.
        """
        if may_send is None:
            return self._lane.send(on_progress=on_progress)
        return self._lane.send(may_send=may_send, on_progress=on_progress)

    def unsent_attachments(self) -> list[Unsent]:
        """Answer the files that are not at the server: what waits, and what was refused and why."""
        return self._lane.unsent()

    def give_up_attachment(self, attachment_id: str) -> None:
        """Let go of a file that will not be sent, or shall not."""
        self._lane.give_up(attachment_id)
