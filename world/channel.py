"""Make a whole channel from a seed: the same seed, scale and day give the same bytes anywhere.

Nothing here asks the clock, the operating system or a hash for anything; what varies comes out of
the generator that is passed in, and only through whole numbers, so no machine's arithmetic shows.
"""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from world import customers, numbers, people, places
from world.model import Agent, Customer, Person, Platform, Scale, Territory, World
from world.numbers import Numbers
from world.places import City

DAY_ONE: Final = date(2026, 11, 1)
"""The day on which a world stands when no other is asked for."""

_BRANDS: Final = (
    "同行",
    "远航",
    "众诚",
    "领先",
    "汇通",
    "新锐",
    "百川",
    "启明",
    "恒信",
    "金桥",
    "四方",
    "鼎盛",
)
_SLUGS: Final = (
    "tongxing", "yuanhang", "zhongcheng", "lingxian", "huitong", "xinrui",
    "baichuan", "qiming", "hengxin", "jinqiao", "sifang", "dingsheng",
)  # fmt: skip
_ENDINGS: Final = ("科技服务有限公司", "信息技术有限公司", "商务服务有限公司")
_TIERS: Final = ("gold", "silver", "bronze")
_DAYS_IN_A_MONTH: Final = 30


class _Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What all agents of a world have in common."""

    scale: Scale
    platform: Platform
    since: date
    today: date


def make(rng: random.Random, scale: Scale, *, today: date = DAY_ONE, seed_name: str = "") -> World:
    """Make a world. `seed_name` is only written down, for who wants to make it again."""
    since = today - timedelta(days=_DAYS_IN_A_MONTH * scale.months)
    series = numbers.start(rng)
    platform = Platform(
        name="同路平台",
        staff=people.platform_staff(rng, series, since),
        programs=people.programs(rng, since),
    )
    frame = _Frame(scale=scale, platform=platform, since=since, today=today)
    known: list[Customer] = []
    agents = []
    for place, city in enumerate(_cities(rng, scale.agents)):
        agent = _agent(rng, series, frame, place=place, city=city, known=known)
        known.extend(agent.customers)
        agents.append(agent)
    return World(
        seed_name=seed_name, today=today, scale=scale, platform=platform, agents=tuple(agents)
    )


def from_seed(seed: int, scale: Scale | None = None, *, today: date = DAY_ONE) -> World:
    """Make the world of a seed."""
    return make(random.Random(seed), scale or Scale(), today=today, seed_name=str(seed))


def _cities(rng: random.Random, count: int) -> list[City]:
    """Give each agent a city; a large channel has several agents in one city."""
    cities: list[City] = []
    while len(cities) < count:
        cities.extend(rng.sample(places.CITIES, min(count - len(cities), len(places.CITIES))))
    return cities


def _agent(
    rng: random.Random,
    series: Numbers,
    frame: _Frame,
    *,
    place: int,
    city: City,
    known: Sequence[Customer],
) -> Agent:
    """Make an agent company with its people and customers."""
    brand = _BRANDS[place % len(_BRANDS)]
    lap = place // len(_BRANDS)
    slug = _SLUGS[place % len(_SLUGS)] + (str(lap + 1) if lap else "")
    since, today, scale = frame.since, frame.today, frame.scale
    tenant_id = people.new_id(rng, since)
    teams = people.teams(rng, scale, tenant_id, since)
    staff = people.agent_people(
        rng, series, scale, tenant_id=tenant_id, slug=slug, teams=teams, since=since
    )
    tags = people.tags(rng, scale, staff[0].id, since=since, today=today)
    territories = _territories(rng, city)
    ground = customers.Ground(
        city=city,
        districts=tuple(territory.district for territory in territories),
        reps=_reps(staff),
        tags=tags,
        programs=frame.platform.programs,
        since=since,
        today=today,
        scale=scale,
    )
    return Agent(
        tenant_id=tenant_id,
        name=f"{city.short_name}{brand}{rng.choice(_ENDINGS)}",
        short_name=f"{city.short_name}{brand}",
        slug=slug,
        city=city.name,
        tier=rng.choice(_TIERS),
        joined_on=since,
        territories=territories,
        teams=teams,
        people=staff,
        tags=tags,
        customers=customers.grow(rng, series, ground, known),
    )


def _reps(staff: tuple[Person, ...]) -> tuple[Person, ...]:
    """Give those who have customers of their own."""
    return tuple(person for person in staff if person.role == "sales_rep")


def _territories(rng: random.Random, city: City) -> tuple[Territory, ...]:
    """Give an agent most districts of its city, the first always, some of them exclusively."""
    others = rng.sample(city.districts[1:], max(1, len(city.districts) - 2))
    chosen = [
        district
        for district in city.districts
        if district in others or district == city.districts[0]
    ]
    return tuple(
        Territory(city=city.name, district=district, is_exclusive=rng.randrange(3) > 0)
        for district in chosen
    )
