"""Kill -9 of web processes and of PostgreSQL under load, again and again.

Writers create customers under ids of their own and repeat what had no answer. A killer ends a
random process without warning. At the end each acknowledged customer is there once, and what had no
answer is there once or not at all until it is repeated.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import msgspec
import pytest

from server.access import Role, Scope
from server.embedded import Cluster
from server.identity import keys
from server.identity import service as identity
from server.identity.schemas import Acceptance, NewUser
from server.kit import clock, db, ids
from server.settings import Settings
from server.tenants import service as tenants
from tests.factories import make_platform_actor
from tests.postgres import opened
from world import processes
from world.processes import Running

_SEED: Final = int(os.environ.get("TONGLU_SEED", "20261123"))
_ROUNDS: Final = int(os.environ.get("TONGLU_KILLS", "6"))
_WRITERS: Final = 4
_WEB_PROCESSES: Final = 2
_PASSWORD: Final = "a password that is only for this test 41"
_SECRET: Final = "a-secret-of-the-tests-that-is-long-enough"


class Tally(msgspec.Struct):
    """What the writers saw."""

    acknowledged: set[str] = msgspec.field(default_factory=set)
    unknown: int = 0
    """Requests without an answer, each repeated until there was one."""
    refused: int = 0
    """Answers of 5xx: nothing is known to be kept, come again."""


class Site:
    """A served product whose parts can be killed."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.port = processes.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.tenant_id = UUID(int=0)
        self.kills = {"a web process": 0, "all of the server": 0, "PostgreSQL": 0}
        self._life = contextlib.ExitStack()
        self._server: Running | None = None

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        environ = processes.own_environment(
            self.folder,
            DATABASE_URL=self.cluster.app_url(),
            TONGLU_OWNER_DATABASE_URL=self.cluster.owner_url(),
            TONGLU_USER_RATE_PER_S="100000",
            TONGLU_TENANT_RATE_PER_S="100000",
            TONGLU_SECRET=_SECRET,
            TONGLU_PUBLIC_URL=self.url,
        )
        arguments = ["serve", "--api-only", "--port", str(self.port)]
        log = self.folder / "log"
        self._server = self._life.enter_context(
            processes.tonglu("server", arguments, environ=environ, log=log)
        )
        processes.wait_until_ready(self._server, self.url)

    def stop(self) -> None:
        """Stop the server in order."""
        self._life.close()

    def kill(self, rng: random.Random) -> None:
        """End something without warning, and start again what does not start by itself."""
        what = rng.choice(list(self.kills))
        self.kills[what] += 1
        match what:
            case "a web process":
                self._kill([rng.choice(self._family()[1:])])
                # A second death within seconds is a crash loop: the server ends, on purpose.
                if not processes.wait_for(
                    lambda: len(self._family()) > _WEB_PROCESSES, timeout_s=1
                ):
                    self._start_again()
            case "all of the server":
                self._kill(self._family())
                self._start_again()
            case _:
                self._kill_postgres()

    def _family(self) -> list[int]:
        """List the server's processes, the parent first."""
        assert self._server is not None, "the server was started"
        return processes._family(self._server.process.pid)

    def _kill(self, pids: list[int]) -> None:
        """Send SIGKILL."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _start_again(self) -> None:
        """Start a new server, as an operator's supervisor does."""
        self._life.close()
        self.start()

    def _kill_postgres(self) -> None:
        """End PostgreSQL with all its backends, then start it on what is on the disk."""
        pid = int((self.cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
        self._kill(list(reversed(processes._family(pid))))
        self.cluster.stop()
        self.cluster.start()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A PostgreSQL that forces everything to disk."""
    with Cluster(tmp_path / "postgres", environ={}) as started:
        yield started


@pytest.fixture
async def site(tmp_path: Path, cluster: Cluster) -> AsyncIterator[Site]:
    """The product, served by two web processes, with a company whose owner is signed in."""
    made = Site(cluster, tmp_path)
    try:
        made.start()
        made.tenant_id = await _found(cluster, made.url, tmp_path)
        login = {"login": "owner-of-kill9", "password": _PASSWORD}
        async with httpx.AsyncClient() as http:
            signed_in = await http.post(f"{made.url}/v1/auth/login", json=login)
        assert signed_in.is_success, signed_in.text
        made.token = signed_in.json()["access_token"]
        yield made
    finally:
        made.stop()


async def _found(cluster: Cluster, url: str, folder: Path) -> UUID:
    """Found a company with an owner."""
    settings = Settings(
        database_url=cluster.app_url(),
        data_dir=folder,
        public_url=url,
        secret=_SECRET,
    )
    now = clock.now()
    tenant_id, team_id = ids.new_id(now), ids.new_id(now)
    keys.open_keys(settings)
    owner = NewUser(
        login="owner-of-kill9",
        name="老板",
        role=Role.AGENT_OWNER,
        id=ids.new_id(now),
        team_id=team_id,
        scope=Scope.TENANT,
    )
    async with opened(settings):
        await tenants.provision(tenant_id, name="断电", short_name="断电", city="苏州", now=now)
        await identity.found_company(tenant_id, team_id, owner, team_name="一队", now=now)
        assert owner.id is not None
        made = await identity.invite_first_owner(
            make_platform_actor(), tenant_id, owner.id, now=now
        )
        accepted = Acceptance(code=made.code, password=_PASSWORD)
        await identity.accept_invitation(accepted, address="127.0.0.1", now=now)
    return tenant_id


@pytest.mark.timeout(300)
async def test_no_acknowledged_write_is_lost_and_none_doubled(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(_SEED)
    tally, over = Tally(), asyncio.Event()
    writers = [
        asyncio.create_task(_write(site, random.Random(rng.random()), tally, over))
        for _ in range(_WRITERS)
    ]
    for _ in range(_ROUNDS):
        await asyncio.sleep(rng.uniform(0.2, 0.8))
        site.kill(rng)
    over.set()
    await asyncio.gather(*writers)

    held = await _held(site)
    with capsys.disabled():
        sys.stdout.write(
            f"\n  kill -9, seed {_SEED}: {site.kills}; {len(tally.acknowledged)} writes"
            f" acknowledged, {tally.unknown} without an answer and repeated, {tally.refused} put"
            f" off; lost {len(tally.acknowledged - held.keys())}, doubled {_doubled(held)}\n"
        )
    assert len(tally.acknowledged) > _WRITERS
    assert set(held) == tally.acknowledged
    assert _doubled(held) == 0


async def _write(site: Site, rng: random.Random, tally: Tally, over: asyncio.Event) -> None:
    """Create customers; repeat each until it is answered."""
    headers = {"Authorization": f"Bearer {site.token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, timeout=10) as http:
        while not over.is_set():
            customer_id = str(ids.from_random(clock.now(), rng))
            body = {"id": customer_id, "name": f"断电测试 {customer_id[-6:]}"}
            await _until_answered(http, body, tally)
            tally.acknowledged.add(customer_id)


async def _until_answered(http: httpx.AsyncClient, body: dict[str, str], tally: Tally) -> None:
    """Send the same request until it is known to be kept."""
    while True:
        try:
            answer = await http.post("/v1/customers", json=body)
        except httpx.TransportError:
            tally.unknown += 1
        else:
            if answer.status_code in (200, 201):
                return
            assert answer.status_code == 503, answer.text
            tally.refused += 1
        await asyncio.sleep(0.05)


async def _held(site: Site) -> dict[str, int]:
    """Give each customer that is there, with the number of times that its creation is told."""
    settings = Settings(database_url=site.cluster.app_url())
    async with opened(settings), db.tenant_transaction(site.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT c.id::text AS id, count(h.record_id) AS created FROM customer c"
            " LEFT JOIN change h ON h.tenant_id = c.tenant_id AND h.record_id = c.id"
            " AND h.action = 'create' GROUP BY c.id"
        )
    return {row["id"]: row["created"] for row in rows}


def _doubled(held: dict[str, int]) -> int:
    """Count the customers whose creation did not happen just once."""
    return sum(created != 1 for created in held.values())
