"""Where a schedule is played: the real services on PostgreSQL, in virtual time, in one thread.

Phones sync with the server's own sync service; what it leaves for the worker is done when it is
due, in an order that is drawn, at times twice, at times late. Whoever looks on sees the registry
before and after each piece of work.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Role, Scope
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.kit import clock, db, ids, outbox
from server.kit.errors import Refusal
from server.registrations import service
from server.registrations.schemas import Appeal
from server.tenants import service as tenants
from sync_protocol.registering import Verb
from world.numbers import start as start_numbers
from world.registering import worker
from world.registering.phone import Phone
from world.registering.plan import DAY, START_MS, Act, Plan
from world.registering.verdict import Entry, Finding, Watch

_NEW_DEVICE: Final = """
INSERT INTO device (tenant_id, id, user_id, name, platform, enrolled_at)
VALUES ($1, $2, $3, 'phone', 'simulated', $4)
"""
_ENTRIES: Final = """
SELECT e.id, e.tenant_id, e.state, e.earliest_ms, e.latest_ms, e.floor_ms, e.ceiling_ms,
    e.clock_flag, e.has_territory, e.lot, e.arrived_at, e.settles_at,
    e.live_since, e.protected_until, e.warned_days, e.extensions,
    e.reason, e.contest_until, e.case_id, e.verdict_id, c.state AS case_state,
    c.winner_id AS case_winner, c.decide_by, v.claims, v.rulings,
    v.rules_version, v.hash
FROM registry_entry e LEFT JOIN registry_case c ON c.id = e.case_id
LEFT JOIN registry_verdict v ON v.id = e.verdict_id
WHERE e.id = ANY ($1::uuid[])
"""
_TWICE: Final = 0.15


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a schedule."""

    seed: int
    profile: str
    findings: tuple[Finding, ...]
    registrations: int
    jobs: int
    counts: Mapping[str, int]

    @property
    def passed(self) -> bool:
        """Answer whether everything was as it must be."""
        return not self.findings


class Stage:
    """One schedule being played, on a database that is there for schedules alone."""

    def __init__(
        self,
        plan: Plan,
        *,
        loop: asyncio.AbstractEventLoop,
        salt: str = "",
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.plan = plan
        self.now_ms = START_MS
        self.rng = random.Random(f"rivals of {plan.seed} {salt}")
        self._loop = loop
        self._trace = trace
        self._jobs = 0
        self._numbers = start_numbers(self.rng)
        self._marks = self._identities()
        people = self._run(self._found())
        self.phones = [self._phone(place, people) for place in range(len(plan.rivals))]
        self.watch = Watch(plan, self.phones)

    @property
    def now(self) -> datetime:
        """Tell the server's time, which is right."""
        return clock.from_ms(self.now_ms)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(coroutine)

    # ------------------------------------------------------------------------------- beginning

    def _identities(self) -> dict[str, dict[str, str]]:
        """Draw by what the two shops are known; nobody else has these."""
        found: dict[str, dict[str, str]] = {}
        for shop in "01":
            found[f"phone {shop}"] = {"phone": self._numbers.phone()}
            found[f"code {shop}"] = {"uscc": self._numbers.uscc("330106")}
            street = f"文三路{self.rng.getrandbits(40)}号"
            found[f"place {shop}"] = {"city": "杭州", "district": "西湖区", "address": street}
        return found

    async def _found(self) -> dict[int, Actor]:
        """Let the companies be there, with a person for each rival, and nothing to do."""
        async with db.job_transaction():
            await db.connection().execute("DELETE FROM outbox")
        now = clock.from_ms(START_MS - 30 * DAY)
        new_id = partial(ids.from_random, now, self.rng)
        found: dict[int, Actor] = {}
        for number in sorted({rival.agent for rival in self.plan.rivals}):
            tenant_id, team_id = new_id(), new_id()
            rivals = [rival for rival in self.plan.rivals if rival.agent == number]
            name = tenant_id.hex[-8:]
            await tenants.provision(tenant_id, name=name, short_name=name, city="杭州", now=now)
            owner = _person(tenant_id, team_id, new_id(), Role.AGENT_OWNER)
            await identity.found_company(
                tenant_id, team_id, _joining(owner), team_name="一队", now=now
            )
            for rival in rivals:
                rep = _person(tenant_id, team_id, new_id(), Role.SALES_REP)
                await identity.invite(owner, _joining(rep), now=now)
                device_id = new_id()
                async with db.tenant_transaction(tenant_id):
                    await db.connection().execute(
                        _NEW_DEVICE, tenant_id, device_id, rep.user_id, now
                    )
                found[rival.person] = msgspec.structs.replace(rep, device_id=device_id)
        return found

    def _phone(self, place: int, people: dict[int, Actor]) -> Phone:
        rival = self.plan.rivals[place]
        return Phone(
            rival,
            people[rival.person],
            now_ms=lambda: self.now_ms,
            run=self._run,
            rng=random.Random(self.rng.getrandbits(64)),
        )

    # --------------------------------------------------------------------------------- playing

    def play(self) -> Result:
        """Play the schedule to its end and judge it."""
        for at_ms, _, what in sorted(self._events(), key=lambda event: event[:2]):
            self._work_until(START_MS + at_ms)
            if self.watch.findings:
                break
            self.now_ms = START_MS + at_ms
            what()
        else:
            self._work_until(START_MS + self.plan.until_ms)
            self.now_ms = START_MS + self.plan.until_ms
            self._end()
        for phone in self.phones:
            phone.close()
        return Result(
            seed=self.plan.seed,
            profile=self.plan.profile,
            findings=tuple(self.watch.findings),
            registrations=len(self._registered()),
            jobs=self._jobs,
            counts=dict(self.watch.counts),
        )

    def _events(self) -> list[tuple[int, int, Callable[[], None]]]:
        """Give what people do and when; of one moment in the order in which it is written."""
        events: list[tuple[int, Callable[[], None]]] = []
        for phone in self.phones:
            rival = phone.rival
            events += [
                (rival.heard_ms, phone.sync),
                (rival.made_ms, partial(self._register, phone)),
                (rival.comes_ms, partial(self._come, phone)),
            ]
        events += [(act.at_ms, partial(self._act, act)) for act in self.plan.acts]
        return [(at_ms, number, what) for number, (at_ms, what) in enumerate(events)]

    def _register(self, phone: Phone) -> None:
        shop: dict[str, str] = {}
        for mark in phone.rival.marks:
            shop |= self._marks[mark]
        phone.register(shop)
        self._tell(f"{self._name(phone)} registers by {', '.join(phone.rival.marks)}")

    def _come(self, phone: Phone) -> None:
        phone.sync()
        self.watch.came(phone, self.now_ms)
        self._tell(f"{self._name(phone)} comes")

    def _act(self, act: Act) -> None:
        """Let a rival release, contest or appeal."""
        phone = self.phones[act.who]
        if phone.rival.comes_ms > act.at_ms:
            return
        phone.sync()
        self._tell(f"{self._name(phone)}: {act.what}")
        if act.what == "appeal":
            self._run(self._appeal(phone))
        elif phone.decide(Verb(act.what)):
            self.watch.counts[act.what] += 1
            if act.what == "release":
                self.watch.released.add(phone.rival.person)
            phone.sync()

    async def _appeal(self, phone: Phone) -> None:
        assert phone.registration is not None, "who acts has registered"
        asked = Appeal(reason="我们先到的")
        try:
            await service.appeal(phone.actor, phone.registration, asked, now=self.now)
        except Refusal:
            return
        self.watch.counts["appeal"] += 1

    def _end(self) -> None:
        """Let everybody hear of how it ended, and judge that."""
        for phone in self.phones:
            phone.sync()
        self.watch.judge(self._run(self._entries()), self.now_ms)

    # ---------------------------------------------------------------------------------- worker

    def _work_until(self, until_ms: int) -> None:
        """Do what is due, at its moment or when the worker wakes up, in an order that is drawn."""
        while not self.watch.findings:
            left = self._run(worker.due(clock.from_ms(until_ms)))
            moments = [self._awake(clock.to_ms(each.run_at)) for each in left]
            if not moments or min(moments) > until_ms:
                return
            self.now_ms = max(self.now_ms, min(moments))
            ready = [
                each.job for each, at_ms in zip(left, moments, strict=True) if at_ms <= self.now_ms
            ]
            ready.sort(key=lambda job: (job.topic, repr(job.payload)))
            self.rng.shuffle(ready)
            for job in ready:
                self._do(job)

    def _awake(self, at_ms: int) -> int:
        """Give when the worker does what is due at a moment."""
        for begin_ms, end_ms in self.plan.naps:
            if START_MS + begin_ms <= at_ms < START_MS + end_ms:
                return START_MS + end_ms
        return at_ms

    def _do(self, job: outbox.Job) -> None:
        """Do a job, at times twice, and look at the registry before and after."""
        if self.watch.findings:
            return
        before = self._run(self._entries())
        if self._run(self._handle(job)) and self.rng.random() < _TWICE:
            self._run(self._handle(job))
        self._jobs += 1
        after = self._run(self._entries())
        self._tell(f"worker: {job.topic} {self._whose(repr(job.payload))}")
        for each in after.values():
            if each.id not in before or before[each.id].state != each.state:
                self._tell(f"   {self._whose(str(each.id))} is {each.state} {each.reason or ''}")
        self.watch.worked(before, after, self.now_ms)

    async def _handle(self, job: outbox.Job) -> bool:
        """Do a job; one that fails again and again is found. Answer whether it was done."""
        error = await worker.do(job, self.now)
        if error is not None and job.attempts + 1 == outbox.ATTEMPTS_MAX:
            self.watch.find("work gets done", f"{job.topic}: {error!r}")
        return error is None

    async def _entries(self) -> dict[UUID, Entry]:
        """Give how the registry stands, of this schedule's registrations."""
        async with db.job_transaction():
            rows = await db.connection().fetch(_ENTRIES, self._registered())
        return {row["id"]: Entry(**dict(row)) for row in rows}

    # ----------------------------------------------------------------------------------- words

    def _registered(self) -> list[UUID]:
        return [phone.registration for phone in self.phones if phone.registration is not None]

    def _name(self, phone: Phone) -> str:
        return f"{phone.rival.person} (company {phone.rival.agent})"

    def _whose(self, text: str) -> str:
        return " ".join(
            str(phone.rival.person) for phone in self.phones if str(phone.registration) in text
        )

    def _tell(self, text: str) -> None:
        if self._trace is not None:
            self._trace(f"{(self.now_ms - START_MS) / DAY:9.4f} d  {text}")


def _person(tenant_id: UUID, team_id: UUID, user_id: UUID, role: Role) -> Actor:
    """Give somebody of a company, as an edge makes a person who has signed in."""
    scope = Scope.TENANT if role is Role.AGENT_OWNER else Scope.MINE
    return Actor(
        user_id=user_id, tenant_id=tenant_id, role=role, scope=scope, team_id=team_id, name="rival"
    )


def _joining(actor: Actor) -> NewUser:
    """Write down somebody who joins."""
    return NewUser(
        id=actor.user_id,
        login=f"rival.{actor.user_id.hex[-12:]}",
        name=actor.name,
        role=actor.role,
        team_id=actor.team_id,
        scope=actor.scope,
    )
