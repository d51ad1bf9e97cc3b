"""An app that is killed at any moment loses nothing that it called saved, and doubles nothing."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from mobile_client_sdk.client import open_client
from mobile_client_sdk.testing import FakeServer

REP = Path(__file__).with_name("rep.py")
ROOT = REP.parents[2]
KILLS = int(os.environ.get("TONGLU_SDK_KILLS", "12"))


@pytest.mark.slow
def test_a_killed_app_loses_and_doubles_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, rng, saved = FakeServer(), Random(7), Counter[str]()
    store = tmp_path / "rep.db"
    with server.serve() as url:
        code = server.enrolment_code("王芳")
        for seed in range(KILLS):
            saved.update(run_and_kill([str(store), url, str(seed), code], rng.randint(1, 60)))
        with open_client(store, url) as client:
            pending = client.pending_count
            while not client.sync().is_complete:
                pass

    held = Counter(
        record.fields["body" if record.kind == "note" else "name"]
        for record in server.records.values()
    )
    with capsys.disabled():
        print(f"\n{KILLS} kills, {saved.total()} saved, {held.total()} held, {pending} pending")  # noqa: T201 - the counts are the result
    assert saved.total() > KILLS
    assert saved - held == Counter(), "saved, and lost"
    assert max(held.values()) == 1, "doubled"
    atomic = [word for word in held if word.endswith(("a", "b"))]
    for word in atomic:
        assert word[:-1] + "a" in held
        assert word[:-1] + "b" in held


def run_and_kill(arguments: list[str], words: int) -> list[str]:
    """Let the app save some words, kill it while it goes on, and answer all that it said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(REP), *arguments],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        for line in process.stdout:
            said += line.split()
            if len(said) >= words:
                break
    finally:
        process.kill()
    said += [word for line in process.stdout for word in line.split() if line.endswith("\n")]
    process.stdout.close()
    process.wait()
    return said
