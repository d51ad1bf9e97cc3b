"""Of which settled ops the server is asked once more what became of them.

That is after it was restored, when it may have settled them otherwise, and of ops that it keeps
until their record is there again.
"""

from collections.abc import Collection, Sequence
from typing import Final

from mobile_client_sdk.store import Store
from sync_protocol.messages import Code, Outcome

_ASKED: Final = "asked"
_WAITING: Final = "waiting"


class Asked:
    """Remembers it durably."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def span(self) -> tuple[int, int]:
        """Answer after which op, and up to which, there is something to ask; the same for none."""
        held = self._store.get(_ASKED)
        return (held[0], held[1]) if held else (0, 0)

    def ask(self, after: int, until: int) -> None:
        """Ask for the ops behind a number and up to another one."""
        self._store.put(_ASKED, [after, until] if after < until else None)

    def came_to(self, numbers: Collection[int]) -> None:
        """Ask no more for these, nor for what stands before them."""
        after, until = self.span()
        if numbers and after < until:
            self.ask(max(after, *numbers), until)

    def waiting(self) -> list[int]:
        """Answer which ops the server keeps until their record is there again, in order."""
        return list(self._store.get(_WAITING) or ())

    def ask_for_waiting(self) -> None:
        """Ask for those, unless there is something to ask already."""
        waiting = self.waiting()
        if waiting and not self._store.get(_ASKED):
            self.ask(waiting[0] - 1, waiting[-1])

    def hear(self, outcomes: Sequence[Outcome]) -> None:
        """Take answers: what was asked up to them is known, and what waits is noted."""
        numbers = {each.number for each in outcomes}
        self.came_to(numbers)
        held = set(self.waiting())
        waits = {each.number for each in outcomes if each.code == Code.WAITING}
        if (now := held - numbers | waits) != held:
            self._store.put(_WAITING, sorted(now))
