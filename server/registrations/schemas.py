"""Registrations, cases and checks over HTTP and to the pages: what is given, what is taken."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from server.kit.text import PRINTABLE
from server.registrations.rules.order import Rule
from server.registrations.rules.retelling import Retold
from server.registrations.rules.states import Answer
from server.registrations.rules.terms import Terms
from server.registrations.rules.waits import Wait
from sync_protocol.registering import State, Verb

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
Name = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]
Note = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]
EvidenceKind = Literal["visit", "quote", "contract"]


class NewRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A customer to be registered for one's company."""

    customer_id: UUID
    id: UUID | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A record of one's own about this customer, that shows work on it."""

    kind: EvidenceKind
    record_id: UUID


class Showable(msgspec.Struct, frozen=True, kw_only=True):
    """A record of one's own that shows work on a registration's customer."""

    kind: EvidenceKind
    record_id: UUID
    happened_at: datetime
    is_vouched: bool
    """Whether the server itself took the time."""
    extends: bool
    """Whether it may be shown to be protected for longer."""
    in_case: bool
    """Whether it may be brought to the registration's case."""


class Decide(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a registration."""

    verb: Verb
    evidence: Evidence | None = None
    """To extend: what shows work on the customer."""
    id: UUID | None = None
    """Of what is shown; asking twice shows it once."""


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown in a case."""

    evidence: Evidence
    id: UUID | None = None


class Appeal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a verdict should be looked at once more."""

    reason: Text


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A customer that is asked about: by any of what it is known by."""

    name: Name | None = None
    uscc: Name | None = None
    phone: Name | None = None
    city: Name | None = None
    district: Name | None = None
    address: Name | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the blind check answers, always in this shape."""

    answer: Answer
    checks_left: int
    """Of the day, for this person."""


class RegistrationView(msgspec.Struct, frozen=True, kw_only=True):
    """A registration of one's own company."""

    id: UUID
    seq: int
    customer_id: UUID
    customer_name: str
    state: State
    state_since: datetime
    registered_by: UUID
    earliest_at: datetime
    latest_at: datetime
    clock_flag: str | None
    decides_at: datetime
    protected_until: datetime | None
    days_left: int | None
    """Of its protection; null while it has none."""
    is_expiring: bool
    extensions: int
    reason: str | None
    contest_until: datetime | None
    case_id: UUID | None
    evidence_until: datetime | None
    verbs: list[Verb]
    """What the one who looks may do with it now."""


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """The protection wall in figures: how many registrations stand how."""

    protected: int
    expiring: int
    checking: int
    contested: int
    refused: int


class EvidenceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a party has shown: what kind of record and when, never what it says."""

    party: str
    kind: str
    happened_at: datetime
    is_vouched: bool
    """Whether the server itself took the time; what only a phone says is shown, and not counted."""


class PartyView(msgspec.Struct, frozen=True, kw_only=True):
    """A party to a case, as everybody concerned sees it: by a letter, not by name."""

    label: str
    """甲, 乙 ... in an order that says nothing; A, B ... in English."""
    is_you: bool
    registration_id: UUID | None
    """One's own, and the arbitrator's; null of somebody else's."""
    state: State
    earliest_ms: int
    """Of another party the beginning of the day, and the end, while evidence is brought; its clock
    and its territory are seen afterwards."""
    latest_ms: int
    clock_flag: str | None
    has_territory: bool
    has_word: bool
    has_waived: bool
    """Whether it brings no more evidence, by its own word."""
    is_protected: bool
    is_house: bool
    """Whether it is the platform itself, which everybody concerned may know."""


class WaitView(msgspec.Struct, frozen=True, kw_only=True):
    """How long a registration of one's own waited for the platform."""

    reason: Wait
    """What it waited for."""
    case_id: UUID | None
    """In which it waited for a verdict."""
    began_at: datetime
    ended_at: datetime | None
    """Null while it waits."""
    minutes: int


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A case: who stands against whom, until when, and how it was decided."""

    id: UUID
    state: str
    opened_at: datetime
    evidence_until: datetime
    decide_by: datetime
    decided_at: datetime | None
    by_arbitrator: bool
    reason: str | None
    winner: str | None
    """The label of the party for which it was decided."""
    appeal_until: datetime | None
    may_appeal: bool
    appeal_reason: str | None
    """Why it was to be looked at once more."""
    first_reason: str | None
    """What the arbitrator of the first verdict said, where there was an appeal."""
    parties: list[PartyView]
    evidence: list[EvidenceView]
    trace_zh: list[str]
    """What each rule compared and what came of it."""
    trace_en: list[str]
    rules_version: int | None
    verdict_hash: str | None
    """Of the rules, what they saw and what they said; anyone who replays gets the same."""
    replay: Retold | None
    """Once there is a verdict, what `tonglu-replay` decides again. Of what was decided before there
    were formats the hash is another one."""


class CaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """A case in the arbitrators' queue."""

    id: UUID
    state: str
    opened_at: datetime
    evidence_until: datetime
    decide_by: datetime
    parties: int
    flagged: int
    """Parties whose device's clock was moved, or proves nothing."""
    hours_left: int


class NewVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """An arbitrator's decision; without a winner the rules decide."""

    winner_id: UUID | None = None
    """The registration for which it is decided."""
    reason: Note = ""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the customer itself has named, as the arbitrator heard."""

    registration_id: UUID


class NewRules(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the published order to be tried."""

    steps: tuple[Rule, ...]
    tolerance_ms: Annotated[int, msgspec.Meta(ge=0, le=86_400_000)] = 0


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A past decision that other rules would have made otherwise."""

    verdict_id: UUID
    decided_at: datetime
    was: list[UUID]
    would_be: list[UUID]


class RulesView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the rules, and what it would change of the past."""

    version: int
    steps: tuple[Rule, ...]
    tolerance_ms: int
    hash: str
    switched_on_at: datetime | None
    replayed: int
    """Past decisions that were decided again."""
    differences: list[Difference]
    diff_hash: str
    """Of what it would change; to switch it on, say it: so that it was looked at."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The order by which everybody is decided about, as everybody may read it."""

    version: int
    steps: tuple[Rule, ...]
    tolerance_ms: int
    hash: str


class SwitchOn(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody has seen what a version would change."""

    version: int
    diff_hash: str


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What came of deciding everything again under the rules of its time."""

    replayed: int
    differing: list[UUID]
    """Verdicts whose hash is another one: somebody changed what was written."""


class NewTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Terms of registration, and since when they hold."""

    holds_from: datetime
    terms: Terms


class AgentWaits(msgspec.Struct, frozen=True, kw_only=True):
    """How long an agent's registrations waited for the platform, for one thing, all together."""

    agent_id: UUID
    reason: Wait
    registrations: int
    cases: int
    waiting: int
    """How many wait now."""
    minutes: int
    """Of all; of what waits still, until now."""


WAITS: Final = tuple(Wait)
"""What pages tell apart."""


class OpenWait(msgspec.Struct, frozen=True, kw_only=True):
    """A registration that waits for the platform now, and whose it is."""

    entry_id: UUID
    agent_id: UUID
    case_id: UUID | None
    """In which it waits for a verdict."""
    reason: Wait
    began_at: datetime
    minutes: int


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent asked for a customer that does not exist."""

    id: UUID
    agent_id: UUID
    raised_at: datetime


class Honeytoken(msgspec.Struct, frozen=True, kw_only=True):
    """A phone that belongs to nobody; who asks for it is guessing."""

    phone: Name


# ------------------------------------------------------------------------ the platform as a party


class NewHouse(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of the platform's own, to be registered as an agent would."""

    label: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
    """What the platform itself calls it; goes nowhere."""
    customer: Check
    id: UUID | None = None


class HouseView(msgspec.Struct, frozen=True, kw_only=True):
    """A registration of the platform's own."""

    id: UUID
    label: str
    registered_at: datetime
    state: State
    protected_until: datetime | None
    reason: str | None
    case_id: UUID | None


class NewContact(msgspec.Struct, frozen=True, kw_only=True):
    """With whom the platform has spoken."""

    customer: Check
    kind: Literal["call", "visit", "message"]
    note: Note = ""
    id: UUID | None = None


class Contacted(msgspec.Struct, frozen=True, kw_only=True):
    """That a contact was written down; whose customer it was is not told."""

    id: UUID
