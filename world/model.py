"""What a world consists of: a platform, agents, people, customers; and the truth about them.

Everything is frozen, and every id is made from the seed. Field names are the product's
(docs/glossary.md). Money is whole fen, places are millionths of a degree.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

RoleName = Literal[
    "platform_operator", "platform_finance", "agent_owner", "sales_manager", "sales_rep", "analyst"
]
ScopeName = Literal["mine", "team", "tenant"]


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How large a world is."""

    agents: int = 3
    teams_per_agent: int = 2
    reps_per_team: int = 3
    customers_per_agent: int = 120
    tags_per_agent: int = 6
    months: int = 18
    """How far back the first customer was met."""
    visits_per_customer: int = 4
    """On average; a dormant customer has had fewer."""
    shared_percent: int = 4
    """How many of an agent's customers another agent knows as well."""


class Territory(msgspec.Struct, frozen=True, kw_only=True):
    """A district in which an agent may develop customers."""

    city: str
    district: str
    is_exclusive: bool


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in."""

    id: UUID
    name: str
    login: str
    role: RoleName
    scope: ScopeName
    phone: str
    team_id: UUID | None = None
    joined_on: date


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """The reps of one agent who work together."""

    id: UUID
    name: str


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """A tag with its meaning: what it says of a customer, and until when it is believed."""

    id: UUID
    name: str
    colour: str
    meaning: str
    owner_id: UUID
    expires_on: date


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a customer does business."""

    id: UUID
    name: str
    address: str
    city: str
    district: str
    lat: int
    lng: int
    phone: str


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A person to talk with at a customer."""

    id: UUID
    store_id: UUID | None
    name: str
    title: str
    phone: str
    email: str | None
    wechat: str | None


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A rep's visit or call, and the note that was written of it."""

    id: UUID
    author_id: UUID
    kind: Literal["visit", "call", "message"]
    written_at: datetime
    body: str


class DealOutcome(StrEnum):
    """How a deal stands."""

    OPEN = "open"
    """Still worked on."""
    WON = "won"
    """Signed."""
    LOST = "lost"
    """Given up, or gone to a rival."""


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be sold to a customer."""

    id: UUID
    title: str
    amount_minor: int
    opened_on: date
    closed_on: date | None
    outcome: DealOutcome


class BenefitRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit that an agent asks of the platform for a customer."""

    id: UUID
    program_id: UUID
    requested_by: UUID
    requested_on: date


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A company that an agent develops."""

    id: UUID
    name: str
    uscc: str
    phone: str
    city: str
    district: str
    address: str
    industry: str
    status: str
    level: str
    source: str
    owner_id: UUID
    team_id: UUID
    expected_revenue_minor: int
    remark: str
    met_on: date
    tags: tuple[UUID, ...]
    stores: tuple[Store, ...]
    contacts: tuple[Contact, ...]
    visits: tuple[Visit, ...]
    deals: tuple[Deal, ...]
    benefits: tuple[BenefitRequest, ...]


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent company: a tenant."""

    tenant_id: UUID
    name: str
    short_name: str
    slug: str
    """The part of its people's logins after the @."""
    city: str
    tier: str
    joined_on: date
    territories: tuple[Territory, ...]
    teams: tuple[Team, ...]
    people: tuple[Person, ...]
    """The owner first, then the manager and the reps of each team."""
    tags: tuple[Tag, ...]
    customers: tuple[Customer, ...]

    @property
    def owner(self) -> Person:
        """Give the agent's owner."""
        return self.people[0]

    def doubles(self) -> tuple[Customer, ...]:
        """Give what reps enter again by mistake: of each team's customers the first but two."""
        held = [[one for one in self.customers if one.team_id == team.id] for team in self.teams]
        return tuple(
            msgspec.structs.replace(
                one,
                name=f"{one.name}（新店）",
                status="potential",
                tags=(),
                stores=(),
                contacts=(),
                visits=(),
                deals=(),
                benefits=(),
            )
            for one in (theirs[2] for theirs in held if theirs[2:])
        )

    def reps(self) -> tuple[Person, ...]:
        """Give the sales reps, team by team."""
        return tuple(person for person in self.people if person.role == "sales_rep")

    def managers(self) -> tuple[Person, ...]:
        """Give the sales managers, team by team."""
        return tuple(person for person in self.people if person.role == "sales_manager")


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A benefit program of the platform, with its budget."""

    id: UUID
    name: str
    amount_minor: int
    """What one benefit is worth; a customer gets one."""
    budget_minor: int


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The company that gives its agents the CRM."""

    name: str
    staff: tuple[Person, ...]
    programs: tuple[Program, ...]


class Dormant(msgspec.Struct, frozen=True, kw_only=True):
    """A customer that fell asleep, and perhaps woke."""

    customer_id: UUID
    since: date
    returns_on: date | None
    """When the customer signs in to the platform again, if ever."""


class SharedEntity(msgspec.Struct, frozen=True, kw_only=True):
    """One company that several agents know."""

    uscc: str
    customer_ids: tuple[UUID, ...]


class Defection(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that a rival wins over."""

    tenant_id: UUID
    on: date
    cause: Literal["rival_commission", "late_payout", "lost_arbitration"]


class Fabrication(msgspec.Struct, frozen=True, kw_only=True):
    """A rep who writes visits that never took place."""

    user_id: UUID
    visit_ids: tuple[UUID, ...]


class BenefitRing(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one agent that end at one hidden phone."""

    tenant_id: UUID
    phone: str
    benefit_ids: tuple[UUID, ...]


class AgentTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What the product should count for an agent when all was entered."""

    tenant_id: UUID
    customers: int
    """With the doubles."""
    doubles: int
    by_status: dict[str, int]
    by_city: dict[str, int]
    by_industry: dict[str, int]
    contacts: int
    visits: int
    won_minor: int
    benefits_minor: int


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What is so, whether or not the product can see it."""

    agents: tuple[AgentTruth, ...]
    unique_end_customers: int
    agent_relations: int
    shared: tuple[SharedEntity, ...]
    dormant: tuple[Dormant, ...]
    defections: tuple[Defection, ...]
    fabrications: tuple[Fabrication, ...]
    benefit_rings: tuple[BenefitRing, ...]


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A whole channel on one day."""

    seed_name: str
    today: date
    scale: Scale
    platform: Platform
    agents: tuple[Agent, ...]
