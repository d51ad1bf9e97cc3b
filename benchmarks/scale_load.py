"""A million customers as the product would have written them, laid down by COPY in minutes.

Two hundred companies, one of which has four customers of ten. Search keys, sort keys and history
come from the product's own functions; `tests/benchmarks` holds the rows beside those of its
services. Not written are the moves by which deals came to where they are.
"""

import random
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.customers import index
from server.customers.rules import pinyin, places, search
from server.kit import ids
from server.pipeline.service import counting

_CHUNK: Final = 20_000
_REPS_OF_TEAM: Final = 10
_SAMPLE: Final = 2_000
_BEGUN: Final = datetime(2025, 1, 6, 1, 0, tzinfo=UTC)
_SETTINGS: Final = (
    # Foreign keys hold by construction, and nothing has to survive a power cut meanwhile.
    "SET session_replication_role = replica",
    "SET synchronous_commit = off",
)
_CITIES: Final = (
    *("苏州", "无锡", "常州", "南通", "杭州", "宁波", "温州", "嘉兴", "绍兴", "金华"),
    *("上海", "南京", "合肥", "厦门", "福州", "广州", "深圳", "东莞", "佛山", "成都"),
)
_INDUSTRIES: Final = ("餐饮", "零售", "数码", "纺织", "机械", "物流", "教育", "医药")
_BRANDS: Final = (
    "恒海富天吴盛镇木南宜张江昆常锡华通达信德兴隆泰和顺昌荣祥瑞丰金银宝安康永利源广茂"
    "嘉美佳乐旺福禄寿喜龙凤麒麟云峰岭山河湖海星辰晨曦明光辉煌鼎新创科智慧卓越宏伟博雅"
)
_TRADES: Final = (
    *("物流", "电线", "塑业", "医药", "纺织", "酱醋", "灯饰", "家纺", "紫砂", "汽配"),
    *("餐饮管理", "网络科技", "机械设备", "建筑材料", "日用百货", "五金", "包装", "食品", "服饰"),
    *("电子商务", "环保工程", "教育咨询", "文化传媒", "水产", "茶叶", "家具", "印刷", "化工"),
)
_FORMS: Final = ("有限公司", "有限公司", "有限公司", "有限责任公司", "商行", "经营部", "")
_PREFIXES: Final = ("135", "136", "138", "139", "150", "159", "177", "186", "188", "199")
_SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
_GIVEN: Final = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂建国华"
_STAGES: Final = ("lead", "pre_opportunity", "opportunity", "signed")
_CATEGORIES: Final = ("commit", "best", "pipeline", "omitted")

_FOR_SO_MUCH: Final = (
    "SET maintenance_work_mem = '1GB'",
    "ALTER SYSTEM SET max_wal_size = '8GB'",
    "SELECT pg_reload_conf()",
)
_KEYS: Final = """
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'customer_token_pkey'
"""
"""The index of search keys takes half of the whole time, unless it is made behind them."""

Row = tuple[Any, ...]


class Customer(msgspec.Struct, frozen=True):
    """One of those that were laid down, to ask about."""

    id: UUID
    name: str
    phone: str
    city: str
    owner_id: UUID
    team_id: UUID


class Company(msgspec.Struct, frozen=True):
    """A company, its people, and some of its customers."""

    tenant_id: UUID
    size: int
    teams: list[UUID]
    reps: list[tuple[UUID, UUID]]
    """Each with the team."""
    tags: list[UUID]
    sample: list[Customer]


COLUMNS: Final = {
    "tag": ("tenant_id", "id", "name", "meaning", "handle", "seq", "created_seq", "created_at"),
    "customer": (
        *("tenant_id", "id", "name", "phone", "city", "industry", "status", "level", "source"),
        *("owner_id", "team_id", "expected_revenue_minor", "remark", "tags", "name_pinyin"),
        *("scope_seq", "handle", "seq", "created_seq", "created_number", "created_by"),
        "created_at",
    ),
    "contact": (
        *("tenant_id", "id", "customer_id", "name", "phone", "handle", "seq", "created_seq"),
        *("created_number", "created_by", "created_at"),
    ),
    "opportunity": (
        *("tenant_id", "id", "customer_id", "name", "stage", "state", "amount_minor"),
        *("expected_on", "forecast_category", "account_manager_id", "done_steps", "closed_at"),
        *(
            "stage_since",
            "handle",
            "seq",
            "created_seq",
            "created_number",
            "created_by",
            "created_at",
        ),
    ),
    "change": (
        *("tenant_id", "seq", "kind", "record_id", "root_id", "action", "actor_id", "at", "patch"),
    ),
    "customer_token": ("tenant_id", "token", "record_id", "customer_id", "before"),
    "tenant_clock": ("tenant_id", "seq", "epoch", "min_seq", "handles"),
}
"""What is written of each table; the rest has its default."""


async def load(url: str, rng: random.Random, sizes: Sequence[int]) -> list[Company]:
    """Lay down a company of each size, and let the product count their deals.

    :param url: the superuser's, whom COPY lets past row-level security.
    """
    connection = await asyncpg.connect(url)
    try:
        for setting in _FOR_SO_MUCH:
            await connection.execute(setting)
        keys = await connection.fetchval(_KEYS)
        await connection.execute("ALTER TABLE customer_token DROP CONSTRAINT customer_token_pkey")
        companies = [await lay_down(connection, rng, size) for size in sizes]
        await connection.execute(
            f"ALTER TABLE customer_token ADD CONSTRAINT customer_token_pkey {keys}"
        )
        for company in companies:
            await counting.count(company.tenant_id)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return companies


def _founded(rng: random.Random, size: int, of_rep: int) -> Company:
    """Make the people of a company, a team for ten reps."""
    reps_wanted = max(1, size // of_rep)
    teams = [_id(rng) for _ in range(-(-reps_wanted // _REPS_OF_TEAM))]
    reps = [(_id(rng), teams[number // _REPS_OF_TEAM]) for number in range(reps_wanted)]
    return Company(_id(rng), size, teams, reps, [_id(rng) for _ in range(5)], [])


async def lay_down(
    connection: "asyncpg.Connection[asyncpg.Record]",
    rng: random.Random,
    size: int,
    *,
    of_rep: int = 1_000,
) -> Company:
    """Lay one company down, some thousand customers at a time.

    :param of_rep: how many customers a rep has.
    """
    for setting in _SETTINGS:
        await connection.execute(setting)
    company = _founded(rng, size, of_rep)
    clock = _Clock()
    chunks = [min(_CHUNK, size - start) for start in range(0, size, _CHUNK)]
    await _copy(connection, written_tags(company, clock))
    for count in chunks:
        await _copy(connection, written(company, rng, count, clock))
    await _copy(connection, {"tenant_clock": [(company.tenant_id, clock.seq, 1, 0, clock.seq)]})
    return company


class _Clock:
    """The company's sequence; every record is a write of its own here, and has a handle."""

    def __init__(self) -> None:
        self.seq = 0

    def tick(self) -> int:
        """Give the next sequence."""
        self.seq += 1
        return self.seq


def written_tags(company: Company, clock: "_Clock") -> dict[str, list[Row]]:
    """Give the rows of a company's tags."""
    return {
        "tag": [
            (company.tenant_id, tag_id, f"标签{seq}", "压测", seq, seq, seq, _BEGUN)
            for tag_id, seq in ((tag_id, clock.tick()) for tag_id in company.tags)
        ]
    }


def written(
    company: Company, rng: random.Random, count: int, clock: "_Clock"
) -> dict[str, list[Row]]:
    """Give the rows of so many customers, of a contact of each fourth and a deal of each fourth."""
    rows: dict[str, list[Row]] = {
        name: [] for name in ("customer", "contact", "opportunity", "change", "customer_token")
    }
    for _ in range(count):
        customer = _customer(rows, company, rng, clock)
        if len(company.sample) < _SAMPLE and rng.random() < 3 * _SAMPLE / company.size:
            company.sample.append(customer)
        if rng.random() < 0.25:  # noqa: PLR2004 - each fourth
            _contact(rows, company, rng, clock, customer)
        if rng.random() < 0.25:  # noqa: PLR2004 - each fourth
            _deal(rows, company, rng, clock, customer)
    return rows


def _customer(
    rows: dict[str, list[Row]], company: Company, rng: random.Random, clock: "_Clock"
) -> Customer:
    """Write a customer with its history and search keys."""
    seq = clock.tick()
    at = _at(seq)
    owner_id, team_id = company.reps[int(rng.random() * len(company.reps))]
    # Some cities have many customers and most have few.
    city = _CITIES[int(rng.random() ** 2 * len(_CITIES))]
    brand = "".join(rng.choices(_BRANDS, k=rng.choice((2, 3, 3, 4))))
    name = f"{city}{brand}{rng.choice(_TRADES)}{rng.choice(_FORMS)}"
    tag = rng.choice(company.tags) if rng.random() < 0.2 else None  # noqa: PLR2004 - a fifth
    fields: dict[str, Any] = {
        "name": name,
        "phone": _phone(rng),
        "city": places.city(city),
        "industry": rng.choice(_INDUSTRIES),
        "status": rng.choices(
            ("potential", "need", "intent", "signed", "dormant", "lost"), (50, 20, 10, 8, 10, 2)
        )[0],
        "level": rng.choices(("A", "B", "C", "D", None), (5, 15, 50, 20, 10))[0],
        "source": rng.choice(("转介绍", "展会", "地推", None)),
        "owner_id": str(owner_id),
        "team_id": str(team_id),
        "expected_revenue_minor": rng.randrange(10**8) if rng.random() < 0.7 else None,  # noqa: PLR2004
        "remark": f"老板姓{rng.choice(_SURNAMES)}，下次带样品 {rng.randrange(10**6)}",
        "tags": [str(tag)] if tag else [],
    }
    record_id = ids.from_random(at, rng)
    values = {
        **fields,
        "tags": _json(fields["tags"]),
        "name_pinyin": pinyin.sort_key(name),
    }
    rows["customer"].append(
        (
            *(company.tenant_id, record_id, *values.values()),
            *(seq, seq, seq, seq, 1, owner_id, at),
        )
    )
    _history(rows, company, seq, "customer", record_id, record_id, owner_id)
    keys = index.customer_tokens({**fields, "uscc": None})
    _keys(rows, company, record_id, None, keys)
    return Customer(record_id, name, fields["phone"], fields["city"], owner_id, team_id)


def _contact(
    rows: dict[str, list[Row]],
    company: Company,
    rng: random.Random,
    clock: "_Clock",
    customer: Customer,
) -> None:
    """Write a person who speaks for a customer."""
    seq = clock.tick()
    at = _at(seq)
    record_id = ids.from_random(at, rng)
    name = rng.choice(_SURNAMES) + "".join(rng.choices(_GIVEN, k=rng.choice((1, 2, 2))))
    fields = {"customer_id": str(customer.id), "name": name, "phone": _phone(rng)}
    rows["contact"].append(
        (
            *(company.tenant_id, record_id, *fields.values()),
            *(seq, seq, seq, 1, customer.owner_id, at),
        )
    )
    _history(rows, company, seq, "contact", record_id, customer.id, customer.owner_id)
    keys = search.child_tokens(name, fields["phone"])
    _keys(rows, company, record_id, customer.id, keys)


def _deal(
    rows: dict[str, list[Row]],
    company: Company,
    rng: random.Random,
    clock: "_Clock",
    customer: Customer,
) -> None:
    """Write a deal, somewhere on the way of the built-in process."""
    seq = clock.tick()
    at = _at(seq)
    record_id = ids.from_random(at, rng)
    stage = rng.choices(_STAGES, (40, 30, 20, 10))[0]
    is_lost = stage != "signed" and rng.random() < 0.1  # noqa: PLR2004 - a tenth
    fields = {
        "customer_id": str(customer.id),
        "name": f"{customer.name[2:5]} {rng.randrange(100)} 套",
        "stage": stage,
        "state": "won" if stage == "signed" else "lost" if is_lost else "open",
        "amount_minor": rng.randrange(10**4, 10**8),
        "expected_on": f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "forecast_category": rng.choice(_CATEGORIES),
        "account_manager_id": customer.owner_id,
        "done_steps": "[]",
    }
    closed_at = None if fields["state"] == "open" else at
    rows["opportunity"].append(
        (
            *(company.tenant_id, record_id, *fields.values(), closed_at),
            *(at, seq, seq, seq, 1, customer.owner_id, at),
        )
    )
    _history(rows, company, seq, "opportunity", record_id, customer.id, customer.owner_id)


def _history(
    rows: dict[str, list[Row]],
    company: Company,
    seq: int,
    kind: str,
    record_id: UUID,
    root_id: UUID,
    actor_id: UUID,
) -> None:
    """Write that a record was made."""
    line = (company.tenant_id, seq, kind, record_id, root_id, "create", actor_id, _at(seq), "{}")
    rows["change"].append(line)


def _keys(
    rows: dict[str, list[Row]],
    company: Company,
    record_id: UUID,
    customer_id: UUID | None,
    tokens: dict[str, str],
) -> None:
    """Write the search keys of a record; most of all rows, so their ids become text only once."""
    tenant, record, customer = (
        str(company.tenant_id),
        str(record_id),
        customer_id and str(customer_id),
    )
    rows["customer_token"] += [
        (tenant, token, record, customer, before) for token, before in tokens.items()
    ]


def _id(rng: random.Random) -> UUID:
    """Make the id of somebody or something that is older than all customers."""
    return ids.from_random(_BEGUN, rng)


def _at(seq: int) -> datetime:
    """Give the time of a write: one a minute."""
    return _BEGUN + timedelta(minutes=seq)


def _phone(rng: random.Random) -> str:
    """Make a mobile number."""
    return f"+86{rng.choice(_PREFIXES)}{rng.randrange(10**8):08d}"


def _json(value: Any) -> str:
    """Write a value as JSON."""
    return msgspec.json.encode(value).decode()


# ---------------------------------------------------------------------------------------- COPY


async def _copy(
    connection: "asyncpg.Connection[asyncpg.Record]", rows: dict[str, list[Row]]
) -> None:
    """Write rows as text: a quarter of what the driver's binary form costs this process."""
    for table, lines in rows.items():
        if lines:
            await connection.copy_to_table(table, source=_text(lines), columns=COLUMNS[table])


async def _text(rows: Sequence[Row]) -> AsyncIterator[bytes]:
    """Write rows in pieces as COPY reads them; no value holds a tab, a line end or a backslash."""
    for start in range(0, len(rows), 1000):
        yield "".join(_lines(rows[start : start + 1000])).encode()


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    """Write each row as a line."""
    for row in rows:
        texts = [each if type(each) is str else _as_text(each) for each in row]
        yield "\t".join(texts) + "\n"


def _as_text(value: Any) -> str:
    """Write a value as COPY reads it."""
    return r"\N" if value is None else str(value)
