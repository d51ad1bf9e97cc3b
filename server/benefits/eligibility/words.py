"""Say in plain words what a rule asks and what it saw. Chinese first. Pure."""

from collections.abc import Mapping
from typing import Final, assert_never

import msgspec

from server.benefits.eligibility.rules import (
    Among,
    AtLeast,
    AtMost,
    Condition,
    Finding,
    IsSo,
    NotAmong,
    NumberFact,
    Rules,
    TextFact,
    Verdict,
    YesNoFact,
)

_FACTS: Final[Mapping[str, tuple[str, str]]] = {
    TextFact.CITY: ("所在城市", "city"),
    TextFact.INDUSTRY: ("行业", "industry"),
    TextFact.STATUS: ("客户状态", "status"),
    TextFact.LEVEL: ("客户等级", "level"),
    TextFact.SOURCE: ("客户来源", "source"),
    NumberFact.KNOWN_DAYS: ("建档天数", "days since it was written down"),
    NumberFact.VISITS: ("近90天拜访次数", "visits within 90 days"),
    NumberFact.REVENUE_MINOR: ("预计金额", "expected revenue"),
    YesNoFact.IS_REGISTERED: ("报备有效", "registration in force"),
}
_STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "potential": ("潜在客户", "potential"),
    "need": ("需求客户", "need"),
    "intent": ("意向客户", "intent"),
    "signed": ("签约客户", "signed"),
    "dormant": ("沉寂客户", "dormant"),
    "lost": ("流失客户", "lost"),
}
_YES_NO: Final = (("否", "no"), ("是", "yes"))
_UNKNOWN: Final = ("未填写", "not filled in")
_MET: Final = (("未满足", "not met"), ("满足", "met"))
_SEEN: Final = ("{asked}；该客户：{saw}（{met}）", "{asked}; this customer: {saw} ({met})")
_OR: Final = (" 或 ", " or ")


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """One condition in both languages, with what it saw and whether that was enough."""

    zh: str
    en: str
    is_met: bool


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One condition in both languages."""

    zh: str
    en: str


def said(rules: Rules) -> list[list[Asked]]:
    """Write what rules ask: for each requirement a sentence for each of its conditions."""
    return [
        [Asked(zh=asked(each, 0), en=asked(each, 1)) for each in requirement.any_of]
        for requirement in rules.requirements
    ]


def told(verdict: Verdict) -> list[list[Sentence]]:
    """Write a verdict: for each requirement a sentence for each of its conditions."""
    return [[_sentence(finding) for finding in met.findings] for met in verdict.requirements]


def asked(condition: Condition, lang: int) -> str:
    """Write what a condition asks.

    :param lang: 0 for Chinese, 1 for English.
    """
    name = _FACTS[condition.fact][lang]
    match condition:
        case Among(values=values):
            return f"{name}{('属于 ', ' is ')[lang]}{_listed(condition.fact, values, lang)}"
        case NotAmong(values=values):
            return f"{name}{('不属于 ', ' is not ')[lang]}{_listed(condition.fact, values, lang)}"
        case AtLeast(number=number):
            return f"{name}{('至少 ', ' at least ')[lang]}{_value(condition.fact, number, lang)}"
        case AtMost(number=number):
            return f"{name}{('至多 ', ' at most ')[lang]}{_value(condition.fact, number, lang)}"
        case IsSo(value=value):
            return f"{name}{('：', ': ')[lang]}{_YES_NO[value][lang]}"
        case _:
            assert_never(condition)


def _listed(fact: str, values: tuple[str, ...], lang: int) -> str:
    """Write values, any of which will do."""
    return _OR[lang].join(_value(fact, value, lang) for value in values)


def _sentence(finding: Finding) -> Sentence:
    """Write a condition and what it saw."""
    zh, en = (
        _SEEN[lang].format(
            asked=asked(finding.condition, lang),
            saw=_value(finding.condition.fact, finding.saw, lang),
            met=_MET[finding.is_met][lang],
        )
        for lang in (0, 1)
    )
    return Sentence(zh=zh, en=en, is_met=finding.is_met)


def _value(fact: str, value: str | int | bool | None, lang: int) -> str:  # noqa: FBT001 - a fact
    """Write a value as people say it."""
    if value is None:
        return _UNKNOWN[lang]
    if isinstance(value, bool):
        return _YES_NO[value][lang]
    if fact == NumberFact.REVENUE_MINOR:
        yuan, fen = divmod(int(value), 100)
        return f"¥{yuan:,}.{fen:02d}"
    if fact == TextFact.STATUS and value in _STATUSES:
        return _STATUSES[str(value)][lang]
    return str(value)
