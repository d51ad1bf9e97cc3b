"""Make people and companies for tests, by calling the services: data that the product can make."""

import random
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from server.access import PLATFORM_TENANT, Actor, Role, Scope, default_scope
from server.identity import service as identity
from server.identity.schemas import Acceptance, NewUser
from server.kit import clock, ids
from server.tenants import service as tenants

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""A Monday morning in Shanghai, when most stories begin."""

_randomness = random.SystemRandom()


def new_id() -> UUID:
    """Give an id as a device would make it."""
    return ids.from_random(NOW, _randomness)


class Tenant(msgspec.Struct, frozen=True):
    """An agent company with one team, and its people as actors."""

    tenant_id: UUID
    name: str
    team_id: UUID
    owner: Actor
    manager: Actor
    rep: Actor

    def actor(
        self, role: Role, *, team_id: UUID | None = None, scope: Scope | None = None
    ) -> Actor:
        """Give one more person of this company; the person has no login."""
        return make_actor(self.tenant_id, role, team_id=team_id or self.team_id, scope=scope)


def make_actor(
    tenant_id: UUID, role: Role, *, team_id: UUID | None = None, scope: Scope | None = None
) -> Actor:
    """Give a person who acts, as an edge would make it after signing in."""
    return Actor(
        user_id=new_id(),
        tenant_id=tenant_id,
        role=role,
        scope=scope or default_scope(role),
        name=f"{role} of the tests",
        team_id=team_id,
    )


def make_platform_actor(role: Role = Role.PLATFORM_OPERATOR) -> Actor:
    """Give one of the platform's staff."""
    return make_actor(PLATFORM_TENANT, role)


async def make_tenant(name: str = "", *, city: str = "杭州") -> Tenant:
    """Provision an agent company with a team and three people, who have no passwords yet."""
    tenant_id, team_id = new_id(), new_id()
    name = name or f"代理商 {tenant_id.hex[-6:]}"
    owner, manager, rep = (
        make_actor(tenant_id, role, team_id=team_id)
        for role in (Role.AGENT_OWNER, Role.SALES_MANAGER, Role.SALES_REP)
    )
    await tenants.provision(tenant_id, name=name, short_name=name[:8], city=city, now=NOW)
    first = new_user(owner, team_id=team_id)
    await identity.found_company(tenant_id, team_id, first, team_name="一队", now=NOW)
    for person in (manager, rep):
        await identity.invite(owner, new_user(person, team_id=team_id), now=NOW)
    return Tenant(tenant_id, name, team_id, owner, manager, rep)


async def join(inviter: Actor, person: Actor, password: str) -> None:
    """Let a person set the password that an invitation asks for.

    :param inviter: an owner of the company, or of the platform's staff for the first owner.
    """
    now = clock.now()
    if inviter.is_platform:
        made = await identity.invite_first_owner(inviter, person.tenant_id, person.user_id, now=now)
    else:
        made = await identity.new_invitation(inviter, person.user_id, now=now)
    accepted = Acceptance(code=made.code, password=password, login=login_of(person))
    await identity.accept_invitation(accepted, address=person.user_id.hex, now=now)


def new_user(actor: Actor, *, team_id: UUID | None) -> NewUser:
    """Write down the person of a company that an actor is."""
    return NewUser(
        id=actor.user_id,
        login=login_of(actor),
        name=actor.name,
        role=actor.role,
        team_id=team_id,
        scope=actor.scope,
    )


def login_of(actor: Actor) -> str:
    """Give the login name of somebody whom a factory has made."""
    return f"{actor.role}.{actor.user_id.hex[-12:]}"


async def make_staff(role: Role = Role.PLATFORM_OPERATOR) -> Actor:
    """Add one of the platform's staff, as the operator's shell does."""
    staff = make_platform_actor(role)
    await identity.add_staff(new_user(staff, team_id=None), now=NOW)
    return staff
