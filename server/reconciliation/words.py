"""Say in plain words how two books differ, and why. Chinese first. Pure.

`here` is who reads it.
"""

from collections.abc import Mapping
from typing import Final

from billing.reconciliation.rules.columns import Field
from billing.reconciliation.rules.findings import Cause, Kind

_KINDS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.MISSING_HERE: ("我方没有这笔", "Only the other side has it"),
    Kind.MISSING_THERE: ("对方没有这笔", "Only our side has it"),
    Kind.DUPLICATE_HERE: ("我方多记一次", "Our side has it once too often"),
    Kind.DUPLICATE_THERE: ("对方多记一次", "The other side has it once too often"),
    Kind.EXPIRED: ("一方有效，另一方已过期", "It counts on one side and has expired on the other"),
    Kind.REVERSED: (
        "一方有效，另一方已撤销",
        "It counts on one side and was taken back on the other",
    ),
    Kind.CURRENCY_DIFFERS: ("币种不同", "The currencies differ"),
    Kind.PROGRAM_DIFFERS: ("权益活动不同", "The programs differ"),
    Kind.CUSTOMER_DIFFERS: ("客户不同", "The customers differ"),
    Kind.AMOUNT_DIFFERS: ("金额不同", "The amounts differ"),
    Kind.SUM_DIFFERS: ("一笔对多笔，合计不同", "One line against several: the sums differ"),
    Kind.PERIOD_DIFFERS: (
        "日期相差过多，或属于其他月份",
        "The days are too far apart, or of another month",
    ),
}
_CAUSES: Final[Mapping[Cause, tuple[str, str]]] = {
    Cause.ID_UNKNOWN: ("这个编号只在一方的账上", "its id is in one book alone"),
    Cause.NOTHING_LIKE_IT: ("没有编号，也没有相符的一笔", "it has no id, and nothing is like it"),
    Cause.SAME_ID_AGAIN: ("同一方有两笔编号相同", "its id stands twice on one side"),
    Cause.MATCHED_BEFORE: (
        "另一份文件里已经对上这笔",
        "another file was matched with it already",
    ),
    Cause.SAME_CONTENT_AGAIN: ("同一方有两笔内容相同", "the same stands twice on one side"),
    Cause.SAME_ID: ("编号相同，内容不同", "both sides have its id and say different things"),
    Cause.ALL_ELSE_EQUAL: ("其余内容都相同", "all else is equal"),
    Cause.PARTS_OF_ONE: ("拆分的各笔合不拢", "parts of one do not come together"),
}
_REASONS: Final[Mapping[str, str]] = {
    "cell_unread": "内容不是这一列该填的，请核对。",
    "amount_off_scale": "小数位太多，或由表格软件计算产生误差，请改为准确的数。",
    "amount_negative": "金额不能为负；撤销请写在状态列。",
    "amount_too_large": "金额为零，或超过一笔的上限。",
    "digits_lost": "表格软件缩短了这个数，请先把该列设为文本再填写。",
    "whose_unsaid": "这一行没有编号、客户标识或客户名称，不知道是谁的，请补上其中一项。",
    "program_unknown": "不认识这个活动名称，请在列对应中写明它是哪个权益活动。",
    "currency_unexpected": "金额所写的币种与这一行的币种不同。",
}
_COLUMNS: Final[Mapping[Field, str]] = {
    Field.ID: "编号",
    Field.CUSTOMER: "客户标识",
    Field.NAME: "客户名称",
    Field.PROGRAM: "权益活动",
    Field.AMOUNT: "金额",
    Field.CURRENCY: "币种",
    Field.DAY: "日期",
    Field.STATE: "状态",
}


def difference(kind: Kind, cause: Cause) -> tuple[str, str]:
    """Say how two books differ and what was seen, in Chinese and in English."""
    (kind_zh, kind_en), (cause_zh, cause_en) = _KINDS[kind], _CAUSES[cause]
    return f"{kind_zh}：{cause_zh}。", f"{kind_en}: {cause_en}."


def kinds() -> list[tuple[Kind, str, str]]:
    """Call each kind of difference in Chinese and in English."""
    return [(kind, *said) for kind, said in _KINDS.items()]


def reason(code: str) -> str:
    """Say in Chinese why a cell was refused."""
    return _REASONS.get(code, "")


def column(field: Field) -> str:
    """Call a column in Chinese."""
    return _COLUMNS[field]
