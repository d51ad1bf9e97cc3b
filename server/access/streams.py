"""The open streams of this process, and how many there may be of a person, a company and in all.

A listener, such as a device, has one: the connection that it opens takes the place of the one
before, which may be dead without this server knowing. A stream ends with its last holder, so
nothing has to be signed off.
"""

from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from server.access.rules import Actor
from server.kit import live
from server.kit.errors import TooManyRequests

RETRY_AFTER_S: Final = 60


class TooManyStreams(TooManyRequests):
    """So many streams are open that no further one is: the listener asks now and then instead."""

    code = "too_many_streams"


class Bounds(msgspec.Struct, frozen=True):
    """How many streams one process holds open."""

    of_person: int = 16
    of_tenant: int = 500
    of_all: int = 2_000


class Streams:
    """Who listens."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._open: WeakValueDictionary[tuple[UUID, UUID, UUID], live.Subscription] = (
            WeakValueDictionary()
        )
        """By tenant, person and listener, for as long as somebody holds the subscription."""

    def open(self, actor: Actor, listener: UUID) -> live.Subscription:
        """Listen to the actor's company; the stream that this listener had before ends.

        :param listener: the device, or a new id where each connection is a listener of its own.
        :raises TooManyStreams: one of the bounds is reached.
        """
        key = (actor.tenant_id, actor.user_id, listener)
        before = self._open.pop(key, None)
        if before is not None:
            before.end()
        self._ensure_room(actor)
        subscription = live.subscribe(actor.tenant_id)
        self._open[key] = subscription
        return subscription

    def _ensure_room(self, actor: Actor) -> None:
        """Refuse the stream that would be one too many."""
        keys = list(self._open.keys())
        of_tenant = [user_id for tenant_id, user_id, _ in keys if tenant_id == actor.tenant_id]
        is_full = (
            len(keys) >= self._bounds.of_all
            or len(of_tenant) >= self._bounds.of_tenant
            or of_tenant.count(actor.user_id) >= self._bounds.of_person
        )
        if is_full:
            raise TooManyStreams(
                "Too many listen at once; ask now and then until there is room.",
                retry_after_s=RETRY_AFTER_S,
            )


STREAMS: Final = Streams(Bounds())
"""Those of this process: the hints of devices, and the feeds of open pages."""
