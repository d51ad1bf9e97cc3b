"""The product's main job works end to end, as anybody can see with `tonglu journey`."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def _journey(*options: str) -> "subprocess.CompletedProcess[str]":
    """Take a journey in processes of its own."""
    return subprocess.run(
        [sys.executable, "-m", "server.cli", "journey", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=580,
    )


def test_the_journey_passes_and_tells_what_it_saw() -> None:
    # More rows than one chunk of an import has.
    taken = _journey("--json", "--seed", "20261123", "--rows", "1100")

    told = json.loads(taken.stdout)
    missed = [
        (step["name"], expectation["claim"], expectation["seen"])
        for step in told["steps"]
        for expectation in step["expectations"]
        if not expectation["holds"]
    ]
    assert missed == []
    assert [step["error"] for step in told["steps"] if step["error"]] == []
    assert told["passed"] is True
    assert taken.returncode == 0, taken.stderr
