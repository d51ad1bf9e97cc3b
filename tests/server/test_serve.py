"""`tonglu serve`: ready when it says so, gone when it is asked, and nothing stays behind."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from server.serve import prepared
from server.settings import Settings, to_environment
from tests.postgres import environment

WAIT_S = 40


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def server(fresh_database: Settings, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`tonglu serve` on a database of its own, ready, with six seconds of notice."""
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "server.cli", "serve", "--api-only"),
            *("--workers", "1", "--notice-s", "6", "--port", str(port)),
        ],
        env=environment() | to_environment(fresh_database),
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(lambda: _ready(port) == 200)
        yield started
    finally:
        started.kill()
        started.wait()


def test_it_says_that_it_stops_and_then_stops(server: "subprocess.Popen[bytes]", port: int) -> None:
    server.send_signal(signal.SIGTERM)

    _wait_for(lambda: _ready(port) == 503)
    assert server.wait(WAIT_S) == 0
    assert _ready(port) is None


def test_a_killed_parent_leaves_no_process(server: "subprocess.Popen[bytes]", port: int) -> None:
    children = psutil.Process(server.pid).children(recursive=True)
    assert children

    server.kill()

    _gone, alive = psutil.wait_procs(children, timeout=WAIT_S)
    assert alive == []
    assert _ready(port) is None


def test_processes_share_one_generated_secret(tmp_path: Path) -> None:
    environ = {"TONGLU_DATA_DIR": str(tmp_path)}

    first, second = prepared(environ), prepared(environ)

    assert first["TONGLU_SECRET"] == second["TONGLU_SECRET"]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_production_never_generates_a_secret(tmp_path: Path) -> None:
    environ = {"TONGLU_DATA_DIR": str(tmp_path), "TONGLU_ENVIRONMENT": "production"}

    assert "TONGLU_SECRET" not in prepared(environ)
    assert list(tmp_path.iterdir()) == []


def _ready(port: int) -> int | None:
    """Ask whether the server wants requests; None when nobody answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code
    except httpx.TransportError:
        return None


def _wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
