"""Whose turn it is: files are taken in, and imports tried out, a few at a time in each process.

Each of them needs much memory or much of the processor. Some more may wait; who comes beyond that
is told when to come again, so that no company keeps the others from it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from server.access import Actor
from server.kit.errors import TooManyRequests

RETRY_S: Final = 10


class UploadRunning(TooManyRequests):
    """The person does this already, as often as one person may at once."""

    code = "upload_running"


class ImportsBusy(TooManyRequests):
    """So many files are being read, or wait for it, that no further one is taken now."""

    code = "imports_busy"


class Turns:
    """One kind of work, done a few at a time."""

    def __init__(self, *, side_by_side: int, of_person: int, of_tenant: int, of_all: int) -> None:
        """Say how many are at work at once, and how many may be at work or wait."""
        self._places = asyncio.Semaphore(side_by_side)
        self._of_person, self._of_tenant, self._of_all = of_person, of_tenant, of_all
        self._here: list[tuple[UUID, UUID]] = []

    @contextlib.asynccontextmanager
    async def take(self, actor: Actor) -> AsyncIterator[None]:
        """Wait until there is a place.

        :raises UploadRunning: the person is here already.
        :raises ImportsBusy: the company, or all together, are here as often as they may.
        """
        who = (actor.tenant_id, actor.user_id)
        self._ensure_room(*who)
        self._here.append(who)
        try:
            async with self._places:
                yield
        finally:
            self._here.remove(who)

    def _ensure_room(self, tenant_id: UUID, user_id: UUID) -> None:
        """Refuse who would be one too many."""
        if self._here.count((tenant_id, user_id)) >= self._of_person:
            raise UploadRunning(
                "Another file of yours is being read; wait for it.", retry_after_s=RETRY_S
            )
        of_tenant = sum(tenant_id == each for each, _ in self._here)
        if of_tenant >= self._of_tenant or len(self._here) >= self._of_all:
            raise ImportsBusy(
                "Many files are being read at the moment; come again.", retry_after_s=RETRY_S
            )


UPLOADS: Final = Turns(side_by_side=1, of_person=1, of_tenant=2, of_all=5)
"""A large file is half a gigabyte while it is read, and 20 MiB while it waits."""
PREVIEWS: Final = Turns(side_by_side=2, of_person=2, of_tenant=4, of_all=12)
"""Each row of a file is understood and judged; somebody who tries columns asks again at once."""
