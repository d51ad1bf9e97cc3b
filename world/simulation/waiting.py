"""The ops that wait for their record after a restoration, as rows in memory."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from server.access import Actor
from server.sync.orphan_rows import Kept
from sync_protocol.messages import Outcome
from world.simulation.memory import MemoryStore
from world.simulation.tables import Tables


class MemoryOrphanRows:
    """What `server.sync.orphans` asks of its table."""

    def __init__(self, store: MemoryStore, author: Callable[[UUID], Actor]) -> None:
        self._store = store
        self._author = author

    async def hold(self, tenant_id: UUID) -> None:
        """Lock the tenant."""
        await self._store.pause()
        await self._store.lock([("tenant", str(tenant_id))])

    async def count(self, actor: Actor) -> tuple[int, int]:
        """Count what waits."""
        await self._store.pause()
        held = self._store.rows().orphans
        return sum(each.device_id == actor.device_id for each in held), len(held)

    async def keep(self, tenant_id: UUID, kept: Sequence[Kept]) -> None:
        """Keep ops."""
        del tenant_id
        await self._store.pause()
        self._store.change(
            lambda held: msgspec.structs.replace(held, orphans=(*held.orphans, *kept))
        )

    async def take(self, tenant_id: UUID, record_ids: Collection[str]) -> list[Kept]:
        """Take out what waits for these records."""
        del tenant_id
        wanted = frozenset(record_ids)
        return await self._take(lambda each: each.waits_for in wanted)

    async def take_old(self, tenant_id: UUID, before: datetime) -> list[Kept]:
        """Take out what has waited for too long."""
        del tenant_id
        return await self._take(lambda each: each.kept_at < before)

    async def _take(self, is_taken: Callable[[Kept], bool]) -> list[Kept]:
        await self._store.pause()
        taken = [each for each in self._store.rows().orphans if is_taken(each)]
        if taken:
            self._store.change(lambda held: _without(held, is_taken))
        return taken

    async def answer(self, tenant_id: UUID, came: Sequence[tuple[UUID, Outcome]]) -> None:
        """Put outcomes in the place of what was remembered; what is not yet there stays so."""
        del tenant_id
        await self._store.pause()
        told = {(str(device_id), outcome.number): outcome for device_id, outcome in came}
        self._store.change(lambda held: _answered(held, told))
        for each in told:
            self._store.came_of(each)

    async def there(self, tenant_id: UUID, record_ids: Collection[str]) -> set[str]:
        """Give which of these records are there."""
        del tenant_id
        await self._store.pause()
        return {record_id for _, record_id in self._store.rows().records} & set(record_ids)

    async def author(self, tenant_id: UUID, user_id: UUID) -> Actor:
        """Give the person."""
        del tenant_id
        return self._author(user_id)


def _without(held: Tables, is_taken: Callable[[Kept], bool]) -> Tables:
    left = tuple(each for each in held.orphans if not is_taken(each))
    return msgspec.structs.replace(held, orphans=left)


def _answered(held: Tables, told: dict[tuple[str, int], Outcome]) -> Tables:
    """Give the tables with other outcomes."""
    changed = {
        key: msgspec.structs.replace(held.outcomes[key], outcome=msgspec.json.encode(outcome))
        for key, outcome in told.items()
        if key in held.outcomes
    }
    return msgspec.structs.replace(held, outcomes={**held.outcomes, **changed})
