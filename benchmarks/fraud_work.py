"""Item 2 of the books: what screening finds of rings that are known, and what it costs."""

import random
import time
from typing import Final

import msgspec

from benchmarks.figures import Figure, Spread
from server.benefits.reviews.rules import Guards, Trace, screen
from world import rings

_AGENTS: Final = 24
_RUNS: Final = 5


def measure(rng: random.Random, channels: int) -> list[Figure]:
    """Screen channels as their days go by; then all of the last one at once, some times."""
    guards = Guards()
    found = []
    for _ in range(channels):
        made = rings.channel(rng.getrandbits(32), agents=_AGENTS)
        found.append(rings.screened(made, guards))
    honest, false = (sum(getattr(each, of) for each in found) for of in ("honest", "false"))
    about = f"{channels} channels, {honest:,} honest benefits, {false:,} false"
    begun = [each.rings_found / each.rings for each in found]
    held = [each.recall for each in found]
    wrong = [each.false_holds for each in found]
    return [
        Figure(
            goal="fraud",
            what=f"rings of which something was held: {about}",
            unit="of 1",
            ours=Spread.of(begun),
            at_least=0.95,
        ),
        Figure(
            goal="fraud",
            what="false benefits held before they were used",
            unit="of 1",
            ours=Spread.of(held),
        ),
        Figure(
            goal="fraud",
            what="honest benefits held",
            unit="of 1",
            ours=Spread.of(wrong),
            limit=0.01,
        ),
        _cost(made.traces, guards),
    ]


def _cost(traces: list[Trace], guards: Guards) -> Figure:
    """Measure one look at a program; the floor is to read its traces alone."""
    written = msgspec.json.encode(traces)
    ours, floor = [], []
    now = max(each.issued_at for each in traces)
    for _ in range(_RUNS):
        begun = time.process_time()
        read = msgspec.json.decode(written, type=list[Trace])
        floor.append((time.process_time() - begun) * 1_000)
        begun = time.process_time()
        screen(read, guards, now=now)
        ours.append((time.process_time() - begun) * 1_000)
    return Figure(
        goal="fraud",
        what=f"CPU of one look at {len(traces):,} benefits; floor: to read them",
        unit="ms",
        ours=Spread.of(ours),
        floor=Spread.of(floor),
    )
