"""Play many seeds on one site after another, and count what came of them."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from server.embedded import Cluster, Tuning
from world.faults import trial
from world.faults.site import Site
from world.faults.trial import Result


class Tally(msgspec.Struct):
    """What came of many runs."""

    runs: int = 0
    saved: int = 0
    lost: int = 0
    doubled: int = 0
    conflicts: int = 0
    requests: int = 0
    quiet_s_max: float = 0.0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    failed: list[Result] = msgspec.field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count a run."""
        self.runs += 1
        self.saved += result.saved
        self.lost += result.lost
        self.doubled += result.doubled
        self.conflicts += result.conflicts
        self.requests += result.requests
        self.quiet_s_max = max(self.quiet_s_max, result.quiet_s)
        self.faults.update(result.faults)
        if not result.passed:
            self.failed.append(result)


def soak(seeds: range, *, phones: int, events: int, told: Callable[[Tally], None]) -> Tally:
    """Play a run for each seed, one after the other: each wants the machine for itself."""
    tally = Tally()
    with standing() as site:
        for seed in seeds:
            tally.add(trial.play(site, seed, phones=phones, events=events))
            told(tally)
    return tally


@contextlib.contextmanager
def standing() -> Iterator[Site]:
    """Start PostgreSQL, server and worker in a folder that is deleted."""
    with tempfile.TemporaryDirectory(prefix="tonglu-faults-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        cluster = Cluster(folder / "postgres", tuning=Tuning(shared_buffers="64MB"), environ={})
        site = Site(cluster, folder, has_worker=True)
        try:
            cluster.start()
            site.start()
            yield site
        finally:
            site.stop()
            cluster.destroy()


def as_json(tally: Tally) -> Mapping[str, object]:
    """Give what came of it as one object."""
    built: dict[str, object] = msgspec.to_builtins(tally)
    built["passed"] = not tally.failed
    return built
