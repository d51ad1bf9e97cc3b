"""Wait for what the worker does: look again until it is there, or long enough has passed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

_LOOK_S: Final = 0.2


async def until(
    look: Callable[[], Awaitable[Any]], is_there: Callable[[Any], bool], *, timeout_s: float = 30.0
) -> Any:
    """Look until what was waited for is there; the last look is the answer, whatever it says."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = await look()
        if is_there(seen) or time.monotonic() > deadline:
            return seen
        await asyncio.sleep(_LOOK_S)
