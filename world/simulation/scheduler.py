"""Virtual time: what happens next, in one order that depends on the seed alone.

Nothing here waits. An event is a call at a moment; a coroutine of the server is a row of events,
one for each place where it lets go. The same seed gives the same order on every machine.
"""

import contextvars
import heapq
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final

START_MS: Final = 1_800_000_000_000
"""The moment at which every schedule begins."""
SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

Action = Callable[[], None]


class Scheduler:
    """A queue of events in virtual time."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.steps = 0
        """Events that have happened."""
        self._queue: list[tuple[int, int, Action]] = []
        self._count = 0

    def at(self, at_ms: int, action: Action) -> None:
        """Let something happen at a moment, after whatever was set for the same moment before."""
        self._count += 1
        heapq.heappush(self._queue, (max(at_ms, self.now_ms), self._count, action))

    def after(self, delay_ms: int, action: Action) -> None:
        """Let something happen after a while."""
        self.at(self.now_ms + delay_ms, action)

    def run(self, until_ms: int, *, is_over: Callable[[], bool] | None = None) -> None:
        """Let everything happen up to a moment, or until it is over."""
        while self._queue and self._queue[0][0] <= until_ms:
            if is_over is not None and is_over():
                return
            self.now_ms, _, action = heapq.heappop(self._queue)
            self.steps += 1
            action()
        if is_over is None or not is_over():
            self.now_ms = max(self.now_ms, until_ms)


class Pause:
    """Where a coroutine lets others go first."""

    def __await__(self) -> Generator["Pause", None, None]:
        yield self


class Task:
    """A coroutine of the server, stepped by the scheduler from pause to pause."""

    def __init__(
        self,
        scheduler: Scheduler,
        coroutine: Coroutine[Any, Any, Any],
        done: Callable[[Any, Exception | None], None],
        pause_ms: Callable[[], int],
    ) -> None:
        self._scheduler = scheduler
        self._coroutine = coroutine
        self._done = done
        self._pause_ms = pause_ms
        # What the store keeps for the running task lies in its context, as under an event loop.
        self._context = contextvars.copy_context()
        self.is_over = False

    def step(self) -> None:
        """Go on to the next pause, or to the end."""
        if self.is_over:
            return
        try:
            paused = self._context.run(self._coroutine.send, None)
        except StopIteration as end:
            self.is_over = True
            self._done(end.value, None)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's answer
            self.is_over = True
            self._done(None, error)
        else:
            assert isinstance(paused, Pause), "the simulated server waits for nothing real"
            self._scheduler.after(self._pause_ms(), self.step)

    def kill(self) -> None:
        """End the coroutine where it stands, as a process that dies does."""
        if not self.is_over:
            self.is_over = True
            self._context.run(self._coroutine.close)
