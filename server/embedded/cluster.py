"""One PostgreSQL cluster in one folder: made, started, joined, stopped with its owner.

The folder holds `data/` (PostgreSQL's own), `credentials.json` (0600), `postgres.log`, `lock` and
the socket. The process that starts the cluster owns it: when that process ends, however it ends,
the cluster shuts down.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import asyncpg
import msgspec

from server.embedded import binaries, roles
from server.embedded.guise import NOBODY, Guise, choose, put_on, works
from server.embedded.roles import Passwords

_PORT: Final = 5432
_SOCKET_PATH_MAX: Final = 90
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 30.0
_LOG_BYTES_MAX: Final = 10_000_000
_LOG: Final = "postgres.log"
_STATUS_LINE: Final = 7
_SOCKET_LINE: Final = 4


class ClusterFailed(RuntimeError):
    """PostgreSQL could not be made, started or stopped; the message has the end of its log."""


class Tuning(msgspec.Struct, frozen=True):
    """How careful the cluster is, and how large."""

    durable: bool = True
    """False for tests: nothing is forced to disk, a power cut loses the cluster."""
    shared_buffers: str = "128MB"
    max_connections: int = 100
    tcp_port: int | None = None
    """Also listen on 127.0.0.1, with passwords; None for the socket alone."""

    def settings(self) -> dict[str, str]:
        """Give the settings that PostgreSQL is started with."""
        careful = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
        careless = dict.fromkeys(careful, "off") | {"wal_level": "minimal", "max_wal_senders": "0"}
        return {
            **(careful if self.durable else careless),
            "shared_buffers": self.shared_buffers,
            "max_connections": str(self.max_connections),
            "listen_addresses": "127.0.0.1" if self.tcp_port else "",
            "port": str(self.tcp_port or _PORT),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_min_duration_statement": "1s",
            "log_lock_waits": "on",
            # Also for the owner, and for a cluster whose roles are older than this.
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
        }


class Cluster:
    """`with Cluster(folder) as cluster:` - or `async with`; start it from the main thread."""

    def __init__(
        self,
        folder: Path,
        *,
        tuning: Tuning | None = None,
        environ: Mapping[str, str] | None = None,
        guise: Guise | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.tuning = tuning or Tuning()
        self.environ = os.environ if environ is None else environ
        self.passwords = Passwords("", "", "")
        self.is_owner = False
        self._wanted_guise = guise
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_dir = self.folder
        self._short_dir: Path | None = None
        """Where the socket lies when the folder's own path is too long; kept while we run."""
        self._port = self.tuning.tcp_port or _PORT

    @property
    def log_path(self) -> str:
        """Say where PostgreSQL writes its own log."""
        return str(self._home() / _LOG)

    def url(self, user: str, password: str, database: str) -> str:
        """Write an address for asyncpg and psql, over the socket."""
        where = urlencode({"host": str(self._socket_dir), "port": str(self._port)})
        return f"postgresql://{quote(user)}:{quote(password)}@/{quote(database)}?{where}"

    def app_url(self, database: str = roles.DATABASE) -> str:
        """Write the application's address: what DATABASE_URL would say."""
        return self.url("tonglu_app", self.passwords.app, database)

    def owner_url(self, database: str = roles.DATABASE) -> str:
        """Write the owner's address, for migrations."""
        return self.url("tonglu_owner", self.passwords.owner, database)

    def superuser_url(self, database: str = "postgres") -> str:
        """Write the superuser's address, for making databases."""
        return self.url("postgres", self.passwords.superuser, database)

    def __enter__(self) -> Self:
        """Start or join."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop what was started here."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start or join."""
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop what was started here."""
        self.stop()

    def start(self) -> None:
        """Make the cluster where it is missing, start it or join it, and see to roles and database.

        :raises ClusterFailed: with the end of PostgreSQL's log.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            home = self._home()
            if self._wait_while_stopping(home):
                self._join(home)
            else:
                self._make_and_start(home)
                home = self._home()
            if not (home / "prepared").exists():
                _finished(self._bootstrap())
                (home / "prepared").touch()

    def is_running(self) -> bool:
        """Say whether PostgreSQL still runs, whoever started it."""
        if self._process is not None:
            return self._process.poll() is None
        home = self._home()
        lines = _postmaster(home)
        return bool(lines) and _is_postgres(int(lines[0]), home)

    def stop(self) -> None:
        """Shut down what this process started; a joined cluster is left to its owner."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(_STOP_TIMEOUT_S)
        if self._short_dir is not None:
            shutil.rmtree(self._short_dir, ignore_errors=True)
            self._short_dir = None

    def destroy(self) -> None:
        """Stop, and delete the folder with all data."""
        self.stop()
        home = self._home()
        for folder in {home, self.folder}:
            shutil.rmtree(folder, ignore_errors=True)

    def _make_and_start(self, home: Path) -> None:
        """Make the data where they are missing, then start."""
        version = home / "data" / "PG_VERSION"
        major = int(version.read_text().strip()) if version.exists() else None
        found = binaries.find(self.environ, major=major)
        guise = self._wanted_guise or choose(found.bin_dir / "postgres", home)
        bin_dir = found.bin_dir
        if os.geteuid() == 0:
            _give(home, NOBODY if guise is Guise.NOBODY else 0)
        if guise is Guise.NOBODY:
            home, bin_dir = self._within_reach_of_nobody(home, bin_dir)
        if not (home / "data" / "PG_VERSION").exists():
            self._make(home, bin_dir, guise)
        self.passwords = self._read_passwords()
        self._launch(home, bin_dir, guise)

    def _home(self) -> Path:
        """Say where the data are: in the folder, or where its `moved` file points."""
        moved = self.folder / "moved"
        return Path(moved.read_text()) if moved.exists() else self.folder

    def _within_reach_of_nobody(self, home: Path, bin_dir: Path) -> tuple[Path, Path]:
        """Give nobody a place of its own and programs that it may run; open no directory."""
        if home == self.folder:
            os.chown(home, NOBODY, NOBODY)
            if not works(Guise.NOBODY, Path("/bin/true"), home):
                os.chown(home, os.geteuid(), os.getegid())
                home = self._moved()
        if not works(Guise.NOBODY, bin_dir / "postgres", home):
            copy = home / "programs"
            if not copy.exists():
                shutil.copytree(bin_dir.parent, copy, symlinks=True)
                subprocess.run(["/bin/chown", "-R", f"{NOBODY}:{NOBODY}", copy], check=True)  # noqa: S603 - our own folder
            bin_dir = copy / "bin"
        return home, bin_dir

    def _moved(self) -> Path:
        """Move to a place that nobody reaches; what is already there must be ours."""
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        home = Path("/var/tmp") / f"tonglu-{name}"  # noqa: S108 - made by us or refused, see below
        with contextlib.suppress(FileExistsError):
            home.mkdir(mode=0o700)
            os.chown(home, NOBODY, NOBODY)
        status = home.lstat()
        if (
            not home.is_dir()
            or home.is_symlink()
            or status.st_uid != NOBODY
            or status.st_mode & 0o077
        ):
            raise ClusterFailed(f"{home} is not ours; remove it and start again.")
        for name in ("data", "prepared"):
            if (self.folder / name).exists():
                shutil.move(self.folder / name, home / name)
        (self.folder / "moved").write_text(str(home))
        _give(home, NOBODY)
        return home

    def _make(self, home: Path, bin_dir: Path, guise: Guise) -> None:
        """Run initdb into a fresh folder, which gets its name only when it is complete."""
        passwords = Passwords.generated()
        fresh = home / "data.making"
        shutil.rmtree(fresh, ignore_errors=True)
        secret = home / "superuser.secret"
        _write_secret(secret, passwords.superuser.encode())
        if guise is Guise.NOBODY:
            os.chown(secret, NOBODY, NOBODY)
        arguments = [
            *(
                "--pgdata",
                fresh,
                "--username",
                "postgres",
                "--pwfile",
                secret,
                "--auth",
                "scram-sha-256",
            ),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums"),
            *(() if self.tuning.durable else ("--no-sync",)),
        ]
        try:
            made = subprocess.run(  # noqa: S603 - our own program
                [bin_dir / "initdb", *arguments],
                # Safe beside threads: the child does system calls only.
                preexec_fn=put_on(guise),
                env=self._environment(),
                cwd=home,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            secret.unlink()
        if made.returncode != 0:
            raise ClusterFailed(f"initdb failed:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
        (home / "prepared").unlink(missing_ok=True)
        _write_secret(self.folder / "credentials.json", msgspec.json.encode(passwords))
        fresh.rename(home / "data")

    def _launch(self, home: Path, bin_dir: Path, guise: Guise) -> None:
        """Start PostgreSQL and wait until it answers."""
        self._socket_dir = home
        if len(str(home)) > _SOCKET_PATH_MAX:
            self._socket_dir = self._short_dir = self._short_dir or _make_short_dir(guise)
        self._port = self.tuning.tcp_port or _PORT
        settings = self.tuning.settings() | {"unix_socket_directories": str(self._socket_dir)}
        log = home / _LOG
        if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
            log.replace(home / "postgres.log.1")
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    bin_dir / "postgres",
                    "-D",
                    home / "data",
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                # Safe beside threads: the child does system calls only.
                preexec_fn=put_on(guise),  # noqa: PLW1509 - see above
                env=self._environment(),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for us: we stop PostgreSQL last.
                start_new_session=True,
            )
        self.is_owner = True
        self._wait_until_ready(home, self._process)

    def _wait_until_ready(self, home: Path, process: subprocess.Popen[bytes]) -> None:
        """Wait for the word `ready` in postmaster.pid."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            if process.poll() is not None:
                self._process = None
                raise ClusterFailed(f"PostgreSQL did not start:\n{_end_of(home / 'postgres.log')}")
            # A line of an earlier run stays until PostgreSQL writes its own.
            if _postmaster(home)[:1] == [str(process.pid)] and _status(home) == "ready":
                return
            if time.monotonic() > deadline:
                self.stop()
                raise ClusterFailed(
                    f"PostgreSQL was not ready in time:\n{_end_of(home / 'postgres.log')}"
                )
            time.sleep(0.01)

    def _wait_while_stopping(self, home: Path) -> bool:
        """Say whether the cluster runs; one that is starting or stopping is waited for."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            lines = _postmaster(home)
            if not lines:
                return False
            if not _is_postgres(int(lines[0]), home):
                # Its process is gone. The number may belong to another program now, which
                # PostgreSQL takes for its own.
                (home / "data" / "postmaster.pid").unlink(missing_ok=True)
                return False
            if _status(home) == "ready":
                return True
            if time.monotonic() > deadline:
                raise ClusterFailed(f"PostgreSQL (process {lines[0]}) neither starts nor stops.")
            time.sleep(0.02)

    def _join(self, home: Path) -> None:
        """Take the addresses of the cluster that another process runs."""
        self.passwords = self._read_passwords()
        lines = _postmaster(home)
        self._socket_dir = Path(lines[_SOCKET_LINE])
        self._port = int(lines[3])

    def _read_passwords(self) -> Passwords:
        """Read what was generated with the cluster."""
        return msgspec.json.decode((self.folder / "credentials.json").read_bytes(), type=Passwords)

    async def _bootstrap(self) -> None:
        """Make roles and database."""
        superuser = await asyncpg.connect(self.superuser_url())
        try:
            await roles.bootstrap(superuser, self.superuser_url(roles.DATABASE), self.passwords)
        finally:
            await superuser.close()

    def _environment(self) -> dict[str, str]:
        """Give PostgreSQL an environment in which nothing of the caller's changes its behaviour."""
        kept = {
            name: value
            for name, value in self.environ.items()
            if not name.startswith(("PG", "LC_", "LANG"))
        }
        return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time look and start."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, also when the caller's thread has a loop of its own."""
    with ThreadPoolExecutor(max_workers=1) as one:
        one.submit(asyncio.run, work).result()


def _make_short_dir(guise: Guise) -> Path:
    """Make a place with a short path for the socket."""
    made = Path(tempfile.mkdtemp(prefix="tonglu-pg-"))
    if guise is Guise.NOBODY:
        os.chown(made, NOBODY, NOBODY)
    return made


def _postmaster(home: Path) -> list[str]:
    """Read postmaster.pid; empty when there is none or it is being written."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
    return lines if lines and lines[0].strip().isdigit() else []


def _status(home: Path) -> str:
    """Read PostgreSQL's own word for its state: starting, ready, stopping."""
    lines = _postmaster(home)
    return lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else "starting"


def _is_postgres(pid: int, home: Path) -> bool:
    """Say whether the process is this PostgreSQL, not another program that got its number."""
    if sys.platform == "linux":
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False
        # A zombie has no arguments any more.
        return os.fsencode(home / "data") in arguments.split(b"\0")
    else:  # noqa: RET505 - mypy leaves out the branch of the other system
        asked = subprocess.run(  # noqa: S603 - a fixed program and a number
            ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return str(home / "data") in asked.stdout


def _give(home: Path, uid: int) -> None:
    """Give the data to whom PostgreSQL runs as; an earlier start may have worn another guise."""
    data = home / "data"
    if data.exists() and data.stat().st_uid != uid:
        subprocess.run(["/bin/chown", "-R", f"{uid}:{uid}", home], check=True)  # noqa: S603 - our own folder


def _write_secret(file: Path, content: bytes) -> None:
    """Write a file that only its owner reads, from its first byte on."""
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as output:
        output.write(content)


def _end_of(log: Path) -> str:
    """Give the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
