"""The simulated network: every way in which a request or its answer can go wrong.

A message is bytes. Whether it is lost, cut, doubled, late or an old answer in a new one's place is
drawn from the schedule's randomness, message by message.
"""

import random
from collections import Counter
from typing import Final
from uuid import UUID

import msgspec

from sync_protocol import codec
from world.simulation.scheduler import SECOND, Scheduler
from world.simulation.site import Answer, Reply, Site

TIMEOUT_MS: Final = 20 * SECOND
"""A device gives an answer up after this, so that it is quiet within 30 s of the last fault."""


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """How often what happens to a message, in hundredths."""

    lost: int = 0
    """The request never arrives."""
    unanswered: int = 0
    """It is done, and the answer never arrives."""
    cut: int = 0
    """It is done, and a part of the answer arrives."""
    twice: int = 0
    """It arrives twice within seconds."""
    replayed: int = 0
    """It arrives again after hours or days."""
    stale: int = 0
    """The answer to an earlier request comes back instead."""
    trouble: int = 0
    """The server's proxy answers 503."""
    portal: int = 0
    """A hotel's page answers 200."""
    slow: int = 0
    """It takes longer than the device waits, and is done after that."""


CALM: Final = Weather()
_INSTEAD: Final = {
    "trouble": Answer(503, b'{"code":"unavailable"}'),
    "portal": Answer(200, b"<h1>Welcome to our Wi-Fi</h1>"),
}
"""What comes back without the server having been asked."""


class Line(msgspec.Struct):
    """One device's way to the server."""

    device_id: UUID
    offline_until_ms: int = 0
    last_answers: dict[str, Answer] = msgspec.field(default_factory=dict)


class Network:
    """All lines between devices and the server."""

    def __init__(
        self,
        scheduler: Scheduler,
        site: Site,
        rng: random.Random,
        weather: Weather,
        horizon_ms: int,
    ) -> None:
        self.weather = weather
        self.faults: Counter[str] = Counter()
        """What went wrong, and how often."""
        self.requests = 0
        self._scheduler = scheduler
        self._site = site
        self._rng = rng
        self._horizon_ms = horizon_ms

    def calm_down(self) -> None:
        """From now on nothing goes wrong."""
        self.weather = CALM

    def send(
        self, line: Line, path: str, media: codec.MediaType, body: bytes, reply: Reply
    ) -> None:
        """Carry a request to the server and its answer back; `reply` is called once."""
        self.requests += 1
        call = _Call(reply)
        if self._is_offline(line):
            self._scheduler.after(10, call.fail)
            return
        self._scheduler.after(TIMEOUT_MS, call.fail)
        fault, delay = self._fault(), self._latency()
        if fault is not None:
            self.faults[fault] += 1
        instead = line.last_answers.get(path) if fault == "stale" else _INSTEAD.get(fault or "")
        if instead is not None:
            self._scheduler.after(delay, lambda: call.answer(instead))
            return
        if fault == "lost":
            if self._rng.random() < 0.7:  # noqa: PLR2004 - mostly the device notices at once
                self._scheduler.after(delay, call.fail)
            return
        if fault in ("twice", "replayed"):
            span = 3 * SECOND if fault == "twice" else self._horizon_ms
            again = delay + self._rng.randrange(span)
            self._scheduler.after(again, lambda: self._replay(line, path, media, body))
        if fault == "slow":
            delay += TIMEOUT_MS + self._rng.randrange(20 * SECOND)

        def back(answer: Answer | None) -> None:
            self._carry_back(line, path, call, fault, answer)

        self._scheduler.after(
            delay, lambda: self._site.receive(line.device_id, path, media, body, back)
        )

    def _replay(self, line: Line, path: str, media: codec.MediaType, body: bytes) -> None:
        """Let a request arrive again; nobody waits for the answer."""
        self._site.receive(line.device_id, path, media, body, lambda _: None)

    def _carry_back(
        self, line: Line, path: str, call: "_Call", fault: str | None, answer: Answer | None
    ) -> None:
        delay = self._latency()
        if answer is None:
            self._scheduler.after(delay, call.fail)
            return
        line.last_answers[path] = msgspec.structs.replace(answer, is_stale=True)
        if fault == "unanswered" or self._is_offline(line):
            self._scheduler.after(delay, call.fail)
            return
        if fault == "cut":
            length = self._rng.randrange(len(answer.body) or 1)
            answer = msgspec.structs.replace(answer, body=answer.body[:length])
        self._scheduler.after(delay, lambda: call.answer(answer))

    def _is_offline(self, line: Line) -> bool:
        return line.offline_until_ms > self._scheduler.now_ms

    def _latency(self) -> int:
        return self._rng.choice((5, 20, 20, 60, 200))

    def _fault(self) -> str | None:
        """Draw what goes wrong with a message."""
        weather = self.weather
        if weather is CALM:
            return None
        drawn = self._rng.randrange(100)
        for name in Weather.__struct_fields__:
            drawn -= getattr(weather, name)
            if drawn < 0:
                return name
        return None


class _Call:
    """A request that a device waits for: it is answered once, or fails once."""

    def __init__(self, reply: Reply) -> None:
        self._reply: Reply | None = reply

    def answer(self, answer: Answer | None) -> None:
        """Give the device an answer, unless it has stopped waiting."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply(answer)

    def fail(self) -> None:
        """Tell the device that nothing is known."""
        self.answer(None)
