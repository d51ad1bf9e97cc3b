"""One run: phones and a desk work through a bad network while processes die; then all is quiet."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import msgspec

from mobile_client_sdk.client import Client, open_client
from mobile_client_sdk.records import Customer
from server import supervisor
from server.kit import clock, ids
from world import processes
from world.faults import company, verdict
from world.faults.company import Company
from world.faults.phone import Shown, view
from world.faults.proxy import Proxy
from world.faults.site import Site, stopped
from world.faults.verdict import Online

QUIET_S: Final = 30.0
"""So long after the last fault everything is quiet."""
_GIVEN_UP_S: Final = 240.0
"""A run that is not quiet by then is wedged, however loaded the machine."""
_FIRST_CUSTOMERS: Final = 4
_CHANCE: Final = 0.35
_EVENTS: Final = 6
_BETWEEN_S: Final = (0.1, 0.6)
_PAUSE_S: Final = (0.2, 1.2)
_AGAIN_S: Final = 0.05
_PATIENCE_S: Final = 10.0
_EVENT_KINDS: Final = {
    "kill a phone": 35,
    "pause a phone": 15,
    "kill at the server": 20,
    "pause at the server": 15,
    "no network": 15,
    "move a customer away": 15,
}


class Result(msgspec.Struct, kw_only=True):
    """What came of one run."""

    seed: int
    findings: list[str] = []
    saved: int = 0
    lost: int = 0
    doubled: int = 0
    conflicts: int = 0
    requests: int = 0
    quiet_s: float = 0.0
    faults: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def passed(self) -> bool:
        """Say whether nothing was found."""
        return not self.findings


class PhoneProcess:
    """A phone's process, life after life."""

    def __init__(self, folder: Path, name: str, url: str, seed: int) -> None:
        self.folder = folder
        self.name = name
        self._url = url
        self._seed = seed
        self._lives = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin a life."""
        arguments = [str(self.folder), self.name, self._url, str(self._seed), str(self._lives)]
        self._lives += 1
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "world.faults.phone", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Safe beside threads: the child does system calls only.
                preexec_fn=supervisor.die_with_parent(),  # noqa: PLW1509 - see above
            )

    def kill(self) -> None:
        """End it without warning."""
        assert self._process is not None, "it was started"
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Give its process's number."""
        assert self._process is not None, "it was started"
        return self._process.pid

    def end(self) -> str:
        """Let it end by itself; give what went wrong."""
        assert self._process is not None, "it was started"
        try:
            status = self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"{self.name} did not end"
        tail = (self.folder / f"{self.name}.log").read_text(errors="replace")[-800:]
        return "" if status == 0 else f"{self.name} ended with {status}: {tail}"

    @property
    def has_failed(self) -> bool:
        """Say whether it ended by itself before it was asked to."""
        return self._process is not None and self._process.poll() is not None

    def shown(self) -> Shown | None:
        """Read what it shows, once it has said so."""
        path = self.folder / f"{self.name}.shown"
        return msgspec.json.decode(path.read_bytes(), type=Shown) if path.exists() else None


class Desk(threading.Thread):
    """Somebody who creates customers and asks for benefits over REST, again until answered."""

    def __init__(self, url: str, token: str, company: Company, rng: Random) -> None:
        super().__init__(name="faults-desk", daemon=True)
        self.online = Online()
        self.findings: list[str] = []
        self.unknown = 0
        """Requests without an answer, each repeated until there was one."""
        self.is_over = threading.Event()
        self._company = company
        self._rng = rng
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=_PATIENCE_S)

    def run(self) -> None:
        """Work until the day is over; what was begun is brought to its end."""
        with self._http:
            while not self.is_over.wait(_AGAIN_S * self._rng.random()):
                customer_id = self._new_id()
                name = f"desk-{customer_id[-12:]}"
                body = {"id": customer_id, "name": name, "team_id": str(self._company.team_id)}
                if not self._ask("/v1/customers", body):
                    return
                self.online.customers[customer_id] = name
                request_id = self._new_id()
                asked = {
                    "id": request_id,
                    "customer_id": customer_id,
                    "program_id": str(self._company.program_id),
                }
                if not self._ask("/v1/benefits/requests", asked):
                    return
                self.online.benefits.add(request_id)

    def _new_id(self) -> str:
        return str(ids.from_random(clock.now(), self._rng))

    def _ask(self, path: str, body: dict[str, str]) -> bool:
        """Send the same request until it is known to be done; False is a finding."""
        while True:
            try:
                answer = self._http.post(path, json=body)
            except httpx.TransportError:
                self.unknown += 1
            else:
                if answer.is_success:
                    return True
                if answer.status_code not in (429, 503):
                    self.findings.append(f"{path}: {answer.status_code} {answer.text[:300]}")
                    return False
            time.sleep(_AGAIN_S)


class Trial:
    """The run of one seed on a site that stands."""

    def __init__(self, site: Site, folder: Path, seed: int, *, phones: int, events: int) -> None:
        self._site = site
        self._folder = folder
        self._rng = Random(f"faults {seed}")
        self._seed = seed
        self._events = events
        self._reps = phones
        self.result = Result(seed=seed)

    def play(self, *, quiet_within_s: float) -> Result:
        """Play it and look at what is there."""
        made = asyncio.run(company.found(self._site.settings, self._rng, reps=self._reps))
        (self._folder / "program").write_text(str(made.program_id))
        owner = self._enrolled("owner", made.codes[0], first=_FIRST_CUSTOMERS)
        proxy_rng = Random(self._rng.random())
        with Proxy(self._site.port, proxy_rng, chance=_CHANCE) as proxy, owner:
            phones = [
                PhoneProcess(self._folder, f"p{number}", proxy.url, self._seed)
                for number in range(1, self._reps + 1)
            ]
            for phone, code in zip(phones, made.codes[1:], strict=True):
                self._enrolled(phone.name, code).close()
            assert owner.session is not None, "it was enrolled"
            desk = Desk(proxy.url, owner.session.access_token, made, Random(self._rng.random()))
            with self._living(phones):
                desk.start()
                self._faults(made, owner, phones, proxy)
                proxy.calm()
                self._until_quiet(owner, phones, desk, quiet_within_s)
            self._count(proxy, desk)
        self._judge(made, phones, desk)
        return self.result

    def _enrolled(self, name: str, code: str, *, first: int = 0) -> Client:
        """Give somebody a phone over a good network, and perhaps the first customers."""
        client = open_client(self._folder / f"{name}.db", self._site.url, protect=True)
        client.enrol(code, device_name=name)
        for number in range(first):
            client.create_customer(name=f"first-{number}")
        report = client.sync()
        assert report.is_complete, report
        return client

    @contextlib.contextmanager
    def _living(self, phones: list[PhoneProcess]) -> Iterator[None]:
        """Start the phones, and leave none behind."""
        try:
            for phone in phones:
                phone.start()
            yield
        finally:
            (self._folder / "over").touch()
            self.result.findings += [problem for phone in phones if (problem := phone.end())]

    # -------------------------------------------------------------------------------- faults

    def _faults(
        self, made: Company, owner: Client, phones: list[PhoneProcess], proxy: Proxy
    ) -> None:
        """Let things happen, one after the other."""
        other, team = str(made.other_team_id), str(made.team_id)
        kinds, weights = list(_EVENT_KINDS), list(_EVENT_KINDS.values())
        for _ in range(self._events):
            time.sleep(self._rng.uniform(*_BETWEEN_S))
            what = self._rng.choices(kinds, weights)[0]
            phone, pause_s = self._rng.choice(phones), self._rng.uniform(*_PAUSE_S)
            match what:
                case "kill a phone":
                    phone.kill()
                    phone.start()
                case "pause a phone":
                    with stopped([phone.pid]):
                        time.sleep(pause_s)
                case "kill at the server":
                    what = f"kill -9 {self._site.kill(self._rng)}"
                case "pause at the server":
                    what = f"pause {self._site.pause(self._rng, pause_s)}"
                case "move a customer away":
                    customer = self._rng.choice(sorted(owner.customers(), key=_by_id)[:4])
                    self._move(owner, customer.id, other)
                    time.sleep(pause_s)
                    self._move(owner, customer.id, team)
                case _:
                    proxy.is_away = True
                    time.sleep(pause_s)
                    proxy.is_away = False
            self.result.faults[what] += 1

    def _move(self, owner: Client, customer_id: str, team_id: str) -> None:
        """Hand a customer to a team, at the server: who is of another team loses sight of it."""
        customer = owner.customer(customer_id)
        assert customer is not None, "an owner sees all"
        with owner.edit(customer) as draft:
            draft.team_id = team_id

        def is_sent() -> bool:
            self._site.see_to()
            return owner.sync().is_complete

        assert processes.wait_for(is_sent, timeout_s=_GIVEN_UP_S), "the owner's network is good"

    # --------------------------------------------------------------------------------- quiet

    def _until_quiet(
        self, owner: Client, phones: list[PhoneProcess], desk: Desk, within_s: float
    ) -> None:
        """Wait until every outbox is empty and all show what the server has."""
        began = time.monotonic()
        (self._folder / "quiet").touch()
        desk.is_over.set()
        while desk.is_alive() and time.monotonic() - began < _GIVEN_UP_S:
            self._site.see_to()
            desk.join(_AGAIN_S)

        def is_quiet() -> bool:
            self._site.see_to()
            return any(phone.has_failed for phone in phones) or self._agree(owner, phones)

        came = processes.wait_for(is_quiet, timeout_s=_GIVEN_UP_S)
        self.result.quiet_s = round(time.monotonic() - began, 2)
        if desk.is_alive():
            self.result.findings.append("wedged: the desk waits for an answer")
        if not came:
            self.result.findings.append(f"wedged: {self._differences(owner, phones)}")
        elif self.result.quiet_s > within_s:
            self.result.findings.append(f"quiet after {self.result.quiet_s} s only")

    def _agree(self, owner: Client, phones: list[PhoneProcess]) -> bool:
        """Say whether all outboxes are empty and every replica shows the same as the server."""
        shown = [phone.shown() for phone in phones]
        if any(each is None or each.pending or each.state != "complete" for each in shown):
            return False
        return owner.sync().is_complete and all(
            each is not None and each.records == _plain(owner) for each in shown
        )

    def _differences(self, owner: Client, phones: list[PhoneProcess]) -> list[str]:
        """Say in which records each phone differs from the owner's, and what it has left."""
        wanted, told = _plain(owner), []
        for phone in phones:
            shown = phone.shown()
            if shown is None:
                told.append(f"{phone.name}: never quiet")
                continue
            keys = wanted.keys() | shown.records.keys()
            differ = [key for key in keys if wanted.get(key) != shown.records.get(key)]
            told.append(
                f"{phone.name}: {shown.state} {shown.problem} {shown.pending} pending, {differ[:3]}"
            )
        return told

    # ------------------------------------------------------------------------------- verdict

    def _count(self, proxy: Proxy, desk: Desk) -> None:
        self.result.requests = proxy.requests
        self.result.faults.update(proxy.faults)
        self.result.findings += desk.findings

    def _judge(self, made: Company, phones: list[PhoneProcess], desk: Desk) -> None:
        """Look for every word at the server."""
        lines = [
            line
            for phone in phones
            for line in verdict.journal(self._folder / f"{phone.name}.journal")
        ]
        told = {word for phone in phones if (shown := phone.shown()) for word in shown.refused}
        held = asyncio.run(verdict.held(self._site.settings, made))
        found = verdict.judge(lines, desk.online, held, told=told)
        self.result.saved, self.result.conflicts = found.saved, found.conflicts
        self.result.lost, self.result.doubled = len(found.lost), len(found.doubled)
        self.result.findings += [f"lost: {word}" for word in found.lost]
        self.result.findings += [f"doubled: {word}" for word in found.doubled]


def _by_id(customer: Customer) -> str:
    return customer.id


def _plain(client: Client) -> dict[str, dict[str, Any]]:
    """Give a view as it comes out of a file."""
    plain: dict[str, dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(view(client)))
    return plain


def play(
    site: Site,
    seed: int,
    *,
    phones: int = 3,
    events: int = _EVENTS,
    quiet_within_s: float = QUIET_S,
) -> Result:
    """Play the run of one seed, with a company and phones of its own."""
    with tempfile.TemporaryDirectory(prefix="tonglu-faults-") as made:
        trial = Trial(site, Path(made), seed, phones=phones, events=events)
        return trial.play(quiet_within_s=quiet_within_s)
