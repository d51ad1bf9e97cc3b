"""`tonglu demo` shows a product that works, ends cleanly, keeps its data, and can be cleared."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from partner_portal.words import Language, catalogue
from world import channel, demo, people, processes, truth
from world.api import Api

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@contextmanager
def _demo(folder: Path, port: int) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run the demo until it says that it is ready; give what it said."""
    log = folder / f"demo-{port}.out"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "demo", "--port", str(port)],
            env=processes.own_environment(folder / "data"),
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def has_ended_or_is_ready() -> bool:
        return process.poll() is not None or b"Ready after" in log.read_bytes()

    try:
        assert processes.wait_for(has_ended_or_is_ready, timeout_s=180), log.read_text()
        assert process.poll() is None, log.read_text()
        yield process, log.read_text()
    finally:
        process.kill()
        process.wait()


def _left_of(folder: Path) -> list[str]:
    """List processes that still have the demo's folder in their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(folder / "data") in arguments:
                found.append(arguments.replace("\0", " "))
    return found


async def _customers(url: str, login: str) -> int:
    """Sign in as somebody of the table and count what they see."""
    async with await Api.signed_in(url, login, demo.PASSWORD) as api:
        return int((await api.get("/v1/customers/summary"))["customers"])


def test_the_demo_runs_stops_keeps_its_data_and_is_cleared(tmp_path: Path) -> None:
    port = processes.free_port()
    world = channel.from_seed(demo.SEED)
    owner = world.agents[0].owner

    with _demo(tmp_path, port) as (process, said):
        called = catalogue(Language.CHINESE).say("role.agent_owner")
        assert re.search(rf"{re.escape(owner.login)} +{owner.name} +.*{called}", said)
        assert "demo data made" in said
        seen = asyncio.run(_customers(f"http://127.0.0.1:{port}", owner.login))
        assert seen == truth.of(world).agents[0].customers
        analyst = people.analyst_of(world.agents[0])
        assert re.search(rf"{analyst.login} +{analyst.name} .*aggregates", said)
        second = subprocess.run(
            [sys.executable, "-m", "server.cli", "demo", "--port", str(processes.free_port())],
            env=processes.own_environment(tmp_path / "data"),
            check=False,
            capture_output=True,
            text=True,
        )
        assert second.returncode == 1
        assert "A demo runs on the data" in second.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert _left_of(tmp_path) == []

    with _demo(tmp_path, processes.free_port()) as (process, said):
        assert "demo data were there" in said
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    cleared = subprocess.run(
        [sys.executable, "-m", "server.cli", "demo", "--reset"],
        env=processes.own_environment(tmp_path / "data"),
        check=True,
        capture_output=True,
        text=True,
    )
    assert "deleted" in cleared.stdout
    assert list((tmp_path / "data").iterdir()) == []


def test_nobody_clears_a_database_that_the_demo_did_not_make(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "server.cli", "demo", "--reset"],
        env=processes.own_environment(tmp_path, DATABASE_URL="postgresql://somebody/else"),
        check=False,
        capture_output=True,
        text=True,
    )

    assert refused.returncode == 1
    assert "drop it yourself" in refused.stderr
