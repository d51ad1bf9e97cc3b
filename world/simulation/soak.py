"""Run many schedules, count what happened, and make a failing one small."""

import gc
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from logging import CRITICAL
from typing import Final

import msgspec
import structlog

from world.simulation import plan, stage
from world.simulation.plan import Plan
from world.simulation.stage import Result

_MOST_TRIES: Final = 300
"""How many smaller schedules are tried for a failing one."""
_CHUNK: Final = 20


class Tally(msgspec.Struct):
    """What came of many schedules."""

    schedules: int = 0
    ops: int = 0
    requests: int = 0
    commits: int = 0
    steps: int = 0
    quiet_ms_max: int = 0
    cpu_s: float = 0.0
    seconds: float = 0.0
    profiles: Counter[str] = msgspec.field(default_factory=Counter)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    failed: list[Result] = msgspec.field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count a schedule."""
        self.schedules += 1
        self.ops += result.ops
        self.requests += result.requests
        self.commits += result.commits
        self.steps += result.steps
        self.quiet_ms_max = max(self.quiet_ms_max, result.quiet_ms)
        self.profiles[result.profile] += 1
        self.faults.update(result.faults)
        self.counts.update(result.counts)
        if not result.passed:
            self.failed.append(result)


def play(schedule: Plan, *, trace: Callable[[str], None] | None = None) -> Result:
    """Play one schedule."""
    return stage.Stage(schedule, trace=trace).play()


def soak(seeds: range, *, jobs: int, profile: str | None, told: Callable[[Tally], None]) -> Tally:
    """Play a schedule for each seed, in several processes."""
    tally, began = Tally(), time.monotonic()
    chunks = [(seeds[at : at + _CHUNK], profile) for at in range(0, len(seeds), _CHUNK)]
    for results, cpu_s in _played(chunks, jobs):
        for result in results:
            tally.add(result)
        tally.cpu_s += cpu_s
        tally.seconds = time.monotonic() - began
        told(tally)
    return tally


def _played(
    chunks: list[tuple[range, str | None]], jobs: int
) -> Iterator[tuple[list[Result], float]]:
    if jobs == 1:
        yield from map(_play_chunk, chunks)
        return
    with multiprocessing.get_context("forkserver").Pool(jobs, _settle_in) as pool:
        yield from pool.imap_unordered(_play_chunk, chunks)


def _settle_in() -> None:
    """Prepare a process that does nothing but play."""
    be_quiet()
    # What is loaded stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def _play_chunk(chunk: tuple[range, str | None]) -> tuple[list[Result], float]:
    seeds, profile = chunk
    be_quiet()
    began = time.process_time()
    results = [play(plan.from_seed(seed, profile=profile)) for seed in seeds]
    return results, time.process_time() - began


def be_quiet() -> None:
    """Let the service say nothing: what it reports here was planned."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))


def smaller(failing: Plan) -> Plan:
    """Leave out events as long as the same oracle finds something."""
    wanted = {finding.oracle for finding in play(failing).findings}
    best, size, tries = failing, max(1, len(failing.events) // 2), 0
    while size and tries < _MOST_TRIES:
        for candidate in _without(best, size):
            tries += 1
            if tries > _MOST_TRIES:
                break
            if wanted & {finding.oracle for finding in play(candidate).findings}:
                best = candidate
                break
        else:
            size //= 2
            continue
        size = min(size, max(1, len(best.events) // 2))
    return best


def _without(failing: Plan, size: int) -> Iterable[Plan]:
    """Give the plan without each stretch of so many events."""
    events = failing.events
    for at in range(0, len(events), size):
        yield msgspec.structs.replace(failing, events=events[:at] + events[at + size :])


def as_json(tally: Tally) -> Mapping[str, object]:
    """Give what came of it as one object."""
    built: dict[str, object] = msgspec.to_builtins(tally)
    built["passed"] = not tally.failed
    built["schedules_per_s"] = round(tally.schedules / tally.seconds, 2) if tally.seconds else 0
    built["schedules_per_cpu_s"] = round(tally.schedules / tally.cpu_s, 2) if tally.cpu_s else 0
    return built
