"""A file that is here whole is kept the way that a phone sends one."""

from datetime import datetime

from server.access import Actor
from server.attachments.rules import Piece
from server.attachments.schemas import NewAttachment
from server.attachments.service.completing import complete
from server.attachments.service.taking import announce, put_chunk
from sync_protocol.attachments import CHUNK_BYTES, Completion, Upload, chunk_hash


async def keep(actor: Actor, new: NewAttachment, content: bytes, *, now: datetime) -> Upload:
    """Announce a file, take its bytes and complete it; the same again keeps one.

    :raises NotFound: the customer is not there, or out of sight.
    :raises Refusal: it is too large, or the company's quota is full.
    """
    made = await announce(actor, new, now=now)
    for number, start in enumerate(range(0, len(content), CHUNK_BYTES)):
        chunk = content[start : start + CHUNK_BYTES]
        piece = Piece(number=number, content=chunk, sha256=chunk_hash(chunk))
        await put_chunk(actor, made.id, piece, now=now)
    return await complete(actor, made.id, Completion(), now=now)
