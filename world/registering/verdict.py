"""What must be so, whoever registers when: asked of the registry from outside.

A diary keeps what is true: who registered when, by which marks, and when it came. The oracles know
the published order as people read it, and nothing of how the registry goes about it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from mobile_client_sdk.records import Registration
from server.kit import clock
from server.registrations.rules import order, retelling
from server.registrations.rules.order import Claim, Line, Rule, Ruling
from sync_protocol.messages import Outcome
from sync_protocol.registering import LIVE, State
from world.registering.plan import HOUR, MINUTE, START_MS, WINDOW, Plan, Rival

_GRACE: Final = 10 * MINUTE
_CERTAIN: Final = 99
"""A steady clock that is out by half a per cent either way leaves one in so many open."""
_ROOM_MS: Final = 5_000
"""Beside that a registration may be uncertain by so much."""
_PLAINLY_MOVED: Final = HOUR
_NEVER: Final = frozenset({State.CHECKING})


class Finding(msgspec.Struct, frozen=True):
    """Something that must not be."""

    oracle: str
    detail: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How a registration stands in the registry, with its case and its last verdict."""

    id: UUID
    tenant_id: UUID
    state: str
    earliest_ms: int
    latest_ms: int
    floor_ms: int | None
    ceiling_ms: int | None
    clock_flag: str | None
    has_territory: bool
    lot: str
    arrived_at: datetime
    settles_at: datetime
    live_since: datetime | None
    protected_until: datetime | None
    warned_days: int | None
    extensions: int
    reason: str | None
    contest_until: datetime | None
    case_id: UUID | None
    verdict_id: UUID | None
    case_state: str | None
    case_winner: UUID | None
    decide_by: datetime | None
    claims: str | None
    rulings: str | None
    rules_version: int | None
    hash: str | None

    @property
    def is_live(self) -> bool:
        """Say whether it protects."""
        return self.state in LIVE

    @property
    def bounds(self) -> tuple[int, int]:
        """Give between when it was made as the server itself knows."""
        if self.floor_ms is None or self.ceiling_ms is None:
            return self.earliest_ms, self.latest_ms
        return self.floor_ms, self.ceiling_ms


Entries = Mapping[UUID, Entry]


class Seen(Protocol):
    """A rival's phone, as the oracles look at it."""

    rival: Rival
    registration: UUID | None
    refused: list[Outcome]

    def held(self) -> Registration | None:
        """Give what the phone shows."""


class Watch:
    """Looks on while a schedule is played."""

    def __init__(self, plan: Plan, phones: Sequence[Seen]) -> None:
        self.plan = plan
        self.phones = phones
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.released: set[int] = set()
        self._came_ms: dict[int, int] = {}

    def find(self, oracle: str, detail: str) -> None:
        """Write down what must not be."""
        self.findings.append(Finding(oracle, detail))

    def came(self, phone: Seen, at_ms: int) -> None:
        """Hear that the server has got a registration."""
        self._came_ms[phone.rival.person] = at_ms
        for refused in phone.refused:
            self.find("told", f"{phone.rival.person} was refused: {refused.code}")

    # -------------------------------------------------------------------------- after each job

    def worked(self, before: Entries, after: Entries, now_ms: int) -> None:
        """Look at what a piece of work has done to the registry."""
        self._one_winner(after)
        self._nobody_unseated(before, after, now_ms)
        granted = {
            entry.id
            for entry in after.values()
            if entry.is_live and (entry.id not in before or not before[entry.id].is_live)
        }
        for entry_id in granted:
            self.counts["grants"] += 1
            was = before[entry_id].state if entry_id in before else State.CHECKING
            if was == State.CHECKING:
                self._decided(after[entry_id], before, after, now_ms)

    def _one_winner(self, entries: Entries) -> None:
        """Of two that name one mark, at most one protects."""
        live = [each for each in self._phones() if self._stands(each, entries) in LIVE]
        for place, one in enumerate(live):
            for other in live[place + 1 :]:
                if _meet(one.rival, other.rival):
                    self.find("one winner", f"{_names((one, other))} both protect")

    def _nobody_unseated(self, before: Entries, after: Entries, now_ms: int) -> None:
        """Who protects goes on, but for its own release, its last day, or a case."""
        for phone in self._phones():
            was, now = (entries.get(_id(phone)) for entries in (before, after))
            if was is None or now is None or not was.is_live or now.is_live:
                continue
            is_over = was.protected_until is not None and clock.to_ms(was.protected_until) <= now_ms
            has_lost = now.case_winner not in (None, now.id) and now.case_state != "open"
            if phone.rival.person not in self.released and not is_over and not has_lost:
                self.find("never unseated", f"{phone.rival.person} is {now.state}")

    def _decided(self, winner: Entry, before: Entries, after: Entries, now_ms: int) -> None:
        """Look at a decision among those that came within a window: all, in the published order."""
        first = self._of(winner.id)
        waiting = [each for each in self._phones() if self._waits(each, before)]
        group = _joined(first, waiting)
        until_ms = min(self._came_ms[each.rival.person] for each in group) + WINDOW
        within = [each for each in group if self._came_ms[each.rival.person] < until_ms]
        self.counts[f"decided among {min(len(within), 4)}"] += 1
        if now_ms < until_ms:
            self.find("all are waited for", f"{first.rival.person} protects too soon")
        if first not in within:
            self.find("all are waited for", f"{first.rival.person} came after the window")
            return
        met = [each for each in within if each is not first and _meet(each.rival, first.rival)]
        own_ms = min(self._came_ms[each.rival.person] for each in (first, *met))
        if now_ms < own_ms + WINDOW:
            self.find("all are waited for", f"{first.rival.person} protects by another's window")
        left = [each for each in met if self._stands(each, after) in {None, *_NEVER}]
        if left:
            self.find("all are waited for", f"{_names(left)} came in time and wait on")
            return
        joined = _joined(first, within)
        lots = self._lots(joined, after)
        self._is_known(winner, met, [after[_id(each)] for each in joined], after)
        self._is_first(winner, [after[_id(each)] for each in met], after, lots)
        self._lost_to_somebody(within, before, after)

    def _is_known(
        self, winner: Entry, met: Sequence[Seen], joined: Sequence[Entry], entries: Entries
    ) -> None:
        """Nobody is protected at once because a phone alone says that another was later."""
        ended_ms = min(each.bounds[1] for each in joined)
        for phone in met:
            each = entries[_id(phone)]
            is_later = each.reason == "evidence" and each.tenant_id != winner.tenant_id
            if (
                is_later
                and each.bounds[0] <= ended_ms
                and not self._lost_elsewhere(each, winner, entries)
            ):
                self.find("a phone's word", f"{self._who(each)} is later by a phone's word alone")

    def _lots(self, group: Sequence[Seen], entries: Entries) -> dict[UUID, str]:
        """Give the one lot of each company among those that are joined: its first id's."""
        lots: dict[UUID, str] = {}
        for each in sorted((entries[_id(phone)] for phone in group), key=lambda entry: entry.id):
            lots.setdefault(each.tenant_id, each.lot)
        return lots

    def _is_first(
        self, winner: Entry, rivals: Sequence[Entry], entries: Entries, lots: Mapping[UUID, str]
    ) -> None:
        """Nobody was earlier without a doubt; of those that may have been, the lot decided.

        :param lots: by company; however often it has registered, it draws once.
        """
        # Who lost to somebody else names another customer as well, and counts for nothing here.
        # So does who has a case with somebody else.
        mine = [
            each
            for each in rivals
            if each.state != State.CONTESTED and not self._lost_elsewhere(each, winner, entries)
        ]
        for each in mine:
            if each.latest_ms < winner.earliest_ms:
                self.find("published order", f"{self._who(each)} was before {self._who(winner)}")
        ended_ms = min((each.latest_ms for each in (winner, *mine)), default=0)
        equal = [each for each in mine if each.earliest_ms <= ended_ms]
        self.counts["the lot"] += bool(equal)
        for each in equal:
            if lots[each.tenant_id] < lots[winner.tenant_id]:
                self.find("published order", f"the lot fell to {self._who(each)}")

    def _lost_to_somebody(self, group: Sequence[Seen], before: Entries, after: Entries) -> None:
        """Nobody loses to a customer that is not its own."""
        for each in group:
            if self._stands(each, after) is State.REFUSED and self._waits(each, before):
                met = [x for x in self._phones() if _meet(x.rival, each.rival)]
                if not any(self._stands(x, after) in {*LIVE, State.CONTESTED} for x in met):
                    self.find("published order", f"{each.rival.person} lost to nobody")

    def _lost_elsewhere(self, entry: Entry, winner: Entry, entries: Entries) -> bool:
        """Say whether a registration lost to another one, or also met one that protects.

        The other need not protect yet, where its own window goes on.
        """
        rival = self._of(entry.id).rival
        rulings = msgspec.json.decode(entry.rulings or "[]", type=list[Ruling])
        if any(entry.id in each.losers and each.winner != winner.id for each in rulings):
            return True
        return any(
            (each.is_live or each.state == State.CONTESTED)
            and each.id != winner.id
            and _meet(self._of(each.id).rival, rival)
            for each in entries.values()
        )

    # ------------------------------------------------------------------------------ at the end

    def judge(self, entries: Entries, now_ms: int) -> None:
        """Look at how it ended: for everybody, on both sides."""
        for phone in self._phones():
            entry = entries.get(_id(phone))
            if entry is None:
                self.find("nothing is lost", f"{phone.rival.person} never arrived")
                continue
            self._has_an_answer(phone, entry, now_ms)
            self._is_dated(phone, entry)
            self._agrees(phone, entry)
            self._replays(phone, entry)
        self.counts["registrations"] += len(entries)

    def _has_an_answer(self, phone: Seen, entry: Entry, now_ms: int) -> None:
        """Whoever is not protected has a reason or a case; nobody waits for ever."""
        who, state = phone.rival.person, State(entry.state)
        self.counts[str(state)] += 1
        if state in _NEVER and clock.to_ms(entry.settles_at) + _GRACE < now_ms:
            self.find("everybody is told", f"{who} waits for ever")
        if state in {State.REFUSED, State.REVOKED} and entry.reason is None:
            self.find("everybody is told", f"{who} is {state} for no reason")
        if state is State.CONTESTED and entry.case_id is None:
            self.find("everybody is told", f"{who} is disputed in no case")
        if state is State.CONTESTED and entry.case_state in {"decided", "closed"}:
            self.find("everybody is told", f"{who} is disputed in a case that is over")
        if state is State.CONTESTED and clock.to_ms(entry.decide_by or entry.arrived_at) < now_ms:
            self.find("everybody is told", f"{who} is disputed for ever")

    def _is_dated(self, phone: Seen, entry: Entry) -> None:
        """Expect the truth to lie in the interval, which no clock that is set moves or widens."""
        rival = phone.rival
        made, came, heard = (
            START_MS + at_ms for at_ms in (rival.made_ms, rival.comes_ms, rival.heard_ms)
        )
        if came - heard > WINDOW:
            # Away for longer than any device may be: it is dated within that time, and marked.
            if (entry.earliest_ms, entry.latest_ms) != (came - WINDOW, came):
                self.find("dated truly", f"{rival.person} is believed beyond its lease")
            if entry.clock_flag != "clock_unproven":
                self.find("clocks gain nothing", f"{rival.person} proves what it cannot")
            return
        if not entry.earliest_ms <= made <= entry.latest_ms <= came:
            told = f"{entry.earliest_ms - made:+} … {entry.latest_ms - made:+} ms"
            self.find("dated truly", f"{rival.person} is dated {told} from the truth")
        if rival.is_restarted:
            if entry.clock_flag != "clock_unproven" or entry.earliest_ms < heard:
                self.find("clocks gain nothing", f"{rival.person} proves what it cannot")
            return
        room_ms = (made - heard) // _CERTAIN + _ROOM_MS
        if entry.latest_ms - entry.earliest_ms > room_ms:
            self.find("dated truly", f"{rival.person} is less certain than its clock")
        is_flagged = entry.clock_flag == "clock_moved"
        if abs(rival.set_ms) > _PLAINLY_MOVED and not is_flagged:
            self.find("clocks gain nothing", f"nobody hears that {rival.person} set its clock")
        if rival.set_ms == 0 and entry.clock_flag is not None:
            self.find("clocks gain nothing", f"{rival.person} is flagged {entry.clock_flag}")

    def _agrees(self, phone: Seen, entry: Entry) -> None:
        """Expect the phone to show what the registry says."""
        held = phone.held()
        if held is None:
            self.find("both sides agree", f"{phone.rival.person} shows nothing")
            return
        shown = (held.state, held.reason, held.case_id, held.protected_until)
        until = None if entry.protected_until is None else clock.to_ms(entry.protected_until)
        case_id = None if entry.case_id is None else str(entry.case_id)
        said = (entry.state, entry.reason, case_id, until)
        if shown != said:
            self.find("both sides agree", f"{phone.rival.person} shows {shown}, it is {said}")

    def _replays(self, phone: Seen, entry: Entry) -> None:
        """Expect that what was decided can be decided again."""
        if entry.claims is None or entry.rules_version != order.THIRD.version:
            return
        claims = msgspec.json.decode(entry.claims, type=list[Claim])
        rulings = order.decide(reversed(claims), order.THIRD).rulings
        again = retelling.retell(*retelling.as_kept(claims, rulings), order.THIRD)
        if again.hash != entry.hash or not retelling.says_the_same(again):
            self.find("replay", f"{phone.rival.person} gets another verdict")
        for ruling in msgspec.json.decode(entry.rulings or "[]", type=list[Ruling]):
            for line in ruling.trace:
                self._is_read_right(phone, line)

    def _is_read_right(self, phone: Seen, line: Line) -> None:
        """Expect that of intervals which overlap none is earlier, also where a case follows."""
        if line.rule is not Rule.EVIDENCE:
            return
        ended_ms = min(latest_ms for _, latest_ms in line.compared.values())
        kept = {UUID(name) for name, told in line.compared.items() if told[0] <= ended_ms}
        if kept != set(line.kept):
            self.find("published order", f"{phone.rival.person} was judged by intervals misread")

    # ---------------------------------------------------------------------------------- pieces

    def _phones(self) -> list[Seen]:
        """Give those whose registration the server has got."""
        return [each for each in self.phones if each.rival.person in self._came_ms]

    def _of(self, entry_id: UUID) -> Seen:
        return next(each for each in self.phones if each.registration == entry_id)

    def _who(self, entry: Entry) -> int:
        return self._of(entry.id).rival.person

    def _stands(self, phone: Seen, entries: Entries) -> State | None:
        entry = entries.get(_id(phone))
        return None if entry is None else State(entry.state)

    def _waits(self, phone: Seen, entries: Entries) -> bool:
        """Say whether a registration has come and was not decided yet, admitted or not."""
        return self._stands(phone, entries) in {None, State.CHECKING}


def _id(phone: Seen) -> UUID:
    assert phone.registration is not None, "what has come was registered"
    return phone.registration


def _meet(one: Rival, other: Rival) -> bool:
    """Say whether two name one mark."""
    return not set(one.marks).isdisjoint(other.marks)


def _joined(first: Seen, phones: Sequence[Seen]) -> list[Seen]:
    """Give all that are joined to one by marks, through others too."""
    group, edge = [first], [first]
    while edge:
        near = [each for each in phones if any(_meet(each.rival, one.rival) for one in edge)]
        edge = [each for each in near if each not in group]
        group += edge
    return group


def _names(phones: Iterable[Seen]) -> str:
    return ", ".join(str(each.rival.person) for each in phones)
