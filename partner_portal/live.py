"""Tell an open page that its company's records have moved; the page then asks for what it shows."""

import time
from collections.abc import AsyncIterator
from typing import Final
from uuid import uuid4

from litestar import get
from litestar.response import ServerSentEvent, ServerSentEventMessage

from server.access.edge import CurrentActor
from server.access.streams import STREAMS
from server.kit import live

_BEAT_S: Final = 20.0
"""A quiet stream says something this often, so that proxies keep it open."""
_LIFE_S: Final = 50.0
"""Then the browser comes again and is asked who it is: who was let go hears nothing for longer."""


@get("/live", opt={"time_limit_s": None}, sync_to_thread=False)
def live_feed(actor: CurrentActor) -> ServerSentEvent:
    """Stream the sequence of the company, or the platform, when it moves; nothing about whom."""
    # One page of a browser listens for all of them: the page that is left makes room for the next,
    # though nobody may have noticed yet that it is gone.
    return ServerSentEvent(_moves(STREAMS.open(actor, actor.session_id or uuid4())))


async def _moves(subscription: live.Subscription) -> AsyncIterator[ServerSentEventMessage]:
    """Give one message for each move, and a comment when it is quiet."""
    yield ServerSentEventMessage(comment="open")
    ends_s = time.monotonic() + _LIFE_S
    async for seq in subscription.beats(_BEAT_S):
        if time.monotonic() >= ends_s:
            return
        if seq is not None:
            yield ServerSentEventMessage(event="changed", data=str(seq))
        else:
            yield ServerSentEventMessage(comment="quiet")
