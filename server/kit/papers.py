"""Amounts as papers have them. Pure."""

from typing import Final

from billing.money import decimals

_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_GROUPS: Final = ("", "万", "亿", "万亿")
_FEN: Final = 100
_GROUP: Final = 10_000


def amount(minor: int, currency: str) -> str:
    """Write an amount with its decimals and separators, such as ``-1,234.50``."""
    scale = decimals(currency)
    whole, part = divmod(abs(minor), 10**scale)
    return f"{'-' if minor < 0 else ''}{whole:,}" + (f".{part:0{scale}d}" if scale else "")


def in_words(minor: int) -> str:
    """Write yuan as a cheque has them (大写).

    >>> in_words(1_234_05), in_words(100_010_00), in_words(-80), in_words(0)
    ('壹仟贰佰叁拾肆元零伍分', '壹拾万零壹拾元整', '负捌角', '零元整')
    """
    yuan, rest = divmod(abs(minor), _FEN)
    jiao, fen = divmod(rest, 10)
    said = f"{_whole(yuan)}元" if yuan else ""
    if jiao:
        said += f"{_DIGITS[jiao]}角"
    elif fen and yuan:
        said += "零"
    said += f"{_DIGITS[fen]}分" if fen else ""
    sign = "负" if minor < 0 else ""
    return sign + (said if rest else f"{said or '零元'}整")


def _whole(yuan: int) -> str:
    """Write a whole number above nothing, in groups of four digits."""
    groups: list[str] = []
    is_gap = False
    for name in _GROUPS:
        yuan, group = divmod(yuan, _GROUP)
        if group:
            # A nought stands where places are left out between two groups.
            gap = "零" if is_gap else ""
            groups.append(_four(group) + name + gap)
        is_gap = bool(groups) and (group < _GROUP // 10 or (is_gap and not group))
        if not yuan:
            break
    return "".join(reversed(groups))


def _four(group: int) -> str:
    """Write up to four digits; several noughts are said once, those at the end not at all."""
    said, is_gap = "", False
    for place in reversed(range(4)):
        digit = group // 10**place % 10
        if digit:
            said += ("零" if is_gap else "") + _DIGITS[digit] + _PLACES[place]
        is_gap = bool(said) and not digit
    return said
