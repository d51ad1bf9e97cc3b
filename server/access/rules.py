"""Decide who may do what. Pure: no HTTP, no database."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from server.access.sharing import Sharing
from server.kit.errors import Forbidden

PLATFORM_TENANT: Final = UUID("00000000-0000-7000-8000-000000000001")
"""The tenant id under which the platform's own staff live; it has no customers."""


class Role(StrEnum):
    """What a person is to the product."""

    PLATFORM_OPERATOR = "platform_operator"
    """Runs the channel: agents, benefit programs, aggregates."""
    PLATFORM_FINANCE = "platform_finance"
    """Keeps the platform's books: budgets, issuance records."""
    AGENT_OWNER = "agent_owner"
    """Owns an agent company: sees and may do everything inside it."""
    SALES_MANAGER = "sales_manager"
    """Leads a team of reps."""
    SALES_REP = "sales_rep"
    """Develops customers in the field."""
    ANALYST = "analyst"
    """Reads an agent's figures and none of its records: no name, phone, address or free text."""


class Scope(StrEnum):
    """Which of a tenant's customers a person sees."""

    MINE = "mine"
    """Those that the person owns."""
    TEAM = "team"
    """Those of the person's team, and those that the person owns."""
    TENANT = "tenant"
    """All of the agent's."""


class Permission(StrEnum):
    """One thing that a role may be allowed."""

    CUSTOMERS_READ = "customers.read"
    CUSTOMERS_WRITE = "customers.write"
    CUSTOMERS_ASSIGN = "customers.assign"
    CUSTOMERS_IMPORT = "customers.import"
    CUSTOMERS_EXPORT = "customers.export"
    POOLS_MANAGE = "pools.manage"
    LEADS_MANAGE = "leads.manage"
    """Intake, cleansing and routing of leads; sources, campaigns and their costs."""
    FIELDS_MANAGE = "fields.manage"
    """Custom fields: what the company adds to its records."""
    PROCESSES_MANAGE = "processes.manage"
    PRICES_MANAGE = "prices.manage"
    """Products, price books and the floors below which nobody sells alone."""
    QUOTES_APPROVE = "quotes.approve"
    CONTRACTS_APPROVE = "contracts.approve"
    """Say that a contract may be signed, and end one early."""
    USERS_MANAGE = "users.manage"
    USERS_INVITE = "users.invite"
    DEVICES_MANAGE = "devices.manage"
    VISITS_JUDGE = "visits.judge"
    TASKS_ASSIGN = "tasks.assign"
    """Give tasks to others, and say which must be done."""
    AUTOMATION_MANAGE = "automation.manage"
    """Set the rules that act by themselves, and try them on the past."""
    ANALYSES_SEE = "analyses.see"
    """Ask for figures over customers and deals, which name nobody."""
    BENEFITS_REQUEST = "benefits.request"
    BENEFITS_BATCH = "benefits.batch"
    """Request benefits for many customers at once, which the platform approves."""
    UNITS_RECALL = "units.recall"
    """See what devices hold of the company's allocations, and call it back."""
    COMMISSIONS_SEE = "commissions.see"
    """See what one's own company earns, and how its book differs from the platform's."""
    PLATFORM_READS_SEE = "platform_reads.see"
    AGENTS_ADMIT = "agents.admit"
    CHANNEL_SEE = "channel.see"
    PROGRAMS_MANAGE = "programs.manage"
    ISSUANCES_SEE = "issuances.see"
    ISSUANCES_VOID = "issuances.void"
    BATCHES_APPROVE = "batches.approve"
    COMMISSIONS_KEEP = "commissions.keep"
    """Publish plans, record sales and refunds, put payouts together and let them go."""
    BOOKS_KEEP = "books.keep"
    """Close periods of the books, set the chart, make, check and export accounting vouchers.

    Also reconcile the books with agents' files.
    """
    PLANS_SEE = "plans.see"
    """See what one's own company uses, and its invoices."""
    PLANS_KEEP = "plans.keep"
    """Publish plans of the product, change what agents have, and keep their invoices."""
    REQUESTS_ANSWER = "requests.answer"
    """Answer for the platform what agents ask help for."""
    CASES_RULE = "cases.rule"
    """Decide disputes between agents about a customer, and publish rules and terms for them."""


_REP = frozenset(
    {Permission.CUSTOMERS_READ, Permission.CUSTOMERS_WRITE, Permission.BENEFITS_REQUEST}
)
_MANAGER = _REP | {
    Permission.CUSTOMERS_ASSIGN,
    Permission.CUSTOMERS_IMPORT,
    Permission.CUSTOMERS_EXPORT,
    Permission.BENEFITS_BATCH,
    Permission.POOLS_MANAGE,
    Permission.LEADS_MANAGE,
    Permission.VISITS_JUDGE,
    Permission.TASKS_ASSIGN,
    Permission.AUTOMATION_MANAGE,
    Permission.FIELDS_MANAGE,
    Permission.PROCESSES_MANAGE,
    Permission.PRICES_MANAGE,
    Permission.QUOTES_APPROVE,
    Permission.CONTRACTS_APPROVE,
    Permission.USERS_INVITE,
    Permission.DEVICES_MANAGE,
    Permission.PLATFORM_READS_SEE,
    Permission.ANALYSES_SEE,
}
_OPERATOR = frozenset(
    {
        Permission.AGENTS_ADMIT,
        Permission.CHANNEL_SEE,
        Permission.PROGRAMS_MANAGE,
        Permission.ISSUANCES_SEE,
        Permission.ISSUANCES_VOID,
        Permission.BATCHES_APPROVE,
        Permission.REQUESTS_ANSWER,
        Permission.CASES_RULE,
        Permission.PLANS_KEEP,
    }
)

ROLE_PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.PLATFORM_OPERATOR: _OPERATOR,
    Role.PLATFORM_FINANCE: frozenset(
        {
            Permission.CHANNEL_SEE,
            Permission.ISSUANCES_SEE,
            Permission.COMMISSIONS_KEEP,
            Permission.BOOKS_KEEP,
            Permission.PLANS_KEEP,
        }
    ),
    Role.AGENT_OWNER: _MANAGER
    | {
        Permission.USERS_MANAGE,
        Permission.COMMISSIONS_SEE,
        Permission.PLANS_SEE,
        Permission.UNITS_RECALL,
    },
    Role.SALES_MANAGER: _MANAGER,
    Role.SALES_REP: _REP,
    Role.ANALYST: frozenset({Permission.ANALYSES_SEE}),
}
"""The whole of what each role may do, in one place."""

_PLATFORM_ROLES = frozenset({Role.PLATFORM_OPERATOR, Role.PLATFORM_FINANCE})


class NotPermitted(Forbidden):
    """The actor's role does not include this."""

    code = "not_permitted"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The person, and device if any, that acts. Made only at the edges.

    API token, portal cookie, job.
    """

    user_id: UUID
    tenant_id: UUID
    role: Role
    scope: Scope
    name: str = ""
    team_id: UUID | None = None
    device_id: UUID | None = None
    session_id: UUID | None = None
    masks_phones: bool = False
    """Whether phones of customers that are not the person's own are hidden from them."""
    shared: tuple[Sharing, ...] = ()
    """What other teams let the person's own one see."""

    @property
    def is_platform(self) -> bool:
        """Say whether this is one of the platform's staff."""
        return self.role in _PLATFORM_ROLES

    def ensure_platform(self) -> None:
        """Refuse everybody but the platform's staff."""
        if not self.is_platform:
            raise NotPermitted("Only the platform's staff may do this.")

    def ensure_agent(self) -> None:
        """Refuse the platform's staff: an agent's rows are not theirs."""
        if self.is_platform:
            raise NotPermitted("Only the people of an agent company may do this.")


def of_the_product(tenant_id: UUID, *, role: Role, name: str) -> Actor:
    """Make the Actor of the product itself, at work in a tenant with no person asking.

    A job, or an operator's command; it sees the whole tenant and is nobody of the company.
    """
    return Actor(user_id=UUID(int=0), tenant_id=tenant_id, role=role, scope=Scope.TENANT, name=name)


def vouched(actor: Actor) -> Actor:
    """Give the actor the rights and the sight of its company's owner.

    For one thing that a room's own rules have just allowed, such as picking a customer from a
    public pool; the history names the person all the same.
    """
    actor.ensure_agent()
    return msgspec.structs.replace(
        actor, role=Role.AGENT_OWNER, scope=Scope.TENANT, masks_phones=False, shared=()
    )


def ensure(actor: Actor, permission: Permission) -> None:
    """Refuse when the actor's role does not include the permission."""
    if permission not in ROLE_PERMISSIONS[actor.role]:
        raise NotPermitted(f"Your role may not do this ({permission}).")


def reads_records(role: Role) -> bool:
    """Say whether a role sees customers, and what belongs to them, at all."""
    return Permission.CUSTOMERS_READ in ROLE_PERMISSIONS[role]


def default_scope(role: Role) -> Scope:
    """Give the scope that a role starts with."""
    match role:
        case Role.SALES_REP:
            return Scope.MINE
        case Role.SALES_MANAGER:
            return Scope.TEAM
        case _:
            return Scope.TENANT
