"""A company's customers, made up from a seed: what the sizes on the wire are counted on."""

from random import Random
from typing import Any, Final
from uuid import UUID

from sync_protocol.messages import Edit, PullResponse, PushRequest, RecordBatch
from sync_protocol.schema import SCHEMA
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION

NOON: Final = 1_800_000_000_000
_CITIES: Final = ("杭州市", "宁波市", "苏州市", "南京市", "合肥市", "无锡市", "上海市", "嘉兴市")
_INDUSTRIES: Final = ("餐饮", "酒店", "零售", "制造", "物流", "教育", "医疗", "建材")
_FIRST: Final = "福得聚鸿瑞德兴隆盛和顺昌永安泰丰源祥美佳百味香满金银海天"
_SECOND: Final = ("餐饮管理", "酒店用品", "贸易", "食品", "物流", "建材", "科技", "商贸")
_STATUSES: Final = ("potential", "need", "intent", "signed", "dormant", "lost")
_CURSOR: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"


def an_id(rng: Random, at_ms: int) -> str:
    """Make an id as a device does: 48 bits of time, then chance."""
    value = at_ms << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62)
    return str(UUID(int=value))


def a_snapshot(rows: int, seed: int = 7) -> PullResponse:
    """Make a page of a first load: customers with name, phone, city, owner, tags and a remark."""
    rng = Random(seed)
    owners = [an_id(rng, NOON) for _ in range(8)]
    tags = [an_id(rng, NOON) for _ in range(40)]
    ids = sorted(an_id(rng, NOON + place * 40) for place in range(rows))
    records = [_customer(rng, owners, tags) for _ in ids]
    names = [field.name for field in SCHEMA.record("customer").fields]
    batch = RecordBatch(
        kind="customer",
        fields=names,
        ids=ids,
        seqs=[4 + place // 1000 for place in range(rows)],
        columns=[[record.get(name) for record in records] for name in names],
        handles=list(range(1, rows + 1)),
    )
    return PullResponse(
        from_cursor=None,
        cursor=_CURSOR,
        seq=4 + rows,
        server_time_ms=NOON,
        batches=[batch],
        epoch=1,
        acknowledged=0,
        lease_ms=259_200_000,
    )


def _customer(rng: Random, owners: list[str], tags: list[str]) -> dict[str, Any]:
    name = "".join(rng.choices(_FIRST, k=3)) + rng.choice(_SECOND) + "有限公司"
    return {
        "name": rng.choice(_CITIES) + name,
        "phone": f"+861{rng.choice('356789')}{rng.randrange(10**9):09d}",
        "city": rng.choice(_CITIES),
        "industry": rng.choice(_INDUSTRIES),
        "status": rng.choice(_STATUSES),
        "owner_id": rng.choice(owners),
        "team_id": owners[0],
        "expected_revenue_minor": rng.randrange(10**8),
        "remark": f"老板姓{rng.choice(_FIRST)}，下次带样品，门口好停车 {rng.randrange(10**6)}",
        "tags": sorted(rng.sample(tags, k=rng.randrange(4))),
    }


def a_push(count: int, seed: int = 7, *, customers: int = 20_000) -> PushRequest:
    """Make a push that edits one short field each of some customers, half a minute apart."""
    rng = Random(seed)
    at_ms = NOON - count * 30_000
    ops = []
    for number in range(count):
        at_ms += rng.randrange(10_000, 50_000)
        name, values = rng.choice((("status", _STATUSES), ("city", _CITIES), ("level", "ABCD")))
        ops.append(
            Edit(
                number=1_041 + number,
                kind="customer",
                handle=rng.randrange(1, customers + 1),
                fields={name: rng.choice(values)},
                at_ms=at_ms,
                base=20_412,
            )
        )
    return PushRequest(
        protocol=PROTOCOL_VERSION,
        schema=SCHEMA_VERSION,
        device_time_ms=NOON,
        ops=list(ops),
        epoch=1,
    )
