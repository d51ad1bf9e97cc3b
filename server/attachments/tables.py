"""Tables of attachments, as facts on disk. Keys and indexes are those of the migrations."""

from piccolo.columns import UUID, BigInt, Bytea, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class Attachment(Synced, Table, tablename="attachment"):
    """A photo or file of a customer, as a record that travels; its bytes follow."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    subject_kind = Text()
    """The kind of record that it shows, such as ``customer`` or ``note``."""
    subject_id = UUID()
    name = Text(null=True)
    media_type = Text()
    size = BigInt()
    """Bytes, as the device made them."""
    sha256 = Text()
    """Of the bytes as the device made them."""
    width = BigInt(null=True)
    height = BigInt(null=True)
    taken_at = Timestamptz(null=True)
    state = Text()


class AttachmentUpload(Table, tablename="attachment_upload"):
    """How far the bytes of one attachment are on their way."""

    tenant_id = UUID()
    attachment_id = UUID(primary_key=True)
    folder = Text()
    """Where its chunks lie, under an unguessable name."""
    touched_at = Timestamptz()
    """When the last chunk came."""
    lease = BigInt()
    """Fences off who verified before and was too slow."""
    leased_until = Timestamptz(null=True)
    finished_at = Timestamptz(null=True)
    emptied_at = Timestamptz(null=True)
    """When its chunks were let go; null while some may be there."""
    refused_code = Text(null=True)
    refused_detail = Text(null=True)


class AttachmentChunk(Table, tablename="attachment_chunk"):
    """A chunk that came whole, or the beginning of one that was cut before."""

    tenant_id = UUID()
    attachment_id = UUID()
    number = BigInt(primary_key=True)
    size = BigInt()
    """How many bytes of it are here."""
    sha256 = Text()
    """Of the whole chunk."""
    beginning = Bytea(null=True)
    """Null when the chunk is whole, and lies in the store."""


class AttachmentBlob(Table, tablename="attachment_blob"):
    """A verified content of a tenant, once for all its attachments that have it."""

    tenant_id = UUID()
    sha256 = Text(primary_key=True)
    """Of the bytes as a device made them: their name."""
    size = BigInt()
    possession = Text()
    """Who tells it holds the bytes and need not send them."""
    stored_sha256 = Text()
    """Of the bytes as the server wrote them anew: what is served."""
    stored_size = BigInt()
    stored_type = Text()
    width = BigInt(null=True)
    height = BigInt(null=True)
    thumbnail = Bytea(null=True)
    """A small JPEG."""
    object_key = Text()
    stored_at = Timestamptz()
    unreferenced_at = Timestamptz(null=True)
    """Since when no attachment has it."""


class AttachmentObject(Table, tablename="attachment_object"):
    """An object that may lie in the store: written down before it is put, until it is gone."""

    tenant_id = UUID()
    object_key = Text(primary_key=True)
    put_at = Timestamptz()


class AttachmentUsage(Table, tablename="attachment_usage"):
    """How many bytes a tenant has, for its quota."""

    tenant_id = UUID(primary_key=True)
    stored_bytes = BigInt()
    staged_bytes = BigInt()
    """Of chunks whose upload is not complete."""
