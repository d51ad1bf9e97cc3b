"""Which field a column is for: guessed from what people call it, decided by a person."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from server.customers.imports.sheets import FileRefused, Row, Sheet

SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("客户编号(勿改)", "客户id"),
    "name": (
        *("客户名称", "客户名", "公司名称", "公司名", "企业名称", "单位名称", "单位", "名称"),
        *("店名", "门店名称", "商户名称", "客户", "公司", "企业"),
        *("customer name", "company", "company name", "customer", "account name", "business name"),
    ),
    "uscc": (
        *("统一社会信用代码", "社会信用代码", "信用代码", "税号", "纳税人识别号"),
        *("营业执照号", "统一代码", "credit code", "tax number", "tax id"),
    ),
    "phone": (
        *("手机", "手机号", "手机号码", "电话", "电话号码", "联系电话", "联系方式", "客户电话"),
        *("联系手机", "固定电话", "座机", "mobile", "tel", "telephone"),
        *("phone number", "mobile number", "mobile phone", "cell phone"),
    ),
    "city": ("城市", "所在城市", "地市", "市", "所属城市", "town"),
    "district": ("区县", "县区", "区", "所在区", "所在区县", "区域", "行政区"),
    "address": ("地址", "详细地址", "注册地址", "联系地址", "公司地址", "经营地址", "门店地址"),
    "industry": ("行业", "所属行业", "行业类别", "行业分类", "业态", "类别"),
    "status": ("状态", "客户状态", "阶段", "客户阶段", "跟进状态", "意向状态", "stage"),
    "level": ("等级", "级别", "客户等级", "客户级别", "评级", "客户分级", "grade"),
    "source": ("来源", "客户来源", "渠道", "获客渠道", "线索来源", "来源渠道", "channel"),
    "owner": ("负责人", "归属人", "所有者", "跟进人", "owner", "sales rep"),
    "owner_id": ("负责人编号",),
    "expected_revenue_yuan": (
        *("预计金额", "预计收入", "预计成交额", "预计成交金额", "意向金额", "预计金额(元)"),
        *("expected revenue", "revenue", "amount"),
    ),
    "expected_revenue_minor": ("预计金额(分)",),
    "remark": ("备注", "说明", "备注信息", "备注说明", "备考", "note", "notes", "comment"),
    "tags": ("标签", "客户标签", "tag"),
    "contact_name": (
        "联系人",
        "联系人姓名",
        "客户联系人",
        "老板",
        "法人",
        "法定代表人",
        "contact",
        "contact person",
    ),
    "contact_phone": ("联系人电话", "联系人手机", "联系人手机号"),
    "contact_title": ("联系人职务", "职务", "职位"),
}
"""For each field what a column of it is called; its own name always is one of the names."""

FIELDS: Final = tuple(SYNONYMS)
_SAME: Final = {"owner_id": "owner", "expected_revenue_minor": "expected_revenue_yuan"}
_HEADER_IN_FIRST: Final = 10
_NOISE: Final = re.compile(r"[\s*：:_\-\"'“”]+")


def _key(header: str) -> str:
    """Give what is compared of a header: no spaces, stars or colons, half-width, lower case."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", header).casefold())


_BY_KEY: Final = {
    _key(name): field for field, names in SYNONYMS.items() for name in (field, *names)
}


def field_of(header: str) -> str | None:
    """Guess the field of a header: as it is, or without what stands in brackets behind it."""
    key = _key(header)
    return _BY_KEY.get(key) or _BY_KEY.get(key.partition("(")[0])


def guess(headers: Sequence[str]) -> list[str | None]:
    """Guess a field for each column; of two columns for one field the first has it."""
    fields = [field_of(header) for header in headers]
    # What an export says twice is read where it is exact.
    taken = {vague for exact, vague in _SAME.items() if exact in fields}
    columns: list[str | None] = []
    for field in fields:
        columns.append(field if field and field not in taken else None)
        taken.add(field or "")
    return columns


def is_table(rows: Sequence[Row]) -> bool:
    """Say whether a sheet has columns of customers; a cover or a page of notes has none."""
    return any(sum(field is not None for field in guess(row.cells)) > 1 for row in _top(rows))


def _top(rows: Sequence[Row]) -> Sequence[Row]:
    """Give the rows among which the column names are looked for."""
    return rows[:_HEADER_IN_FIRST]


def split_header(sheet: Sheet) -> tuple[list[str], list[Row]]:
    """Find the row of the column names among the first ten, and give what stands below it.

    :raises FileRefused: there is nothing below.
    """
    if not sheet.rows:
        raise FileRefused("empty", "This file has no rows.")
    candidates = _top(sheet.rows)
    known = [sum(field is not None for field in guess(row.cells)) for row in candidates]
    at = known.index(max(known))
    rows = sheet.rows[at + 1 :]
    if not rows:
        raise FileRefused("empty", "This file has no rows below its column names.")
    width = max(len(row.cells) for row in (candidates[at], *rows))
    header = candidates[at].cells
    return [*header, *[""] * (width - len(header))], rows
