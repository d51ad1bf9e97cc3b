"""Metrics of several web processes are one sum, whichever of them is asked."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server.settings import Settings, to_environment
from tests.postgres import environment
from world.processes import free_port, tonglu, wait_for, wait_until_ready


@pytest.fixture
def server(fresh_database: Settings, tmp_path: Path) -> Iterator[str]:
    """Two web processes."""
    port = free_port()
    arguments = ["serve", "--api-only", "--workers", "2", "--port", str(port)]
    environ = environment() | to_environment(fresh_database)
    with tonglu("serve", arguments, environ=environ, log=tmp_path / "server.log") as running:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(running, address)
        yield address


def counted(address: str) -> int:
    """Read how often a route was asked, by a connection of its own."""
    text = httpx.get(f"{address}/metrics").text
    found = re.search(r'tonglu_requests_total{.*route="/v1/me",status="401"} (\d+)', text)
    return int(found[1]) if found else 0


@pytest.mark.slow
def test_the_counts_of_all_processes_are_added(server: str) -> None:
    for _ in range(40):
        # Each with a connection of its own, so that both processes answer some.
        assert httpx.get(f"{server}/v1/me").status_code == 401

    assert {counted(server) for _ in range(20)} == {40}
    text = httpx.get(f"{server}/metrics").text
    assert re.search(r"^tonglu_requests_in_flight 1\.0$", text, re.MULTILINE)
    assert len(re.findall(r"^tonglu_pool_connections_open ", text, re.MULTILINE)) == 1


@pytest.mark.slow
def test_a_worker_shows_what_it_has_done(fresh_database: Settings, tmp_path: Path) -> None:
    port = free_port()
    environ = environment() | to_environment(fresh_database)
    arguments = ["worker", "--metrics-port", str(port)]
    address = f"http://127.0.0.1:{port}/metrics"

    with tonglu("worker", arguments, environ=environ, log=tmp_path / "worker.log") as running:

        def is_shown() -> bool:
            running.ensure_alive()
            with contextlib.suppress(httpx.TransportError):
                return "# TYPE tonglu_jobs_total counter" in httpx.get(address).text
            return False

        assert wait_for(is_shown, timeout_s=40)
