"""Grow an agent's customers: companies with stores, contacts, visits, deals and benefits."""

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from world import names, people
from world.model import (
    BenefitRequest,
    Contact,
    Customer,
    Deal,
    DealOutcome,
    Person,
    Program,
    Scale,
    Store,
    Tag,
    Visit,
)
from world.names import Industry
from world.numbers import Numbers
from world.places import City

_STATUSES: Final = ("potential", "need", "intent", "signed", "dormant", "lost")
_STATUS_WEIGHTS: Final = (32, 22, 16, 15, 9, 6)
_LEVELS: Final = ("A", "B", "C", "D")
_LEVEL_WEIGHTS: Final = (10, 25, 40, 25)
_SOURCES: Final = ("扫街拜访", "老客户介绍", "平台下发", "展会", "线上留资", "电话营销", "门店到访")
_TITLES: Final = ("老板", "老板娘", "店长", "采购", "经理", "财务", "负责人")
_REMARKS: Final = (
    "", "", "", "周一休息，别去", "下午两点以后老板才在", "店面在装修",
    "先加微信再上门", "只用公对公转账", "合伙人两位，都要沟通", "隔壁就是老客户，可以一起拜访",
)  # fmt: skip
_VISIT_BODIES: Final = (
    "见到{who}，介绍了{program}，对方说{when}再答复。",
    "{who}不在，店员收了资料，约{when}再来。",
    "{who}问得很细，主要关心到账时间和手续费。",
    "和{who}核对了门店信息，电话和地址都没有变。",
    "友商上周来过，{who}说他们报价更低，但没有权益。",
    "{who}同意先试一个门店，{when}来装。",
    "电话没人接，改发微信，{who}回复{when}方便。",
    "续约谈了一半，{who}希望{program}能多给一点。",
)
_WHEN: Final = ("下周一", "下周三", "月底", "这个周末", "旺季前", "发工资后", "明天下午")
_DEAL_TITLES: Final = ("首年服务开通", "多门店扩容", "年度续约", "旺季营销包", "会员系统")
_KINDS: Final[tuple[Literal["visit", "call", "message"], ...]] = (
    "visit",
    "visit",
    "call",
    "message",
)
_SCATTER: Final = 60_000
"""Stores stand within six hundredths of a degree of the centre: about six kilometres."""
_DORMANT_DAYS: Final = 365


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent's customers grow on."""

    city: City
    districts: tuple[str, ...]
    reps: tuple[Person, ...]
    tags: tuple[Tag, ...]
    programs: tuple[Program, ...]
    since: date
    today: date
    scale: Scale


def grow(
    rng: random.Random, numbers: Numbers, ground: Ground, known: Sequence[Customer]
) -> tuple[Customer, ...]:
    """Grow an agent's customers; some of them are companies that another agent knows already."""
    shared_count = ground.scale.customers_per_agent * ground.scale.shared_percent // 100
    shared = rng.sample(list(known), min(shared_count, len(known)))
    taken = {customer.name for customer in known}
    grown = [_customer(rng, numbers, ground, _met_again(rng, ground, other)) for other in shared]
    while len(grown) < ground.scale.customers_per_agent:
        identity = _fresh(rng, numbers, ground)
        if identity.name in taken:
            continue
        taken.add(identity.name)
        grown.append(_customer(rng, numbers, ground, identity))
    rng.shuffle(grown)
    return tuple(grown)


class _Identity(msgspec.Struct, frozen=True):
    """Which company it is, and where."""

    name: str
    uscc: str
    city: str
    district: str
    address: str
    industry: Industry


def _fresh(rng: random.Random, numbers: Numbers, ground: Ground) -> _Identity:
    """Make a company that nobody knows yet."""
    district = rng.choice(ground.districts)
    industry = rng.choice(names.INDUSTRIES)
    return _Identity(
        name=names.company(rng, ground.city, district, industry),
        uscc=numbers.uscc(ground.city.code),
        city=ground.city.name,
        district=district,
        address=names.address(rng, district),
        industry=industry,
    )


def _met_again(rng: random.Random, ground: Ground, other: Customer) -> _Identity:
    """Take the identity of a company that another agent serves; it has opened a shop here."""
    district = rng.choice(ground.districts)
    industry = next(line for line in names.INDUSTRIES if line.name == other.industry)
    return _Identity(
        name=other.name,
        uscc=other.uscc,
        city=ground.city.name,
        district=district,
        address=names.address(rng, district),
        industry=industry,
    )


def _customer(
    rng: random.Random, numbers: Numbers, ground: Ground, identity: _Identity
) -> Customer:
    """Give a company its history with the agent."""
    status = rng.choices(_STATUSES, _STATUS_WEIGHTS)[0]
    oldest = (ground.today - ground.since).days
    youngest = _DORMANT_DAYS + 30 if status == "dormant" else 3
    met_on = ground.today - timedelta(days=rng.randrange(min(youngest, oldest - 1), oldest))
    rep = rng.choice(ground.reps)
    assert rep.team_id is not None, "a rep works in a team"
    deals = _deals(rng, ground, identity.industry, status, met_on)
    stores = _stores(rng, numbers, ground, identity, met_on)
    contacts = _contacts(rng, numbers, stores, met_on)
    return Customer(
        id=people.new_id(rng, met_on),
        name=identity.name,
        uscc=identity.uscc,
        phone=numbers.phone(),
        city=identity.city,
        district=identity.district,
        address=identity.address,
        industry=identity.industry.name,
        status=status,
        level=rng.choices(_LEVELS, _LEVEL_WEIGHTS)[0],
        source=rng.choice(_SOURCES),
        owner_id=rep.id,
        team_id=rep.team_id,
        expected_revenue_minor=sum(
            deal.amount_minor for deal in deals if deal.outcome is DealOutcome.OPEN
        ),
        remark=rng.choice(_REMARKS),
        met_on=met_on,
        tags=tuple(tag.id for tag in rng.sample(ground.tags, rng.randrange(0, 3))),
        stores=stores,
        contacts=contacts,
        visits=_visits(rng, ground, status, met_on, rep, contacts),
        deals=deals,
        benefits=_benefits(rng, ground, deals, rep),
    )


def _stores(
    rng: random.Random, numbers: Numbers, ground: Ground, identity: _Identity, met_on: date
) -> tuple[Store, ...]:
    """Open one to three stores; most companies have one."""
    count = rng.choices((1, 2, 3), (80, 15, 5))[0]
    streets = [identity.address] + [names.address(rng, identity.district) for _ in range(count - 1)]
    return tuple(
        Store(
            id=people.new_id(rng, met_on),
            name="总店" if number == 0 else f"{number + 1}号店",
            address=street,
            city=identity.city,
            district=identity.district,
            lat=ground.city.lat + rng.randrange(-_SCATTER, _SCATTER + 1),
            lng=ground.city.lng + rng.randrange(-_SCATTER, _SCATTER + 1),
            phone=numbers.phone(),
        )
        for number, street in enumerate(streets)
    )


def _contacts(
    rng: random.Random, numbers: Numbers, stores: tuple[Store, ...], met_on: date
) -> tuple[Contact, ...]:
    """Name one or two people to talk with."""
    count = rng.choices((1, 2), (70, 30))[0]
    return tuple(
        Contact(
            id=people.new_id(rng, met_on),
            store_id=rng.choice((None, rng.choice(stores).id)),
            name=names.person(rng),
            title=rng.choice(_TITLES),
            phone=numbers.phone(),
            email=names.email(rng, rng.randrange(1, 100_000)) if rng.randrange(4) == 0 else None,
            wechat=f"wx_{rng.randrange(10**8):08d}" if rng.randrange(2) == 0 else None,
        )
        for _ in range(count)
    )


def _visits(
    rng: random.Random,
    ground: Ground,
    status: str,
    met_on: date,
    rep: Person,
    contacts: tuple[Contact, ...],
) -> tuple[Visit, ...]:
    """Write the notes of the visits, oldest first; a dormant customer was not seen for a year."""
    last = ground.today - timedelta(days=_DORMANT_DAYS if status == "dormant" else 0)
    days = max((last - met_on).days, 1)
    count = rng.randrange(1, 2 * ground.scale.visits_per_customer)
    moments = sorted(
        people.instant(met_on + timedelta(days=rng.randrange(days)), rng.randrange(9, 18), minute)
        for minute in (rng.randrange(60) for _ in range(count))
    )
    return tuple(_visit(rng, ground, moment, rep, contacts) for moment in moments)


def _visit(
    rng: random.Random,
    ground: Ground,
    moment: datetime,
    rep: Person,
    contacts: tuple[Contact, ...],
) -> Visit:
    """Write the note of one visit."""
    contact = rng.choice(contacts)
    body = rng.choice(_VISIT_BODIES).format(
        who=contact.name[0] + contact.title,
        program=rng.choice(ground.programs).name,
        when=rng.choice(_WHEN),
    )
    return Visit(
        id=people.new_id(rng, moment.date()),
        author_id=rep.id,
        kind=rng.choice(_KINDS),
        written_at=moment,
        body=body,
    )


def _deals(
    rng: random.Random, ground: Ground, industry: Industry, status: str, met_on: date
) -> tuple[Deal, ...]:
    """Open the deals that fit the customer's status."""
    match status:
        case "potential":
            return ()
        case "need" | "intent":
            outcome = DealOutcome.OPEN
        case "signed" | "dormant":
            outcome = DealOutcome.WON
        case _:
            outcome = DealOutcome.LOST
    opened_on = met_on + timedelta(days=rng.randrange((ground.today - met_on).days))
    closed_on = (
        None
        if outcome is DealOutcome.OPEN
        else opened_on + timedelta(days=rng.randrange((ground.today - opened_on).days + 1))
    )
    return (
        Deal(
            id=people.new_id(rng, opened_on),
            title=rng.choice(_DEAL_TITLES),
            amount_minor=industry.deal_yuan * rng.randrange(60, 161),
            opened_on=opened_on,
            closed_on=closed_on,
            outcome=outcome,
        ),
    )


def _benefits(
    rng: random.Random, ground: Ground, deals: tuple[Deal, ...], rep: Person
) -> tuple[BenefitRequest, ...]:
    """Ask for a benefit with every second signed deal."""
    won = [deal for deal in deals if deal.closed_on and deal.outcome is DealOutcome.WON]
    asked = []
    for deal in won:
        if rng.randrange(2) == 0 or deal.closed_on is None:
            continue
        program = rng.choice(ground.programs)
        asked.append(
            BenefitRequest(
                id=people.new_id(rng, deal.closed_on),
                program_id=program.id,
                requested_by=rep.id,
                requested_on=deal.closed_on,
            )
        )
    return tuple(asked)


def find(customers: Sequence[Customer], customer_id: UUID) -> Customer:
    """Find a customer by id."""
    return next(customer for customer in customers if customer.id == customer_id)
