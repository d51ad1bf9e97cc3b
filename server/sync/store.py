"""The port of push and pull: the store of the one write path, and what is known of a device.

Push and pull (`server.sync.service`) reach the database through this alone; see
`server.changelog.store` for what a store is.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from server.access import Actor
from server.changelog.store import Store
from server.identity.schemas import HeldDevice


class Remembered(msgspec.Struct, frozen=True):
    """An op that was settled, and its outcome as it was answered."""

    number: int
    digest: bytes
    """Tells the op from another under the same number (``sync_protocol.messages.op_digest``)."""
    outcome: bytes
    """JSON of an ``Outcome``."""


class Standing(msgspec.Struct, frozen=True):
    """Where the tenant's sequence stands, and what the server knows of the device."""

    seq: int
    """The last sequence number given out; 0 before the first change."""
    epoch: int
    """How often the tenant was restored from a backup, counted from one."""
    min_seq: int
    """Cursors below this start again: tombstones before it are gone."""
    last_op: int
    last_sync_at: datetime | None
    lease_ms: int
    """How long the device may show what it holds without hearing from the server again."""
    heard_at: datetime | None = None
    """When it last asked for anything while nothing waited on it."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a device tells of itself by syncing."""

    last_op: int
    is_up_to_date: bool = True
    """False while more of the same sync is to come: it is then no sync yet."""
    is_heard: bool = True
    """False while anything waits on the device beside what it sends."""
    pending: int = 0
    """How many ops wait on the device."""
    app_version: str | None = None
    """None where it is the one that was told last."""


class After(msgspec.Struct, frozen=True):
    """Behind which row of one kind a page of the feed begins, and what its run is about."""

    seq: int
    record_id: UUID
    """Rows follow whose effective sequence and id are greater than these two."""
    base: int
    """The sequence from which this run of pages started; 0 for a snapshot."""
    started: int
    """The tenant's sequence as this run of pages started."""


Row = Mapping[str, Any]
"""A record in the feed, as it is stored: ``id``, ``handle``, ``seq``, ``created_seq``,
``versions`` (JSON of ``merge.encode_versions``), ``deleted``, every field of its kind in the form
of the wire (sets and free values as JSON), and

``effective``
    the sequence by which the feed is ordered: that of the last change, or that at which the row's
    customer entered the actor's scope, if that is later
``entered_seq``
    the sequence at which its customer last changed hands, was deleted or came back; 0 where there
    is no customer
"""


class Left(msgspec.Struct, frozen=True):
    """Something that left a scope."""

    kind: str
    id: str
    seq: int


class SyncStore(Store, Protocol):
    """Where synced records and the standing of devices lie, as push and pull ask for it."""

    def snapshot(self, tenant_id: UUID) -> AbstractAsyncContextManager[Any]:
        """Open one tenant's records for reading, as they stand at one moment."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo, inside the open unit of work, what is done inside when it raises."""
        ...

    async def hold_device(self, actor: Actor) -> HeldDevice:
        """Lock the actor's device, so that its pushes are taken one at a time.

        :raises SessionOver: the device no longer counts.
        """
        ...

    async def device_synced(self, actor: Actor, report: Report, *, now: datetime) -> None:
        """Write down how far the actor's device has come, and that it has synced."""
        ...

    async def remembered(self, actor: Actor, numbers: Collection[int]) -> dict[int, Remembered]:
        """Give what the actor's device was answered for ops with these numbers."""
        ...

    async def remembered_as(
        self, actor: Actor, digests: Collection[bytes]
    ) -> dict[bytes, Remembered]:
        """Give what the actor's device was answered for these ops, under whichever number."""
        ...

    async def remember(self, actor: Actor, settled: Sequence[Remembered], now: datetime) -> None:
        """Keep the outcomes of ops for ever, in one commit with their effects."""
        ...

    async def standing(self, actor: Actor) -> Standing | None:
        """Read the tenant's clock and the device; None when the device no longer counts."""
        ...

    async def epoch(self, tenant_id: UUID) -> int:
        """Tell how often the tenant was restored from a backup, counted from one."""
        ...

    async def changed(self, actor: Actor, kind: str, after: After, limit: int) -> Sequence[Row]:
        """Give the first `limit` rows of a kind behind a place, by effective sequence and id.

        Of customers those in the actor's scope; of what belongs to a customer, what belongs to one
        that is in scope and lives; of the rest, all. Left out are rows that were made and deleted
        after `base`, unless they were deleted after the run started: an earlier page may have sent
        them. A record comes with its customer as well, when that entered the scope after `base`.
        """
        ...

    async def left_scope(self, actor: Actor, since: int) -> list[Left]:
        """Give what left the actor's scope after `since` and has not come back.

        Customers leave with all that belongs to them; where a merge was taken back, a record may
        leave by itself.
        """
        ...
