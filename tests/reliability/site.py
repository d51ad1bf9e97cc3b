"""A served product on a PostgreSQL of its own, whose parts can be killed and put back."""

import contextlib
import os
import random
import signal
from pathlib import Path
from typing import Final
from uuid import UUID

from server.access import Role, Scope
from server.embedded import Cluster
from server.identity import keys
from server.identity import service as identity
from server.identity.schemas import Acceptance, NewUser
from server.kit import clock, ids
from server.settings import Settings
from server.tenants import service as tenants
from tests.factories import make_platform_actor
from tests.postgres import opened
from world import processes
from world.processes import Running

WEB_PROCESSES: Final = 2
OWNER: Final = "owner-of-the-site"
PASSWORD: Final = "a password that is only for this test 41"
_SECRET: Final = "a-secret-of-the-tests-that-is-long-enough"


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
                if not processes.wait_for(lambda: len(self._family()) > WEB_PROCESSES, timeout_s=1):
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


async def found_company(cluster: Cluster, url: str, folder: Path) -> UUID:
    """Found a company whose owner signs in as `OWNER`."""
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
        login=OWNER,
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
        accepted = Acceptance(code=made.code, password=PASSWORD)
        await identity.accept_invitation(accepted, address="127.0.0.1", now=now)
    return tenant_id
