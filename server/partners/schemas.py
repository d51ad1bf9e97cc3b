"""What partners take and give."""

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from server.identity.schemas import Login
from server.kit import divisions
from server.kit.text import PRINTABLE, Str
from server.partners.rules.agents import Tier
from server.partners.rules.exits import OVER, ExitState
from server.partners.rules.sharing import Shared

FIELDS: Final = tuple(Shared)
"""All that a sharing contract may name, in the order in which it is shown."""
DivisionCode = Annotated[str, msgspec.Meta(pattern=divisions.CODE)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=PRINTABLE)]
StepCode = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]


class NewOwner(msgspec.Struct, frozen=True):
    """The first person of a new agent company, who sets login name and password alone.

    A login name may be proposed; the platform never knows the password.
    """

    name: Name
    login: Login | None = None


class NewAgent(msgspec.Struct, frozen=True):
    """An agent company to be admitted; the same id and content may come again."""

    name: Name
    city: Str
    owner: NewOwner
    id: UUID | None = None
    short_name: Str | None = None
    tier: Tier = Tier.BRONZE
    team_name: Name = "一组"


class AgentView(msgspec.Struct, frozen=True):
    """An agent company as the platform sees it."""

    tenant_id: UUID
    name: str
    short_name: str
    city: str
    tier: Tier
    joined_at: datetime


class NewTerritory(msgspec.Struct, frozen=True, kw_only=True):
    """A place where an agent may work, with all that lies in it."""

    agent_id: UUID
    division: DivisionCode
    is_exclusive: bool = False
    valid_from: date
    valid_until: date | None = None
    """The last day; open without."""
    id: UUID | None = None


class TerritoryEnd(msgspec.Struct, frozen=True, kw_only=True):
    """When a territory ends."""

    valid_until: date
    """The last day, today at the earliest."""


class TerritoryView(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent may work, as everybody may read it."""

    id: UUID
    agent_id: UUID
    division: str
    place: str
    """The division with all that it lies in, as an address begins."""
    is_exclusive: bool
    valid_from: date
    valid_until: date | None


class HolderView(msgspec.Struct, frozen=True, kw_only=True):
    """Who may work in a place on a day, and the one to whom what lies there goes."""

    division: str
    place: str
    on: date
    holder_id: UUID | None
    """The agent that has it alone, or that alone shares it; None where the platform decides."""
    territories: list[TerritoryView]


# ------------------------------------------------------------------- what both sides have agreed


class NewTier(msgspec.Struct, frozen=True, kw_only=True):
    """A tier that an agent has from today on."""

    tier: Tier
    reason: Str = ""
    id: UUID | None = None


class TierView(msgspec.Struct, frozen=True, kw_only=True):
    """A tier that an agent has had since a day."""

    tier: Tier
    since: date
    reason: str


class NewAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement as it was signed; the same number again is its next version."""

    number: Key
    title: Name
    signed_on: date
    valid_from: date
    valid_until: date | None = None
    id: UUID | None = None


class AgreementView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an agreement."""

    id: UUID
    number: str
    version: int
    title: str
    signed_on: date
    valid_from: date
    valid_until: date | None
    recorded_at: datetime


class NewStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that every agent's on-boarding has from now on."""

    code: StepCode
    label_zh: Name
    label_en: Name


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say about a step that is done."""

    note: Str = ""


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step of an agent's on-boarding, and who says since when that it is done."""

    code: str
    label_zh: str
    label_en: str
    ticked_at: datetime | None
    ticked_by_name: str | None
    note: str | None


class NewContract(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the sharing contract that is offered to an agent."""

    version: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    """The one after the last, which was looked at."""
    fields: list[Shared]
    """What the platform is to see; all else is not released to it."""


class ContractView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the sharing contract."""

    version: int
    fields: list[Shared]
    offered_at: datetime
    accepted_at: datetime | None


class NewExit(msgspec.Struct, frozen=True, kw_only=True):
    """That an agent leaves the channel."""

    id: UUID
    reason: Str
    last_day: date
    frozen_on: date | None = None
    """From when it begins nothing new; at once without."""
    successor_ids: Annotated[list[UUID], msgspec.Meta(max_length=20)] = []
    """The agents to which its customers may be handed, where those say so."""


class Successor(msgspec.Struct, frozen=True):
    """An agent to which customers of one that leaves may be handed."""

    agent_id: UUID
    name: str


class ExitView(msgspec.Struct, frozen=True, kw_only=True):
    """That an agent leaves, as both sides read it."""

    id: UUID
    agent_id: UUID
    reason: str
    last_day: date
    frozen_from: datetime
    state: ExitState
    successors: list[Successor]
    opened_at: datetime
    ended_at: datetime | None

    @property
    def holds(self) -> bool:
        """Say whether the company leaves, or has left."""
        return self.state not in OVER


class Partnership(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform and an agent have agreed; both sides read the very same."""

    agent_id: UUID
    tiers: list[TierView]
    """The one that holds first."""
    agreements: list[AgreementView]
    territories: list[TerritoryView]
    steps: list[StepView]
    contracts: list[ContractView]
    """The last on offer first."""
    contract_version: int
    """The one that holds; 0 is what was agreed by joining."""
    shared: list[Shared]
    """What the platform sees by it."""
    exit: ExitView | None = None
    """That it leaves, or was to leave."""

    @property
    def missing(self) -> list[StepView]:
        """Give the steps that are to be done still."""
        return [step for step in self.steps if step.ticked_at is None]

    @property
    def offer(self) -> ContractView | None:
        """Give the contract that waits for the owner, if one does."""
        last = self.contracts[0] if self.contracts else None
        return last if last is not None and last.accepted_at is None else None
