"""How long ago the server last answered, by a clock that nobody sets.

What a person registers without a network is dated by it. A device that was started anew since, or
one that does not say so (then: an app that was), cannot tell, and says nothing.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from mobile_client_sdk.lease import uptime_ms
from mobile_client_sdk.store import Store

_HEARD: Final = "heard"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_FRESH_MS: Final = 60_000
"""An answer within this time of the last one is not written down again."""


@cache
def boot_id() -> str:
    """Name this run of the device; where the system does not, this run of the app."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return uuid4().hex


class Heard(msgspec.Struct, frozen=True):
    """The server's last answer."""

    server_ms: int
    """Its time in that answer."""
    up_ms: int
    """The uptime at that moment."""
    boot: str
    """The run of the device in which that was."""


class Steady:
    """The steady clock of one device."""

    def __init__(
        self,
        store: Store,
        *,
        uptime_ms: Callable[[], int] = uptime_ms,
        boot_id: Callable[[], str] = boot_id,
    ) -> None:
        self._store = store
        self._uptime_ms = uptime_ms
        self._boot_id = boot_id

    def hear(self, server_ms: int) -> None:
        """Remember that the server has just answered."""
        held, up_ms, boot = self._held(), self._uptime_ms(), self._boot_id()
        is_fresh = held is not None and held.boot == boot and up_ms - held.up_ms < _FRESH_MS
        if not is_fresh:
            heard = Heard(server_ms, up_ms, boot)
            self._store.put(_HEARD, msgspec.structs.astuple(heard))

    def told(self) -> dict[str, int]:
        """Answer what a registration carries: since which answer, and how long ago that was."""
        held = self._held()
        if held is None or held.boot != self._boot_id():
            return {}
        return {"since_ms": held.server_ms, "elapsed_ms": self._uptime_ms() - held.up_ms}

    def heard_ms(self) -> int:
        """Answer the server's time in the last answer, 0 where none is remembered."""
        held = self._held()
        return 0 if held is None else held.server_ms

    def _held(self) -> Heard | None:
        """Answer the last answer that was remembered."""
        kept = self._store.get(_HEARD)
        return None if kept is None else Heard(*kept)
