"""A database that was restored from a backup: its sequences went backwards, and are told apart.

What a device saw above the sequence to which the database fell back is no longer there, and the
same numbers will be given to other writes. So each restoration begins an epoch: a cursor and a base
mean something only within theirs.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.kit import db

# An epoch is never used twice: who restores the same backup once more falls back behind the epoch
# that the first time began, so the next one takes the time where that is greater.
_BEGIN: Final = """
INSERT INTO tenant_clock (tenant_id, seq, epoch, min_seq, handles) VALUES ($1, 0, $2, 0, 0)
ON CONFLICT (tenant_id) DO UPDATE
SET epoch = greatest(tenant_clock.epoch + 1, $2), min_seq = tenant_clock.seq
RETURNING epoch, seq
"""
_STANDS: Final = "SELECT epoch, seq FROM tenant_clock WHERE tenant_id = $1"


class Stand(msgspec.Struct, frozen=True, order=True):
    """How far a tenant is. A later epoch is further, whatever its sequence."""

    epoch: int
    seq: int


async def begin_epoch(tenant_id: UUID, *, now: datetime) -> Stand:
    """Begin an epoch at the sequence at which the tenant stands, also where it never wrote.

    Every device starts again from its outbox and a snapshot; in the open transaction.
    """
    row = await db.connection().fetchrow(_BEGIN, tenant_id, int(now.timestamp()))
    assert row is not None, "it is there or is made"
    return Stand(**row)


async def stand(tenant_id: UUID) -> Stand | None:
    """Tell how far a tenant is; None if it never wrote anything."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        row = await db.connection().fetchrow(_STANDS, tenant_id)
    return Stand(**row) if row else None
