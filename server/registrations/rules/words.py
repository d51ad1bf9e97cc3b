"""Say in plain words why: each rule, what it compared, what came of it. Chinese first. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.kit.calendars import ZONE
from server.registrations.rules.order import Line, Rule, Ruling

_NAMES: Final[Mapping[Rule, tuple[str, str]]] = {
    Rule.TERRITORY: ("独家区域权", "exclusive territory"),
    Rule.LIVE: ("有效报备", "live registration"),
    Rule.EVIDENCE: ("证据时间", "time of the evidence"),
    Rule.WORD: ("客户本人意愿", "the customer's own word"),
    Rule.LOT: ("抽签", "the lot"),
}
_SAME: Final = ("无人领先，看下一条", "nobody is ahead; the next rule decides")
_APART: Final = (
    "各方所写地点不一致，此条不计，请留意；",
    "they name different places, so that this counts for nothing, take note; ",
)
_KEPT: Final = ("领先：{kept}", "ahead: {kept}")
_DECIDED: Final = ("结论：{winner}优先（{by}）。", "Decided: {winner} is first ({by}).")
_OTHERWISE: Final = (
    "仲裁员未按规则：裁定{winner}优先，理由另附。",
    "The arbitrator did not follow the rules: {winner} is first, for the reason given.",
)
_ALONE: Final = ("只有一方报备，无需比较。", "Nobody else has registered; nothing to compare.")


def trace(ruling: Ruling, names: Mapping[UUID, tuple[str, str]], lang: int) -> list[str]:
    """Write a ruling's trace, a sentence a rule, and its end.

    :param names: what each claim is called by who reads, in Chinese and in English.
    :param lang: 0 for Chinese, 1 for English.
    """
    lines = [_line(line, names, lang) for line in ruling.trace]
    if ruling.by is None:
        return [*lines, _ALONE[lang]]
    by = _NAMES[ruling.by][lang]
    return [*lines, _DECIDED[lang].format(winner=names[ruling.winner][lang], by=by)]


def otherwise(winner: str, lang: int) -> str:
    """Write that an arbitrator decided otherwise than the rules."""
    return _OTHERWISE[lang].format(winner=winner)


def _line(line: Line, names: Mapping[UUID, tuple[str, str]], lang: int) -> str:
    """Write what one rule did."""
    comma, colon, stop = (("，", "：", "。"), (", ", ": ", "."))[lang]
    told = [
        f"{names[UUID(claim)][lang]}{colon}{_value(line.rule, value, lang)}"
        for claim, value in line.compared.items()
    ]
    if len(line.kept) == len(line.compared):
        effect = _SAME[lang]
    else:
        kept = ("、", ", ")[lang].join(names[claim][lang] for claim in line.kept)
        effect = _KEPT[lang].format(kept=kept)
    if line.is_apart is True:
        effect = f"{_APART[lang]}{effect}"
    name = _NAMES[line.rule][lang]
    return f"{name}{colon}{comma.join(told)}{('；', '; ')[lang]}{effect}{stop}"


def _value(rule: Rule, value: Any, lang: int) -> str:
    """Write what was compared of one claim."""
    match rule:
        case Rule.EVIDENCE:
            return (" 至 ", " to ")[lang].join(map(_moment, value))
        case Rule.LIVE:
            none = ("此前无保护", "not protected before")[lang]
            since = ("自 {} 起受保护", "protected since {}")[lang]
            return none if value is None else since.format(_moment(value))
        case Rule.LOT:
            return str(value)[:8]
        case Rule.TERRITORY | Rule.WORD:
            return (("有", "无"), ("yes", "no"))[lang][0 if value else 1]


def _moment(at_ms: int) -> str:
    """Write a moment as clocks in China show it."""
    return datetime.fromtimestamp(at_ms / 1000, ZONE).strftime("%Y-%m-%d %H:%M:%S")
