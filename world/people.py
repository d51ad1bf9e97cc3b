"""Lay out a platform's staff and an agent's people, teams and tags."""

import random
from datetime import date, datetime, time, timedelta, timezone
from typing import Final
from uuid import UUID

import msgspec

from server.kit import ids
from server.partners.rules import agents as partners
from world import names
from world.model import Agent, Person, Platform, Program, RoleName, Scale, ScopeName, Tag, Team
from world.numbers import Numbers

CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The one time zone of China; it has had no summer time since 1991."""

_TEAM_NAMES: Final = ("一组", "二组", "三组", "四组", "五组", "六组")
_TAGS: Final = (
    ("续约在即", "amber", "现有合同六十天内到期，需要上门谈续约"),
    ("老板亲自管", "blue", "只有老板能拍板，联系其他人没有用"),
    ("友商在谈", "red", "友商业务员近一个月上门报过价"),
    ("旺季备货", "green", "每年旺季前一个月会加大采购"),
    ("价格敏感", "violet", "多次因为价格没有成交，先谈权益再谈价"),
    ("已装系统", "teal", "门店已经装好收银系统，可以直接开通"),
    ("可做样板", "cyan", "愿意接待同行参观，可以写成案例"),
    ("慎重跟进", "grey", "投诉过，联系之前先看历史记录"),
)
_PROGRAMS: Final = (
    ("开业扶持金", 50_000, 20_000_000),
    ("旺季流量券", 20_000, 12_000_000),
)


def instant(day: date, hour: int = 9, minute: int = 0) -> datetime:
    """Give a moment of a day in China."""
    return datetime.combine(day, time(hour, minute), CHINA)


def new_id(rng: random.Random, day: date) -> UUID:
    """Make an id that was born on the day."""
    return ids.from_random(instant(day), rng)


def person(
    rng: random.Random,
    numbers: Numbers,
    *,
    login: str,
    role: RoleName,
    scope: ScopeName,
    joined_on: date,
    team_id: UUID | None = None,
) -> Person:
    """Make somebody who signs in."""
    return Person(
        id=new_id(rng, joined_on),
        name=names.person(rng),
        login=login,
        role=role,
        scope=scope,
        phone=numbers.phone(),
        team_id=team_id,
        joined_on=joined_on,
    )


def analyst_of(agent: Agent) -> Person:
    """Give whoever reads an agent's figures and no record; drawn apart from everybody else.

    The truth does not tell of them, because nothing is theirs, not even a phone.
    """
    rng = random.Random(f"analyst of {agent.tenant_id}")
    return Person(
        id=new_id(rng, agent.joined_on),
        name=names.person(rng),
        login=f"analyst@{agent.slug}",
        role="analyst",
        scope="tenant",
        phone="",
        joined_on=agent.joined_on,
    )


def checker_of(platform: Platform) -> Person:
    """Give finance's second person, who lets go what the first one made; drawn apart."""
    first = platform.staff[-1]
    rng = random.Random(f"checker of {first.id}")
    return Person(
        id=new_id(rng, first.joined_on),
        name=names.person(rng),
        login="checker@tonglu",
        role="platform_finance",
        scope="tenant",
        phone="",
        joined_on=first.joined_on,
    )


def platform_staff(rng: random.Random, numbers: Numbers, since: date) -> tuple[Person, ...]:
    """Make the platform's operator and its finance officer."""
    return (
        person(
            rng, numbers, login="operator@tonglu", role="platform_operator", scope="tenant",
            joined_on=since,
        ),
        person(
            rng, numbers, login="finance@tonglu", role="platform_finance", scope="tenant",
            joined_on=since,
        ),
    )  # fmt: skip


def programs(rng: random.Random, since: date) -> tuple[Program, ...]:
    """Make the platform's benefit programs."""
    return tuple(
        Program(id=new_id(rng, since), name=name, amount_minor=amount, budget_minor=budget)
        for name, amount, budget in _PROGRAMS
    )


def teams(rng: random.Random, scale: Scale, tenant_id: UUID, since: date) -> tuple[Team, ...]:
    """Make an agent's teams; the first has the id that the product gives it at admission."""
    first, *others = _TEAM_NAMES[: scale.teams_per_agent]
    return (
        Team(id=partners.team_id(tenant_id), name=first),
        *(Team(id=new_id(rng, since), name=name) for name in others),
    )


def agent_people(
    rng: random.Random,
    numbers: Numbers,
    scale: Scale,
    *,
    tenant_id: UUID,
    slug: str,
    teams: tuple[Team, ...],
    since: date,
) -> tuple[Person, ...]:
    """Make an agent's owner, then each team's manager and reps; two reps see all of the team.

    No two people of a company have the same name: its spreadsheets name them.
    """
    made = [_owner(rng, numbers, tenant_id, login=f"owner@{slug}", team=teams[0], since=since)]
    rep_number = 0
    for team_number, team in enumerate(teams, start=1):
        made.append(
            person(
                rng, numbers, login=f"manager{team_number}@{slug}", role="sales_manager",
                scope="team", joined_on=since, team_id=team.id,
            )
        )  # fmt: skip
        for place in range(scale.reps_per_team):
            rep_number += 1
            made.append(
                person(
                    rng, numbers, login=f"rep{rep_number}@{slug}", role="sales_rep",
                    scope="team" if place < 2 else "mine",  # noqa: PLR2004 - two share the team's work
                    joined_on=since + timedelta(days=rng.randrange(0, 200)), team_id=team.id,
                )
            )  # fmt: skip
    return _named_apart(rng, made)


def _named_apart(rng: random.Random, people: list[Person]) -> tuple[Person, ...]:
    """Give another name to whoever has an earlier one's."""
    taken: set[str] = set()
    apart = []
    for one in people:
        name = one.name
        while name in taken:
            name = names.person(rng)
        taken.add(name)
        apart.append(msgspec.structs.replace(one, name=name))
    return tuple(apart)


def _owner(
    rng: random.Random, numbers: Numbers, tenant_id: UUID, *, login: str, team: Team, since: date
) -> Person:
    """Make an agent's owner, with the id and the team that the product gives at admission."""
    made = person(
        rng, numbers, login=login, role="agent_owner", scope="tenant", joined_on=since,
        team_id=team.id,
    )  # fmt: skip
    return msgspec.structs.replace(made, id=partners.owner_id(tenant_id))


def tags(
    rng: random.Random, scale: Scale, owner_id: UUID, *, since: date, today: date
) -> tuple[Tag, ...]:
    """Make an agent's tags, each with its meaning and the day until which it is believed."""
    return tuple(
        Tag(
            id=new_id(rng, since),
            name=name,
            colour=colour,
            meaning=meaning,
            owner_id=owner_id,
            expires_on=today + timedelta(days=rng.randrange(30, 365)),
        )
        for name, colour, meaning in _TAGS[: scale.tags_per_agent]
    )
