"""The people and customers that the measured work needs, made by the product's own services."""

import random
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.identity import keys
from server.identity import service as identity
from server.identity.schemas import Acceptance, Enrolment, NewUser
from server.kit import clock, db, ids
from server.settings import Settings
from server.tenants import service as tenants

_CITIES: Final = ("苏州", "无锡", "常州", "南通", "杭州", "宁波", "温州", "嘉兴", "绍兴", "金华")
_INDUSTRIES: Final = ("餐饮", "零售", "数码", "纺织", "机械", "物流", "教育", "医药")
_STATUSES: Final = ("potential", "need", "intent", "signed")
_FIRST: Final = "恒海富天吴盛镇木南宜张苏相江昆常太无锡华通达信德兴隆泰和顺昌荣盛祥瑞丰"
_LAST: Final = ("物流", "电线", "塑业", "医药", "纺织", "酱醋", "灯饰", "家纺", "紫砂", "汽配")
_PREFIXES: Final = ("138", "139", "150", "159", "186", "188")
PASSWORD: Final = "a password of the benchmark 7351"  # noqa: S105 - of a throwaway server


class Company(msgspec.Struct, frozen=True):
    """An agent company with an owner who is signed in."""

    actor: Actor
    login: str
    token: str


def customer(rng: random.Random, now: datetime) -> dict[str, Any]:
    """Make a customer of about 350 bytes of JSON."""
    name = "".join(rng.choices(_FIRST, k=4)) + rng.choice(_LAST) + "有限公司"
    return {
        "id": str(ids.from_random(now, rng)),
        "name": rng.choice(_CITIES) + name,
        "phone": f"+86{rng.choice(_PREFIXES)}{rng.randrange(10**8):08d}",
        "city": rng.choice(_CITIES),
        "industry": rng.choice(_INDUSTRIES),
        "status": rng.choice(_STATUSES),
        "expected_revenue_minor": rng.randrange(10**8),
        "remark": f"老板姓{rng.choice(_FIRST)}，下次带样品，门口好停车 {rng.randrange(10**6)}",
    }


def settings_of(machine: Machine) -> Settings:
    """Give this process the same settings as the server."""
    return Settings(
        database_url=machine.cluster.app_url(),
        data_dir=machine.folder,
        public_url=machine.tonglu_url,
        secret=(machine.folder / "secret").read_text().strip(),
    )


async def company(machine: Machine, rng: random.Random) -> Company:
    """Found a company and sign its owner in; the database is open here."""
    now = clock.now()
    keys.open_keys(settings_of(machine))
    tenant_id, team_id, user_id = (ids.from_random(now, rng) for _ in range(3))
    name = f"压测 {tenant_id.hex[-8:]}"
    await tenants.provision(tenant_id, name=name, short_name="压测", city="苏州", now=now)
    login = f"owner-{tenant_id.hex[-12:]}"
    owner = NewUser(
        login=login,
        name="老板",
        role=Role.AGENT_OWNER,
        id=user_id,
        team_id=team_id,
        scope=Scope.TENANT,
    )
    await identity.found_company(tenant_id, team_id, owner, team_name="一队", now=now)
    await _join(tenant_id, user_id, ids.from_random(now, rng), now)
    token = await sign_in(machine, login)
    actor = Actor(
        user_id=user_id,
        tenant_id=tenant_id,
        role=Role.AGENT_OWNER,
        scope=Scope.TENANT,
        team_id=team_id,
    )
    return Company(actor, login, token)


async def _join(tenant_id: UUID, user_id: UUID, operator_id: UUID, now: datetime) -> None:
    """Let the owner set a password by the platform's invitation."""
    operator = Actor(
        user_id=operator_id,
        tenant_id=PLATFORM_TENANT,
        role=Role.PLATFORM_OPERATOR,
        scope=Scope.TENANT,
    )
    made = await identity.invite_first_owner(operator, tenant_id, user_id, now=now)
    accepted = Acceptance(code=made.code, password=PASSWORD)
    await identity.accept_invitation(accepted, address="127.0.0.1", now=now)


async def sign_in(machine: Machine, login: str) -> str:
    """Give an access token; they last ten minutes."""
    body = msgspec.json.encode({"login": login, "password": PASSWORD})
    async with Wire(machine.tonglu_url) as wire:
        answer = (await wire.post("/v1/auth/login", body)).ensure()
    return str(msgspec.json.decode(answer.body)["access_token"])


async def load(wire: Wire, customers: list[dict[str, Any]], path: str) -> None:
    """Load customers in batches of a thousand."""
    for start in range(0, len(customers), 1000):
        batch = customers[start : start + 1000]
        body: Any = {"customers": batch} if path.startswith("/v1") else batch
        (await wire.post(path, msgspec.json.encode(body))).ensure()


async def person(owner: Company, rng: random.Random, scope: Scope) -> UUID:
    """Hire a rep who sees this much of the company's customers."""
    now = clock.now()
    user_id = ids.from_random(now, rng)
    rep = NewUser(
        login=f"rep-{user_id.hex[-12:]}",
        name="外勤",
        role=Role.SALES_REP,
        id=user_id,
        team_id=owner.actor.team_id,
        scope=scope,
    )
    await identity.invite(owner.actor, rep, now=now)
    return user_id


async def device_of(owner: Company, user_id: UUID) -> str:
    """Give the enrolment code of one more device of a person."""
    made = await identity.new_enrolment_code(owner.actor, user_id=user_id, now=clock.now())
    return made.code


async def device(owner: Company, rng: random.Random) -> str:
    """Give the enrolment code of a new rep who sees the whole company's customers."""
    return await device_of(owner, await person(owner, rng, Scope.TENANT))


async def enrolled(owner: Company, rng: random.Random) -> str:
    """Enrol one more device without any client, and give its token."""
    request = Enrolment(code=await device(owner, rng), device_name="压测手机", platform="bench")
    address = str(rng.getrandbits(64))
    answer = await identity.enrol(request, address=address, now=clock.now())
    return answer.access_token


async def sequence(tenant_id: UUID) -> int:
    """Read the tenant's sequence."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        seq = await db.connection().fetchval("SELECT seq FROM tenant_clock")
    return int(seq or 0)
