"""Where a schedule is played: the site, the network, the phones and whoever looks on."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Role, Scope
from server.changelog import service as changelog
from server.identity import keys
from server.kit.errors import Conflict, Refusal
from server.settings import Environment, Settings
from server.sync.registry import Mutation
from sync_protocol import codec
from sync_protocol.messages import Create, Delete, Edit, Intent
from sync_protocol.schema import SCHEMA
from world.simulation import hands, verdict
from world.simulation.diary import Diary
from world.simulation.disk import first_loads
from world.simulation.hands import GRANT, POISON, REFUSE, Hands
from world.simulation.memory import MemoryStore
from world.simulation.network import Network
from world.simulation.notes import Finding
from world.simulation.phone import Phone
from world.simulation.plan import Event, Plan
from world.simulation.scheduler import MINUTE, SECOND, START_MS, Scheduler
from world.simulation.site import Person, Site
from world.simulation.skew import OLD
from world.simulation.watch import Watch

QUIET_WITHIN_MS: Final = 30 * SECOND
"""So long after the last fault everybody is up to date."""
_TEAMS: Final = (UUID(int=0x71), UUID(int=0x72))
_MANAGER: Final = UUID(int=0x61)
_FIELDS: Final = ("name", "address", "district", "industry", "source")
_MANY: Final = 6
_LARGE_IN: Final = 5
"""Of so many schedules the first loads of one count as large."""
_YEARS: Final = (0, 0, 3_600_000, -86_400_000, 315_360_000_000, -315_360_000_000)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a schedule."""

    seed: int
    profile: str
    findings: tuple[Finding, ...]
    ops: int
    requests: int
    commits: int
    steps: int
    quiet_ms: int
    """How long after the last fault everybody was up to date."""
    faults: Mapping[str, int]
    counts: Mapping[str, int]

    @property
    def passed(self) -> bool:
        """Answer whether everything was as it must be."""
        return not self.findings


class Declined(Conflict):
    """The simulated room says no."""

    code = "simulation_declined"


class Stage:
    """One schedule being played."""

    def __init__(
        self,
        plan: Plan,
        *,
        trace: Callable[[str], None] | None = None,
        make_site: Callable[..., Site] = Site,
    ) -> None:
        open_keys()
        self.plan = plan
        self.rng = random.Random(f"chance of {plan.seed}")
        self.scheduler = Scheduler()
        self.diary = Diary()
        self.watch = Watch(self.diary)
        self.watch.are_clocks_honest = plan.profile == "clocks"
        self.site = make_site(
            self.scheduler,
            self.rng,
            looks_on=self.watch.committed,
            received=self.watch.received,
            failed=self.watch.failed,
            mutations=_mutations,
        )
        self.watch.actor_of = self.site.actor
        self.network = Network(self.scheduler, self.site, self.rng, plan.weather, plan.horizon_ms)
        self.words = hands.words()
        self._images: dict[int, tuple[bytes, int]] = {}
        self._trace = trace
        self.quiet_ms = 0
        self._least_syncs = 0
        self._people()
        self.phones = [self._phone(place) for place in range(plan.phones)]
        self.hands = [
            Hands(phone, self.diary, self.words, self.watch.sound) for phone in self.phones
        ]

    # ------------------------------------------------------------------------------ beginning

    def _people(self) -> None:
        """Let people work here: a manager at a desk, and a rep for each device."""
        self.site.employ(
            Person(user_id=_MANAGER, role=Role.AGENT_OWNER, scope=Scope.TENANT, team_id=_TEAMS[0])
        )
        for place in range(self.plan.phones):
            scope = self.rng.choice((Scope.TEAM, Scope.TEAM, Scope.MINE, Scope.TENANT))
            team = _TEAMS[self.rng.random() < 0.25]  # noqa: PLR2004 - one of four
            # Some people have two devices.
            user_id = _user(place if self.rng.random() < 0.8 or not place else place - 1)  # noqa: PLR2004 - one of five
            if user_id not in self.site.people:
                self.site.employ(
                    Person(user_id=user_id, role=Role.SALES_REP, scope=scope, team_id=team)
                )
            self.site.enrol(_device(place), user_id)
        self.site.define(_MANAGER)
        self.watch.stands(self.site.store.tables)

    def _phone(self, place: int) -> Phone:
        device_id = _device(place)
        phone = Phone(
            self.scheduler,
            self.network,
            self.watch,
            device_id=device_id,
            user_id=self.site.store.tables.devices[str(device_id)].user_id,
            rng=random.Random(f"phone {place} of {self.plan.seed}"),
            media=self.rng.choice((codec.JSON, codec.MSGPACK, codec.MSGPACK)),
            # So small that most pulls have several pages; yet a day's work comes within 30 s.
            page=self.rng.choice((1, 2, 3, 5, 50) if self.plan.phones < _MANY else (4, 8, 50)),
            schema=OLD if place < self.plan.old else SCHEMA,
        )
        phone.offset_ms = self.plan.offsets_ms[place] if self.plan.offsets_ms else 0
        return phone

    def _open_books(self) -> None:
        """Let the manager enter the first customers and a tag."""
        owners = list(self.site.people)
        ops: list[Any] = [self._new("tag", name=next(self.words), meaning=next(self.words))]
        for _ in range(self.plan.customers):
            owner = self.site.people[self.rng.choice(owners)]
            ops.append(
                self._new(
                    "customer",
                    name=next(self.words),
                    owner_id=str(owner.user_id),
                    team_id=str(owner.team_id),
                )
            )
        for number, op in enumerate(ops, start=1):
            self.site.write(_MANAGER, [msgspec.structs.replace(op, number=number)], lambda _: None)
        self.scheduler.run(self.scheduler.now_ms + SECOND)

    def _new(self, kind: str, **fields: Any) -> Create:
        return Create(
            number=1,
            kind=kind,
            id=str(UUID(int=self.rng.getrandbits(128), version=4)),
            fields=fields,
            at_ms=self.scheduler.now_ms,
            base=0,
        )

    # ------------------------------------------------------------------------------- playing

    def play(self) -> Result:
        """Play the schedule to its end and judge it."""
        with first_loads(are_large=self.plan.seed % _LARGE_IN == 0):
            return self._play()

    def _play(self) -> Result:
        self._open_books()
        for phone in self.phones:
            if self.rng.random() < 0.8:  # noqa: PLR2004 - some begin with an empty device
                phone.begin_sync()
        self.scheduler.run(START_MS + 5 * SECOND, is_over=self._is_over)
        if self.plan.is_sequential:
            self._play_in_turn()
        else:
            for event in self.plan.events:
                self.scheduler.at(START_MS + 5 * SECOND + event.at_ms, partial(self.do, event))
            last = self.plan.events[-1].at_ms if self.plan.events else 0
            until = max(last + SECOND, min(self.plan.horizon_ms, last + MINUTE))
            self.scheduler.run(START_MS + 5 * SECOND + until, is_over=self._is_over)
        if not self._is_over():
            self._heal()
        if not self._is_over():
            verdict.judge(self)
        self.site.stop()
        for phone in self.phones:
            phone.disk.close()
        return self._result()

    def _is_over(self) -> bool:
        return bool(self.watch.findings)

    def _play_in_turn(self) -> None:
        """Let everybody be up to date before the next thing is done."""
        for event in self.plan.events:
            if event.what == "act":
                self.do(event)
                self._drain(10 * MINUTE)
            if self._is_over():
                return

    def _drain(self, within_ms: int) -> int | None:
        """Let everybody sync until all are up to date; answer when that was, if it was."""
        began = self.scheduler.now_ms
        while self.scheduler.now_ms < began + within_ms and not self._is_over():
            for phone in self.phones:
                phone.boot()
                if not self._is_current(phone):
                    phone.begin_sync()
            self.scheduler.run(self.scheduler.now_ms + SECOND, is_over=self._is_quiet_or_over)
            if self.is_quiet():
                return self.scheduler.now_ms - began
        return None

    def _is_quiet_or_over(self) -> bool:
        return self._is_over() or self.is_quiet()

    def is_quiet(self) -> bool:
        """Say whether every device that can sync has nothing to send and shows the latest."""
        if any(phone.is_syncing for phone in self.phones):
            # Asked first, since it costs nothing and is so at most moments.
            return False
        return all(
            phone.is_signed_out or phone.is_gone or self._is_current(phone) for phone in self.phones
        )

    def _is_current(self, phone: Phone) -> bool:
        """Say whether a device has nothing to send and shows the latest."""
        if phone.client is None or phone.is_syncing or phone.client.pending_count:
            return False
        clock, progress = self.site.store.tables.clock, phone.client.progress
        is_latest = (progress.epoch, progress.seq) == (clock.epoch, clock.seq)
        return is_latest and progress.staging is None and phone.syncs >= self._least_syncs

    def _heal(self) -> None:
        """Let no more faults happen, and give everybody time to become quiet."""
        self.network.calm_down()
        self.site.is_up = True
        for phone, own in zip(self.phones, self.hands, strict=True):
            phone.line.offline_until_ms = 0
            phone.disk.spare()
            phone.boot()
            own.own_up()
            if phone.rot.rows:
                phone.end_day()
            # What a person may see may have changed without a sequence: everybody asks once more.
            phone.syncs = 0
        self._least_syncs = 1
        self.quiet_ms = self._become_quiet()
        if self.site.store.tables.orphans and not self._is_over():
            self._give_up()

    def _become_quiet(self) -> int:
        """Let everybody be up to date; answer how long that took."""
        took = self._drain(QUIET_WITHIN_MS)
        if took is None and not self._is_over():
            self.watch.find("liveness", "; ".join(self._restless()))
        return took or 0

    def _give_up(self) -> None:
        """Let those days be over for which ops wait, and let their authors hear of it."""
        verdict.look_at_waiting(self)
        self.watch.counts["given up"] += len(self.site.store.tables.orphans)
        self.site.give_up(lambda _: None)
        self.scheduler.run(self.scheduler.now_ms + SECOND, is_over=self._is_over)
        # A device asks for what waits when something is newer.
        self.site.write(_MANAGER, [self._new("tag", name="later", meaning="later")], lambda _: None)
        self.scheduler.run(self.scheduler.now_ms + SECOND, is_over=self._is_over)
        self._become_quiet()

    def _restless(self) -> list[str]:
        """Say who is not quiet."""
        clock = self.site.store.tables.clock
        told = [f"the server stands at {clock.epoch}/{clock.seq}"]
        for phone in self.phones:
            if phone.client is not None and not self._is_current(phone):
                progress = phone.client.progress
                told.append(
                    f"{phone.device_id[-4:]} stands at {progress.epoch}/{progress.seq}"
                    f" with {phone.client.pending_count} pending"
                )
        return told

    def _result(self) -> Result:
        return Result(
            seed=self.plan.seed,
            profile=self.plan.profile,
            findings=tuple(self.watch.findings),
            ops=sum(each.done for each in self.hands),
            requests=self.network.requests,
            commits=self.site.store.tables.clock.seq,
            steps=self.scheduler.steps,
            quiet_ms=self.quiet_ms,
            faults=dict(self.network.faults),
            counts=dict(self.watch.counts),
        )

    # -------------------------------------------------------------------------------- events

    def do(self, event: Event) -> None:
        """Let an event happen."""
        if self._is_over():
            return
        if self._trace is not None:
            at_s = (self.scheduler.now_ms - START_MS) / SECOND
            self._trace(f"{at_s:12.3f} s  {event.what} {event.who} ({event.salt})")
        _EVENTS[event.what](self, event)

    def _act(self, event: Event, *kinds: str) -> None:
        entries = self.hands[event.who].act(event.salt, kinds=kinds or self.plan.kinds)
        if self._trace is not None:
            for entry in entries:
                self._trace(f"{'':16}{msgspec.json.encode(entry.op).decode()}")
        phone = self.phones[event.who]
        phone.guarded(lambda: self.watch.own_writes(phone))

    def _begin_sync(self, event: Event) -> None:
        self.phones[event.who].begin_sync()

    def _offline(self, event: Event) -> None:
        length = random.Random(event.salt).randrange(SECOND, max(self.plan.horizon_ms // 2, MINUTE))
        self.phones[event.who].line.offline_until_ms = self.scheduler.now_ms + length
        self.watch.counts["partition"] += 1

    def _power(self, event: Event) -> None:
        rng = random.Random(event.salt)
        phone = self.phones[event.who]
        phone.fail_power(rng.randint(1, 60), after_statement=rng.random() < 0.5)  # noqa: PLR2004 - one of two

    def _dark(self, event: Event) -> None:
        self.phones[event.who].power_off()
        self.watch.counts["power lost"] += 1

    def _image(self, event: Event) -> None:
        phone = self.phones[event.who]
        if phone.client is not None:
            self.hands[event.who].own_up()
            self._images[event.who] = phone.disk.image(), len(self.diary.entries)

    def _old_image(self, event: Event) -> None:
        """Put the device's last image back: what was done since is only where it was sent to."""
        kept = self._images.get(event.who)
        if kept is None:
            return
        image, known = kept
        phone = self.phones[event.who]
        self.hands[event.who].own_up()
        for _, entry in list(self.diary.entries.items())[known:]:
            if entry.device_id == phone.device_id:
                entry.is_lost = True
        phone.bring_back(image)
        self.watch.counts["old image"] += 1

    def _clock(self, event: Event) -> None:
        self.phones[event.who].set_clock(random.Random(event.salt).choice(_YEARS))
        self.watch.counts["clock set"] += 1

    def _rot(self, event: Event) -> None:
        damage = self.phones[event.who].decay(random.Random(event.salt))
        if damage is not None:
            self.watch.counts["rot"] += 1
            if self._trace is not None:
                self._trace(f"{'':16}{damage}")

    def _day(self, event: Event) -> None:
        """Let a device be due to compare all with the server, and begin to."""
        self.phones[event.who].end_day()
        self.phones[event.who].begin_sync()

    def _update(self, event: Event) -> None:
        self.hands[event.who].own_up()
        self.phones[event.who].update()
        self.watch.counts["app updated"] += 1

    def _revoke(self, event: Event) -> None:
        self.site.revoke(_device(event.who))
        self.watch.counts["revoked"] += 1

    def _crash(self, event: Event) -> None:
        self.site.crash(random.Random(event.salt).choice((1, SECOND, 20 * SECOND)))
        self.watch.counts["server crash"] += 1

    def _back_up(self, _: Event) -> None:
        self.site.back_up()

    def _restore(self, _: Event) -> None:
        if self.site.backup is not None:
            self.site.restore()
            self.watch.stands(self.site.store.tables)
            self.watch.counts["restoration"] += 1

    def _compact(self, _: Event) -> None:
        self.site.compact()
        self.watch.stands(self.site.store.tables)
        self.watch.counts["compaction"] += 1

    # ------------------------------------------------------------------------------ at a desk

    def _desk_edit(self, event: Event) -> None:
        """Write two texts of a customer, on what stands."""
        record_id = self._customer(event)
        if record_id is not None:
            names = random.Random(event.salt).sample(_FIELDS, 2)
            self._desk(record_id, {name: next(self.words) for name in names})

    def _desk_delete(self, event: Event) -> None:
        record_id = self._customer(event)
        if record_id is not None:
            op = Delete(
                number=1,
                kind="customer",
                id=record_id,
                at_ms=self.scheduler.now_ms,
                base=changelog.base_of_now(),
            )
            self.site.write(_MANAGER, [op], lambda _: None)

    def _merge(self, event: Event) -> None:
        """Find that two customers are one."""
        there = self._customers()
        if len(there) > 1:
            old, into = random.Random(event.salt).sample(there, 2)
            self.site.merge(_MANAGER, old, into, UUID(int=event.salt, version=4))

    def _unmerge(self, event: Event) -> None:
        """Find that they are not."""
        stand = [each for each in self.site.store.tables.merges if each.undone is None]
        if stand:
            chosen = random.Random(event.salt).choice(stand)
            self.site.unmerge(_MANAGER, chosen.into_id, chosen.id)

    def _hand_over(self, event: Event) -> None:
        """Give a customer to somebody else, perhaps of another team."""
        record_id = self._customer(event)
        rng = random.Random(event.salt)
        person = self.site.people[rng.choice(list(self.site.people))]
        if record_id is not None:
            moved = {"owner_id": str(person.user_id), "team_id": str(rng.choice(_TEAMS))}
            self._desk(record_id, moved)
            self.watch.counts["hand-over"] += 1

    def _desk(self, record_id: str, fields: dict[str, Any]) -> None:
        op = Edit(
            number=1,
            kind="customer",
            id=record_id,
            fields=fields,
            at_ms=self.scheduler.now_ms,
            base=changelog.base_of_now(),
        )
        self.site.write(_MANAGER, [op], lambda _: None)

    def _customer(self, event: Event) -> str | None:
        """Choose a customer who is there."""
        there = self._customers()
        return there[event.salt % len(there)] if there else None

    def _customers(self) -> list[str]:
        """Name the customers who are there."""
        return sorted(
            record_id
            for (kind, record_id), row in self.site.store.tables.records.items()
            if kind == "customer" and not row.record.deleted
        )

    def _team_move(self, event: Event) -> None:
        self._change_person(event, team_id=random.Random(event.salt).choice(_TEAMS))

    def _scope_change(self, event: Event) -> None:
        self._change_person(event, scope=random.Random(event.salt).choice(tuple(Scope)))

    def _change_person(self, event: Event, **changes: Any) -> None:
        person = self.site.people[self.phones[event.who].user_id]
        self.site.employ(msgspec.structs.replace(person, **changes))
        self.watch.tables = self.site.store.tables
        self.watch.counts["scope changed"] += 1


_EVENTS: Final[Mapping[str, Callable[[Stage, Event], None]]] = {
    "act": Stage._act,  # noqa: SLF001 - the table of the class's own events
    "poison": lambda stage, event: stage._act(event, "poison"),  # noqa: SLF001 - as above
    "sync": Stage._begin_sync,  # noqa: SLF001 - as above
    "offline": Stage._offline,  # noqa: SLF001 - as above
    "power": Stage._power,  # noqa: SLF001 - as above
    "dark": Stage._dark,  # noqa: SLF001 - as above
    "image": Stage._image,  # noqa: SLF001 - as above
    "old_image": Stage._old_image,  # noqa: SLF001 - as above
    "clock": Stage._clock,  # noqa: SLF001 - as above
    "rot": Stage._rot,  # noqa: SLF001 - as above
    "day": Stage._day,  # noqa: SLF001 - as above
    "update": Stage._update,  # noqa: SLF001 - as above
    "revoke": Stage._revoke,  # noqa: SLF001 - as above
    "crash": Stage._crash,  # noqa: SLF001 - as above
    "backup": Stage._back_up,  # noqa: SLF001 - as above
    "restore": Stage._restore,  # noqa: SLF001 - as above
    "compact": Stage._compact,  # noqa: SLF001 - as above
    "desk_edit": Stage._desk_edit,  # noqa: SLF001 - as above
    "desk_delete": Stage._desk_delete,  # noqa: SLF001 - as above
    "merge": Stage._merge,  # noqa: SLF001 - as above
    "unmerge": Stage._unmerge,  # noqa: SLF001 - as above
    "hand_over": Stage._hand_over,  # noqa: SLF001 - as above
    "team_move": Stage._team_move,  # noqa: SLF001 - as above
    "scope_change": Stage._scope_change,  # noqa: SLF001 - as above
}


# ------------------------------------------------------------------------- what intents do here


def _mutations(store: MemoryStore) -> Mapping[str, Mutation]:
    """Let intents be done, declined after having begun, or fail."""

    async def grant(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
        del now
        await store.note_effect(intent.id, str(actor.user_id))
        return None

    async def refuse(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
        await grant(actor, intent, now)
        raise Declined("This is not to be had.")

    async def fail(actor: Actor, intent: Intent, now: datetime) -> Refusal | None:
        await grant(actor, intent, now)
        raise RuntimeError("The simulated room fails.")

    return {GRANT: grant, REFUSE: refuse, POISON: fail}


def open_keys() -> None:
    """Give the process keys for cursors, where nobody has."""
    settings = Settings(
        database_url="postgresql://nowhere",
        environment=Environment.TEST,
        public_url="http://simulated",
        secret="only-for-cursors-of-simulated-devices",
    )
    keys.open_keys(settings)


def _user(place: int) -> UUID:
    return UUID(int=0x1000 + place)


def _device(place: int) -> UUID:
    return UUID(int=0xD000 + place)
