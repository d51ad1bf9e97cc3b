"""The steps of the journey, in their order. Each takes the cast and leaves evidence."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from world.journey import opening
from world.journey.cast import Cast
from world.journey.evidence import Evidence


class Step(msgspec.Struct, frozen=True):
    """One step: its name for programs, its title for people, and what it does."""

    name: str
    title: str
    run: Callable[[Cast, Evidence], Awaitable[None]]


STEPS: Final = (
    Step("processes", "Server and worker start", opening.processes),
    Step("on_board", "Three agents come on board", opening.on_board),
)
"""The whole journey."""
