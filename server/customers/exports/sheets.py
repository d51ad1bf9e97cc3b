"""How a customer is written into a line of an export, in the product's words or in people's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from server.audit import exports
from server.customers.custom import texts
from server.customers.rules import identifiers
from server.customers.schemas import CustomerView
from sync_protocol.custom_fields import Definition


class Words(StrEnum):
    """How columns and states are called."""

    KEYS = "keys"
    """As in the API: for other programs."""
    ZH = "zh"
    """In Chinese, and by Shanghai's clock: for people."""


COLUMNS_ZH: Final = {
    "id": "客户编号(勿改)",
    "name": "客户名称",
    "uscc": "统一社会信用代码",
    "phone": "电话",
    "city": "城市",
    "district": "区县",
    "address": "地址",
    "industry": "行业",
    "status": "状态",
    "level": "等级",
    "source": "来源",
    "owner_id": "负责人编号",
    "owner": "负责人",
    "expected_revenue_minor": "预计金额(元)",
    "tags": "标签",
    "remark": "备注",
    "created_at": "建立时间",
    "updated_at": "修改时间",
}
_STATUSES: Final = {
    "potential": "潜在客户",
    "need": "需求客户",
    "intent": "意向客户",
    "signed": "签约客户",
    "dormant": "沉寂客户",
    "lost": "流失客户",
}
TEMPLATE: Final = (
    *(
        "客户名称",
        "统一社会信用代码",
        "电话",
        "城市",
        "区县",
        "地址",
        "行业",
        "状态",
        "等级",
        "来源",
    ),
    *("负责人", "预计金额(元)", "标签", "备注", "联系人", "联系人电话"),
)
"""The columns of the sheet that is handed out to be filled in."""


class Names(msgspec.Struct, frozen=True):
    """What ids are called."""

    people: Mapping[UUID, str]
    tags: Mapping[UUID, str]
    custom: Sequence[Definition] = ()
    """The company's own fields, in their order."""


def header(names: Names, words: Words) -> list[str]:
    """Name the columns, those of the company's own fields last."""
    if words is Words.KEYS:
        return [*COLUMNS_ZH, *(each.name for each in names.custom)]
    return [*COLUMNS_ZH.values(), *(each.label_zh for each in names.custom)]


def line(customer: CustomerView, names: Names, words: Words) -> list[str]:
    """Write a customer as text, in the order of the columns."""
    is_zh = words is Words.ZH
    told = exports.written if is_zh else _exact
    status, revenue = customer.status or "", customer.expected_revenue_minor
    written = {
        "id": str(customer.id),
        "phone": _phone(customer.phone),
        "status": _STATUSES.get(status, status) if is_zh else status,
        "owner_id": str(customer.owner_id or ""),
        "owner": names.people.get(customer.owner_id, "") if customer.owner_id else "",
        "expected_revenue_minor": _revenue(revenue, in_yuan=is_zh),
        "tags": ";".join(names.tags[tag] for tag in customer.tags if tag in names.tags),
        "created_at": told(customer.created_at),
        "updated_at": told(customer.updated_at),
    }
    own = [texts.written(each, customer.custom.get(each.name)) for each in names.custom]
    return [
        *(
            written[name] if name in written else getattr(customer, name) or ""
            for name in COLUMNS_ZH
        ),
        *own,
    ]


def _exact(moment: datetime | None) -> str:
    """Write a moment for programs, with its zone."""
    return moment.isoformat(" ", "seconds") if moment else ""


def _phone(e164: str | None) -> str:
    """Write a Chinese number as it is dialled, and others with their country code."""
    if e164 is None or not e164.startswith("+86"):
        return e164 or ""
    return identifiers.dialled(e164)


def _revenue(minor: int | None, *, in_yuan: bool) -> str:
    """Write an amount in yuan for people, in fen for programs."""
    if minor is None:
        return ""
    return f"{Decimal(minor) / 100:.2f}" if in_yuan else str(minor)
