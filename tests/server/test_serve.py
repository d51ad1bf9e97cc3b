"""`tonglu serve`: ready when it says so, gone when it is asked, and nothing stays behind."""

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import msgspec
import psutil
import pytest

from server.kit import clock, outbox
from server.serve import metrics_folder, prepared
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
def server(
    request: pytest.FixtureRequest, fresh_database: Settings, port: int
) -> Iterator["subprocess.Popen[bytes]"]:
    """`tonglu serve` on a database of its own, ready, with some seconds of notice."""
    notice_s = getattr(request, "param", 6)
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "server.cli", "serve", "--api-only"),
            *("--workers", "1", "--notice-s", str(notice_s), "--port", str(port)),
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


@pytest.mark.parametrize("server", [0], indirect=True)
def test_a_request_that_has_begun_is_answered_while_it_stops(
    server: "subprocess.Popen[bytes]", port: int
) -> None:
    body = b'{"login": "nobody-is-called-so", "password": "and has no password"}'
    head = (
        b"POST /v1/auth/login HTTP/1.1\r\nHost: tonglu.test\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as begun:
        begun.sendall(head + body[:20])
        # This question and the one that has begun.
        _wait_for(lambda: "tonglu_requests_in_flight 2.0" in _metrics(port))

        server.send_signal(signal.SIGTERM)
        _wait_for(lambda: _ready(port) is None)
        assert server.poll() is None
        begun.sendall(body[20:])
        answer = b"".join(iter(lambda: begun.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'"code":"' in answer
    assert server.wait(WAIT_S) == 0


@pytest.mark.parametrize("server", [6], indirect=True)
def test_a_signal_that_interrupts_a_count_does_not_stop_the_loop(
    server: "subprocess.Popen[bytes]", port: int
) -> None:
    (worker,) = psutil.Process(server.pid).children()

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as client:
        for _ in range(100):
            assert client.get("/readyz").status_code in {200, 503}
            worker.send_signal(signal.SIGUSR1)

    assert _ready(port) == 503


def test_a_killed_parent_leaves_no_process(server: "subprocess.Popen[bytes]", port: int) -> None:
    children = psutil.Process(server.pid).children(recursive=True)
    assert children

    server.kill()

    _gone, alive = psutil.wait_procs(children, timeout=WAIT_S)
    assert alive == []
    assert _ready(port) is None


@pytest.fixture
def beside(fresh_database: Settings, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`tonglu serve` with a worker beside one web process, ready."""
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "server.cli", "serve", "--api-only", "--with-worker"),
            *("--workers", "1", "--port", str(port)),
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


@pytest.fixture
def own_postgres(port: int) -> Iterator[Path]:
    """The folder of `tonglu serve`, ready, with an embedded PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="tonglu-serve-") as name:
        started = subprocess.Popen(
            [
                *(sys.executable, "-m", "server.cli", "serve", "--api-only"),
                *("--workers", "1", "--port", str(port)),
            ],
            env=environment() | {"TONGLU_DATA_DIR": name},
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_for(lambda: _ready(port) == 200)
            yield Path(name) / "postgres"
        finally:
            started.terminate()
            started.wait()


@pytest.mark.slow
def test_a_killed_postgresql_comes_back_and_meanwhile_it_is_not_ready(
    own_postgres: Path, port: int
) -> None:
    postmaster = int((own_postgres / "data" / "postmaster.pid").read_text().split()[0])

    with (own_postgres / "lock").open("w") as lock:
        # Nobody starts it while somebody else holds this.
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(postmaster, signal.SIGKILL)
        _wait_for(lambda: _ready(port) == 503)

    _wait_for(lambda: _ready(port) == 200)


@pytest.mark.slow
def test_a_worker_beside_the_web_processes_is_followed_by_another(
    beside: "subprocess.Popen[bytes]", fresh_database: Settings, port: int
) -> None:
    asyncio.run(_leave_work(fresh_database, "first"))
    _wait_for(lambda: 'outcome="failed",topic="first"' in _metrics(port))

    server = psutil.Process(beside.pid)
    (worker,) = (child for child in server.children() if child.name() == "tonglu-worker")
    worker.kill()
    worker.wait(WAIT_S)

    asyncio.run(_leave_work(fresh_database, "second"))
    _wait_for(lambda: 'outcome="failed",topic="second"' in _metrics(port))
    assert len(server.children()) == 2
    # What the first counted is counted still, and no longer in files of its own.
    assert 'outcome="failed",topic="first"' in _metrics(port)
    folder = next(Path(tempfile.gettempdir()).glob(f"tonglu-metrics-{server.pid}-*"))
    assert list(folder.glob(f"*_{worker.pid}.db")) == []


@pytest.mark.slow
def test_a_worker_beside_the_web_processes_is_forked_before_them(
    beside: "subprocess.Popen[bytes]",
) -> None:
    """Forked at the same time it held the ends of their pipes, and their end was not seen."""
    first, second = sorted(
        psutil.Process(beside.pid).children(), key=lambda child: (child.create_time(), child.pid)
    )

    assert first.name() == "tonglu-worker"
    assert second.name() != "tonglu-worker"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_beside_the_web_processes_ends_with_them(
    beside: "subprocess.Popen[bytes]", kind: signal.Signals
) -> None:
    children = psutil.Process(beside.pid).children()
    assert len(children) == 2

    beside.send_signal(kind)

    _gone, alive = psutil.wait_procs(children, timeout=WAIT_S)
    assert alive == []
    beside.wait(WAIT_S)


async def _leave_work(settings: Settings, topic: str) -> None:
    """Leave a job in the outbox that no room does."""
    writer = await asyncpg.connect(settings.database_url)
    try:
        statement, values = outbox.adding(topic, {}, tenant_id=None, now=clock.now())
        await writer.execute(statement, *values)
    finally:
        await writer.close()


def test_an_unsafe_database_ends_the_command(fresh_database: Settings, port: int) -> None:
    unsafe = msgspec.structs.replace(
        fresh_database, database_url=str(fresh_database.owner_database_url)
    )

    ended = subprocess.run(
        [sys.executable, "-m", "server.cli", "serve", "--no-migrate", "--port", str(port)],
        env=environment() | to_environment(unsafe),
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )

    assert ended.returncode != 0
    # Said once, by the parent, before any process was forked.
    assert ended.stderr.count("which owns tables") == 1


def test_the_server_loads_nothing_that_it_does_not_need() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", _WHAT_IS_LOADED],
        env=environment() | {"DATABASE_URL": "postgresql://nobody@/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded.stdout.split() == []


_WHAT_IS_LOADED = """
import os, sys, tempfile
from pathlib import Path
import partner_portal.app, server.serve
from server.settings import Settings
settings = Settings(database_url="postgresql://nobody@/nowhere", data_dir=Path(tempfile.mkdtemp()))
partner_portal.app.create_app(settings)
unwanted = {"pydantic", "boto3", "botocore", "sentry_sdk", "openpyxl", "world", "benchmarks"}
print(*sorted(unwanted & {name.partition(".")[0] for name in sys.modules}))
"""


def test_a_table_finds_the_database_without_the_machinery_of_migrations(
    fresh_database: Settings,
) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", _WHAT_A_QUERY_LOADS],
        env=environment() | to_environment(fresh_database),
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded.stdout.split() == []


_WHAT_A_QUERY_LOADS = """
import asyncio, os, sys
from billing.issuance.tables import Issuance
from server.kit import db
from server.settings import from_environment
asyncio.run(db.open_database(from_environment(os.environ)))
assert Issuance._meta.db is db.ENGINE
print(*sorted({"black", "piccolo.apps", "piccolo.conf"} & set(sys.modules)))
"""


def test_processes_share_one_generated_secret(tmp_path: Path) -> None:
    environ = {"TONGLU_DATA_DIR": str(tmp_path)}

    first, second = prepared(environ), prepared(environ)

    assert first["TONGLU_SECRET"] == second["TONGLU_SECRET"]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_what_killed_servers_counted_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    for name in (f"{ended.pid}-dead", f"{os.getpid()}-alive"):
        (tmp_path / f"tonglu-metrics-{name}").mkdir()

    with metrics_folder():
        kept = {folder.name.rpartition("-")[2] for folder in tmp_path.iterdir()}

    assert "dead" not in kept
    assert "alive" in kept
    assert len(kept) == 2


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


def _metrics(port: int) -> str:
    """Read what the server has counted."""
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text


def _wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
