"""The launcher: a PostgreSQL of our own that nobody must administer and that never stays behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest
import structlog

from server.embedded import Cluster, ClusterFailed, NoPostgres, Tuning, watched
from server.embedded.binaries import find
from server.embedded.guise import Guise
from server.kit import logs
from tests.postgres import environment

FAST = Tuning(durable=False, shared_buffers="16MB", max_connections=20)
OWN_A_CLUSTER = """
import sys, time
from pathlib import Path
from server.embedded import Cluster, Tuning
Cluster(Path(sys.argv[1]), tuning=Tuning(durable=False, shared_buffers="16MB")).start()
print("started", flush=True)
time.sleep(60)
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to become")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path of our own: a socket's path has a limit."""
    with TemporaryDirectory(prefix="tonglu-cluster-") as name:
        yield Path(name) / "postgres"


async def test_data_stay_when_a_cluster_is_started_again(folder: Path) -> None:
    with Cluster(folder, tuning=FAST, environ=environment()) as first:
        await _run(first.owner_url(), "CREATE TABLE kept (id uuid PRIMARY KEY)")

    with Cluster(folder, tuning=FAST, environ=environment()) as second:
        assert await _run(second.owner_url(), "SELECT count(*) FROM kept") == 0


async def test_the_application_is_nobody_special(folder: Path) -> None:
    with Cluster(folder, tuning=FAST, environ=environment()) as cluster:
        asked = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert await _run(cluster.app_url(), asked) is False
        assert await _run(cluster.app_url(), "SHOW statement_timeout") == "5s"
        assert await _run(cluster.app_url(), "SHOW data_checksums") == "on"

        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(cluster.url("tonglu_app", "guessed", "tonglu"))


async def test_the_log_has_statements_and_nothing_that_was_written(folder: Path) -> None:
    with Cluster(folder, tuning=FAST, environ=environment()) as cluster:
        await _run(cluster.owner_url(), "CREATE TABLE logged (phone text PRIMARY KEY)")
        await _run(cluster.owner_url(), "GRANT INSERT ON logged TO tonglu_app")
        everything = "ALTER ROLE tonglu_app SET log_min_duration_statement = 0"
        await _run(cluster.superuser_url(), everything)
        writer = await asyncpg.connect(cluster.app_url())
        await writer.execute("INSERT INTO logged VALUES ($1)", "+8613912345608")
        with pytest.raises(asyncpg.UniqueViolationError):
            await writer.execute("INSERT INTO logged VALUES ($1)", "+8613912345608")
        await writer.close()

    (log,) = folder.rglob("postgres*.log")
    written = log.read_text()
    assert "INSERT INTO logged" in written
    assert "duplicate key" in written
    assert "13912345608" not in written


def test_secrets_are_their_owners_alone(folder: Path) -> None:
    with Cluster(folder, tuning=FAST, environ=environment()) as cluster:
        assert (folder / "credentials.json").stat().st_mode & 0o777 == 0o600
        assert (folder / "data").stat().st_mode & 0o077 == 0
        assert not (folder / "superuser.secret").exists()
        assert cluster.passwords.app != cluster.passwords.owner


async def test_a_second_process_joins_and_leaves_it_running(folder: Path) -> None:
    with Cluster(folder, tuning=FAST, environ=environment()) as owner:
        with Cluster(folder, tuning=FAST, environ=environment()) as guest:
            assert not guest.is_owner
            assert guest.app_url() == owner.app_url()

        assert await _run(owner.app_url(), "SELECT 1") == 1


async def test_the_cluster_ends_with_a_killed_owner(folder: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWN_A_CLUSTER, folder], stdout=subprocess.PIPE, env=environment()
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"started\n"
    postmaster = int((folder / "data" / "postmaster.pid").read_text().split()[0])

    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()

    _wait_for_end(postmaster)
    assert "database system is shut down" in (folder / "postgres.log").read_text()
    with Cluster(folder, tuning=FAST, environ=environment()) as next_owner:
        assert next_owner.is_owner


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_postgresql_that_was_ended_by_hand_is_started_again_with_its_data(
    folder: Path, how: signal.Signals
) -> None:
    durable = Tuning(shared_buffers="16MB", max_connections=20)
    with Cluster(folder, tuning=durable, environ=environment()) as cluster, watched(cluster):
        url = cluster.owner_url()
        await _run(url, "CREATE TABLE kept (id uuid PRIMARY KEY)")
        for _ in range(2):
            ended = _postmaster(folder)
            assert ended is not None

            os.kill(ended, how)

            _wait_for_end(ended)
            _wait_for(cluster.is_running)
            await _wait_for_answer(url)
            assert await _run(url, "SELECT count(*) FROM kept") == 0
        last = _postmaster(folder)
        assert last is not None

    _wait_for_end(last)


def test_postgresql_that_does_not_start_any_more_is_given_up(folder: Path) -> None:
    with (
        structlog.testing.capture_logs() as said,
        Cluster(folder, tuning=FAST, environ=environment()) as cluster,
        watched(cluster, pauses_s=(0, 0.01, 0.01)),
    ):
        (folder / "data" / "postgresql.conf").write_text("shared_buffers = nonsense")
        ended = _postmaster(folder)
        assert ended is not None
        os.kill(ended, signal.SIGKILL)

        _wait_for(lambda: said[-1:] and said[-1]["event"] == "database.given-up")

    starts = [line for line in said if line["event"] == "database.start-failed"]
    assert [line["attempts"] for line in starts] == [1, 2, 3]
    assert "shared_buffers" in Path(starts[-1]["path"]).read_text()
    assert {key for line in said for key in line} - {"log_level"} <= logs.ALLOWED_FIELDS


async def test_a_guest_does_not_start_what_its_owner_has_stopped(folder: Path) -> None:
    with Cluster(folder, tuning=FAST, environ=environment()) as owner:
        guest = Cluster(folder, tuning=FAST, environ=environment())
        with guest, structlog.testing.capture_logs() as said, watched(guest):
            owner.stop()
            assert not guest.is_running()
        assert said == []


def test_a_number_that_another_program_got_does_not_block_the_start(folder: Path) -> None:
    with Cluster(folder, tuning=FAST, environ=environment()):
        pass
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}/data\n")

    with Cluster(folder, tuning=FAST, environ=environment()) as cluster:
        assert cluster.is_owner


def test_a_half_made_cluster_is_made_again(folder: Path) -> None:
    (folder / "data.making").mkdir(parents=True)
    (folder / "data.making" / "PG_VERSION").write_text("18\n")

    with Cluster(folder, tuning=FAST, environ=environment()) as cluster:
        assert cluster.is_owner


def test_a_failed_start_says_what_postgresql_said(folder: Path) -> None:
    broken = Tuning(durable=False, shared_buffers="nonsense")

    with pytest.raises(ClusterFailed, match="shared_buffers"):
        Cluster(folder, tuning=broken, environ=environment()).start()


def test_a_machine_without_postgresql_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoPostgres, match="postgresql-15"):
        find({"TONGLU_PG_BIN": str(tmp_path)})


@as_root
@pytest.mark.parametrize("guise", [Guise.NAMESPACE, Guise.NOBODY])
async def test_root_runs_it_in_either_guise_and_may_change_it(folder: Path, guise: Guise) -> None:
    with Cluster(folder, tuning=FAST, environ=environment(), guise=guise) as first:
        await _run(first.owner_url(), "CREATE TABLE kept (id uuid PRIMARY KEY)")
    other = Guise.NOBODY if guise is Guise.NAMESPACE else Guise.NAMESPACE

    second = Cluster(folder, tuning=FAST, environ=environment(), guise=other)
    try:
        with second:
            assert await _run(second.owner_url(), "SELECT count(*) FROM kept") == 0
    finally:
        second.destroy()


@as_root
async def test_nobody_gets_a_place_of_its_own_below_a_closed_folder(folder: Path) -> None:
    folder.parent.chmod(0o700)
    cluster = Cluster(folder, tuning=FAST, environ=environment(), guise=Guise.NOBODY)
    try:
        with cluster:
            assert await _run(cluster.app_url(), "SELECT 1") == 1
            assert folder.parent.stat().st_mode & 0o777 == 0o700
            assert Path((folder / "moved").read_text()).stat().st_mode & 0o077 == 0
    finally:
        place = Path((folder / "moved").read_text())
        cluster.destroy()
    assert not place.exists()


def _postmaster(folder: Path) -> int | None:
    """Give the number of PostgreSQL's first process, once it says so."""
    try:
        return int((folder / "data" / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError):
        return None


def _wait_for(is_so: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


async def _wait_for_answer(url: str) -> None:
    """Wait until PostgreSQL takes people in."""
    deadline = time.monotonic() + 30
    while True:
        try:
            await _run(url, "SELECT 1")
        except (OSError, asyncpg.PostgresError):
            assert time.monotonic() < deadline, "PostgreSQL takes nobody in"
            await asyncio.sleep(0.02)
        else:
            return


def _wait_for_end(pid: int) -> None:
    """Wait until a process is gone."""
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "PostgreSQL has outlived its owner"
        time.sleep(0.02)


async def _run(url: str, statement: str) -> object:
    """Run one statement on a connection of its own."""
    connected = await asyncpg.connect(url)
    try:
        return await connected.fetchval(statement)
    finally:
        await connected.close()
