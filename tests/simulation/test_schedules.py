"""A named sample of schedules of every kind of trouble, and what a schedule is."""

import random
from collections import Counter

import pytest

from tests.simulation.sample import SEEDS, WAITING
from world.simulation import plan, soak
from world.simulation.plan import PROFILES
from world.simulation.scheduler import SECOND

MET = (
    *("applied", "merged", "revived", "edit_won", "not_found", "quarantined", "parent_missing"),
    *("partition", "server crash", "power lost", "clock set", "hand-over", "scope changed"),
    *("restoration", "compaction", "revoked", "old image", "app updated", "rot", "mended"),
    *("waiting", "merge", "unmerge"),
)
"""What a sample must have met, or it says nothing about it."""


@pytest.mark.slow
def test_a_sample_of_schedules_passes_and_meets_every_kind_of_trouble() -> None:
    tally = soak.soak(SEEDS, jobs=1, profile=None, told=lambda _: None)
    waiting = soak.soak(WAITING, jobs=1, profile="orphans", told=lambda _: None)

    assert [(each.seed, each.findings) for each in (*tally.failed, *waiting.failed)] == []
    assert set(tally.profiles) == set(PROFILES)
    assert [what for what in MET if not (tally.counts + waiting.counts)[what]] == []
    assert len(tally.faults) == 9, tally.faults
    assert tally.quiet_ms_max <= 30 * SECOND


def test_the_same_seed_is_the_same_schedule() -> None:
    soak.be_quiet()
    seed = random.Random(7).randrange(10**6)

    first, again = soak.play(plan.from_seed(seed)), soak.play(plan.from_seed(seed))

    assert first == again
    assert first.ops > 0


def test_a_large_schedule_has_many_devices_and_many_ops() -> None:
    drawn = [plan.from_seed(seed) for seed in range(400)]
    large = [each for each in drawn if each.phones >= 6]

    assert large
    assert max(each.phones for each in large) == 12
    assert all(Counter(e.what for e in each.events)["act"] >= 60 for each in large)
