"""Why a row was not taken, in the language of who mends it: Chinese first."""

import re
from enum import StrEnum
from typing import Final

from server.customers.exports.sheets import COLUMNS_ZH


class Language(StrEnum):
    """In which language reasons are given."""

    ZH = "zh"
    EN = "en"


HEADINGS: Final = {Language.ZH: ("行号", "原因"), Language.EN: ("row", "reason")}
_ZH: Final = {
    "bad_email": "邮箱格式不对。",
    "bad_phone": "电话号码不对，请填写一个可以拨打的号码。",
    "bad_uscc": "统一社会信用代码不对，应为 18 位且校验位正确。",
    "bad_value": "内容不合要求：太长、为空或含有无法保存的字符。",
    "duplicate_in_file": "与本表中的另一行是同一客户。",
    "duplicate_in_tenant": "该客户已经存在。",
    "duplicate_out_of_sight": "同事已有该客户。",
    "field_required": "缺少必填内容。",
    "field_unknown": "没有这样的字段。",
    "illegal_transition": "客户不能从现在的状态变为该状态。",
    "id_reused": "该编号属于另一条记录。",
    "invalid": "内容不合要求。",
    "not_allowed": "您的角色不能这样做。",
    "not_found": "没有这个客户，或您看不到它。",
    "record_deleted": "该客户已被删除，请先恢复。",
    "reference_missing": "所指的人、团队或标签不存在。",
    "strict_conflict": "别人刚刚改过，请核对后再试。",
    "sum_row": "这一行是合计，不是客户。",
    "unknown_owner": "公司里没有这位负责人，或已离职。",
    "unknown_store": "该客户没有这家门店。",
    "unknown_tag": "没有这个标签。",
    "unknown_team": "公司里没有这个团队。",
    "value_invalid": "内容的格式不对。",
}
CODES: Final = frozenset(_ZH)
_CONTACT: Final = {
    "contact_name": "联系人",
    "contact_phone": "联系人电话",
    "contact_title": "联系人职务",
}
_OTHER: Final = re.compile(r"(?:Row )?(.+) is the same customer\.", re.DOTALL)
"""Which one: the fact of an English sentence that its code does not say."""
_WITH_OTHER: Final = {
    "duplicate_in_file": "与第 {} 行是同一客户。",
    "duplicate_in_tenant": "该客户已经存在：{}。",
}


def reason(code: str, field: str, detail: str, language: Language) -> str:
    """Say why a row was not taken, and of which column.

    A code that has no Chinese sentence is told in English rather than not at all.
    """
    if language is Language.EN or code not in _ZH:
        return f"{field}: {detail}" if field else detail
    said = _ZH[code]
    if code in _WITH_OTHER and (other := _OTHER.fullmatch(detail)):
        said = _WITH_OTHER[code].format(other.group(1))
    column = COLUMNS_ZH.get(field) or _CONTACT.get(field) or field
    return f"{column}：{said}" if column else said
