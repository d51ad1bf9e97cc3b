"""Why a row was not taken, in the language of who mends it: Chinese first."""

import re
from enum import StrEnum
from typing import Final

from server.imports import targets


class Language(StrEnum):
    """In which language reasons are given."""

    ZH = "zh"
    EN = "en"


HEADINGS: Final = {Language.ZH: ("行号", "原因"), Language.EN: ("row", "reason")}
COMMON_ZH: Final = {
    "bad_amount": "金额不对，请填写人民币金额，如 12000.50 或 1.2万。",
    "bad_day": "日期不对，请按 2027-01-31 填写。",
    "bad_email": "邮箱格式不对。",
    "bad_id": "这不是导出文件里的编号，请留空。",
    "bad_phone": "电话号码不对，请填写一个可以拨打的号码。",
    "bad_uscc": "统一社会信用代码不对，应为 18 位且校验位正确。",
    "bad_value": "内容不合要求：不在可选的值里、太长、为空或含有无法保存的字符。",
    "digits_lost": "表格软件把这个号码缩短了，请先把该列设为文本再重新填写。",
    "duplicate_in_file": "与本表中的另一行是同一客户。",
    "duplicate_in_tenant": "该客户已经存在。",
    "duplicate_out_of_sight": "同事已有该客户。",
    "field_required": "缺少必填内容。",
    "field_unknown": "没有这样的字段。",
    "header_row": "这一行又是列名，不是数据。",
    "id_reused": "该编号属于另一条记录。",
    "invalid": "内容不合要求。",
    "not_allowed": "您的角色不能这样做。",
    "record_deleted": "该记录已被删除，请先恢复。",
    "reference_missing": "所指的人、团队或标签不存在。",
    "strict_conflict": "别人刚刚改过，请核对后再试。",
    "sum_row": "这一行是合计，不是客户。",
    "value_invalid": "内容的格式不对。",
}
_OTHER: Final = re.compile(r"(?:Row )?(.+) is the same (?:customer|one)\.", re.DOTALL)
"""Which one: the fact of an English sentence that its code does not say."""
_WITH_OTHER: Final = {
    "duplicate_in_file": "与第 {} 行是同一客户。",
    "duplicate_in_tenant": "该客户已经存在：{}。",
}


def reason(target_name: str, code: str, field: str, detail: str, language: Language) -> str:
    """Say why a row was not taken, and of which column.

    A code that has no Chinese sentence is told in English rather than not at all.
    """
    target = targets.named(target_name)
    of_target = target.reasons_zh if target else {}
    sentences = COMMON_ZH | dict(of_target)
    if language is Language.EN or code not in sentences:
        return f"{field}: {detail}" if field else detail
    said = sentences[code]
    if code not in of_target and code in _WITH_OTHER and (other := _OTHER.fullmatch(detail)):
        said = _WITH_OTHER[code].format(other.group(1))
    column = (target.columns_zh.get(field) if target else None) or field
    return f"{column}：{said}" if column else said
