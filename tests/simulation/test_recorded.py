"""Schedules that once failed: each is played again, for ever."""

from pathlib import Path

import msgspec
import pytest

from world.simulation import soak
from world.simulation.plan import Plan

CASES = sorted((Path(__file__).parent / "seeds").glob("*.json"))


class Case(msgspec.Struct):
    """A schedule, why it is kept, and the planted bug that is like the one it found."""

    reason: str
    mutant: str
    plan: Plan


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_schedule_that_once_failed_passes(file: Path) -> None:
    soak.be_quiet()
    case = msgspec.json.decode(file.read_bytes(), type=Case)

    assert soak.play(case.plan).findings == (), case.reason


def test_there_are_recorded_schedules() -> None:
    assert len(CASES) >= 4
