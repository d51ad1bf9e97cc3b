"""A sample of `tonglu soak faults`: real processes, a bad network, kills; then all is quiet."""

import os
import sys
from typing import Final

import pytest

from world.faults import trial
from world.faults.site import Site
from world.faults.soak import Tally

_SEEDS: Final = os.environ.get("TONGLU_FAULT_SEEDS", "2:3")
_NO_HURRY_S: Final = 10_000.0
"""How soon all is quiet is for the soak to judge; here others use the machine too."""


# No coroutine: a process ends with the thread that started it, and a loop's threads end early.
@pytest.mark.timeout(600)
def test_every_outbox_drains_and_all_replicas_agree(
    served: Site, capsys: pytest.CaptureFixture[str], no_database: None
) -> None:
    first, _, last = _SEEDS.partition(":")
    tally = Tally()
    for seed in range(int(first), int(last)):
        result = trial.play(served, seed, phones=2, events=4, quiet_within_s=_NO_HURRY_S)
        tally.add(result)

    with capsys.disabled():
        sys.stdout.write(
            f"\n  faults, seeds {_SEEDS}: {tally.saved} words saved, {tally.lost} lost,"
            f" {tally.doubled} doubled, {tally.conflicts} kept beside; {dict(tally.faults)};"
            f" quiet after {tally.quiet_s_max} s\n"
        )
    assert tally.failed == []
    assert tally.saved > 0
