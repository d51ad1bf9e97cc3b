"""The compact form of the messages: arrays by place, ops and rows by column, fields by number.

``LAY_OUT`` turns a message into arrays for MessagePack, ``TAKE_IN`` turns them back. What the form
leaves out (defaults at the end of an array, numbers that follow each other) comes back as it was:
the compact form and JSON say the same.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sync_protocol.columns import Cells
from sync_protocol.compact import answers, digests, pages, pushes
from sync_protocol.compact.places import refusal_of
from sync_protocol.compact.pushes import take_in_push
from sync_protocol.messages import (
    DigestRequest,
    DigestResponse,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
)

__all__ = ["LAY_OUT", "TAKE_IN", "refusal_of", "take_in_push"]

LAY_OUT: Final[Mapping[type, Callable[[Any], list[Any]]]] = {
    PushRequest: pushes.lay_out,
    PushResponse: answers.lay_out,
    PullRequest: pages.lay_out_request,
    PullResponse: pages.lay_out,
    DigestRequest: digests.lay_out_request,
    DigestResponse: digests.lay_out,
}
"""How each message is turned into arrays."""
TAKE_IN: Final[Mapping[type, Callable[[object, Cells], Any]]] = {
    PushResponse: answers.take_in,
    PullRequest: pages.take_in_request,
    PullResponse: pages.take_in,
    DigestRequest: digests.take_in_request,
    DigestResponse: digests.take_in,
}
"""How arrays are turned into each message; a push has ``take_in_push``."""
