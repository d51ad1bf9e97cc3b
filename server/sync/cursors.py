"""Cursors, signed for one tenant and one device."""

from hashlib import blake2b
from uuid import UUID

import msgspec

from server.access import Actor
from server.identity import keys
from server.sync import scopes
from server.sync.store import Standing
from sync_protocol import cursor as protocol
from sync_protocol.cursor import Cursor, CursorRefused


def read(actor: Actor, text: str | None, stands: Standing) -> Cursor | None:
    """Read a device's cursor.

    No text is the start of a snapshot. None means that it cannot be continued: it is of another
    epoch, of other grants, too old, or none that this server made for this device. A refusal would
    take the outcomes of the ops that came along with it.
    """
    grants = scopes.grants_of(actor)
    if text is None:
        return Cursor(epoch=stands.epoch, base=0, seq=0, grants=grants, started=stands.seq)
    try:
        cursor = protocol.decode(text, key=_key(), bound_to=_bound_to(actor))
    except CursorRefused:
        return None
    is_known = cursor.epoch == stands.epoch and cursor.grants == grants
    # What a page of this run sent may have been deleted since, and the tombstone collected.
    is_kept = min(cursor.base or cursor.started, cursor.started) >= stands.min_seq
    if not (is_known and is_kept and cursor.seq <= stands.seq):
        return None
    is_new_run = cursor.base == cursor.seq and cursor.after_id is None
    return msgspec.structs.replace(cursor, started=stands.seq) if is_new_run else cursor


def write(actor: Actor, cursor: Cursor) -> str:
    """Sign a cursor for this device."""
    return protocol.encode(cursor, key=_key(), bound_to=_bound_to(actor))


def as_id(text: str) -> UUID:
    """Read an id of the feed."""
    return UUID(text)


def _key() -> bytes:
    """Derive the key of cursors from the server's."""
    return blake2b(keys.current().mac, digest_size=32, person=b"tonglu-cursors").digest()


def _bound_to(actor: Actor) -> bytes:
    """Name whom a cursor is made for."""
    device = actor.device_id or UUID(int=0)
    return actor.tenant_id.bytes + device.bytes + actor.user_id.bytes
