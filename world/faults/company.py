"""A company for one trial: its people, its phones and the benefit that they may ask for."""

import contextlib
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import msgspec

from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.benefits import service as benefits
from server.benefits.schemas import NewFunding, NewProgram
from server.identity import keys
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.kit import clock, db, ids
from server.settings import Settings
from server.tenants import service as tenants

AMOUNT_MINOR = 1_000
_FUNDED = 100_000
_A_CUSTOMER = 100


class Company(msgspec.Struct, frozen=True):
    """A company, and one enrolment code for each of its phones; the first is the owner's."""

    tenant_id: UUID
    team_id: UUID
    other_team_id: UUID
    """A team whose customers the reps do not see."""
    program_id: UUID
    operator: Actor
    codes: list[str]


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[None]:
    """Open the database beside the server for this block."""
    await db.open_database(settings)
    try:
        yield
    finally:
        await db.close_database()


async def found(settings: Settings, rng: random.Random, *, reps: int) -> Company:
    """Found a company with an owner and reps who see what their team sees."""
    keys.open_keys(settings)
    now = clock.now()
    tenant_id, team_id, program_id, other_id = (ids.from_random(now, rng) for _ in range(4))
    name = f"断电 {tenant_id.hex[-6:]}"
    people = [_person(Role.AGENT_OWNER, Scope.TENANT, tenant_id, team_id, rng)]
    people += [_person(Role.SALES_REP, Scope.TEAM, tenant_id, team_id, rng) for _ in range(reps)]
    owner, operator = people[0], _operator(rng)
    async with opened(settings):
        await tenants.provision(tenant_id, name=name, short_name=name[:8], city="苏州", now=now)
        await identity.found_company(tenant_id, team_id, _user(owner), team_name="一队", now=now)
        await tenants.add_team(tenant_id, other_id, name="二队", now=now)
        for rep in people[1:]:
            await identity.invite(owner, _user(rep), now=now)
        program = NewProgram(
            id=program_id,
            name="断电也只发一次",
            amount_minor=AMOUNT_MINOR,
            limit_per_customer=_A_CUSTOMER,
            opens_at=now - timedelta(days=1),
        )
        await benefits.create_program(operator, program, token_key=rng.randbytes(32), now=now)
        funding = NewFunding(id=ids.from_random(now, rng), amount_minor=AMOUNT_MINOR * _FUNDED)
        await benefits.fund(operator, program_id, funding, now=now)
        codes = [
            (await identity.new_enrolment_code(owner, user_id=person.user_id, now=now)).code
            for person in people
        ]
    return Company(tenant_id, team_id, other_id, program_id, operator, codes)


def _person(
    role: Role, scope: Scope, tenant_id: UUID, team_id: UUID | None, rng: random.Random
) -> Actor:
    """Make somebody up."""
    return Actor(
        user_id=ids.from_random(clock.now(), rng),
        tenant_id=tenant_id,
        role=role,
        scope=scope,
        name=f"{role} {rng.randrange(1_000_000)}",
        team_id=team_id,
    )


def _operator(rng: random.Random) -> Actor:
    return _person(Role.PLATFORM_OPERATOR, Scope.TENANT, PLATFORM_TENANT, None, rng)


def _user(person: Actor) -> NewUser:
    return NewUser(
        id=person.user_id,
        login=f"u{person.user_id.hex[-16:]}",
        name=person.name,
        role=person.role,
        team_id=person.team_id,
        scope=person.scope,
    )
