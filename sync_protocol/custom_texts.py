"""Values of custom fields as people write and read them: in cells, on pages, in a terminal."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from sync_protocol.custom_fields import Definition, shown
from sync_protocol.schema import CustomType, ValueRefused
from sync_protocol.texts import folded

_YES: Final = frozenset({"是", "有", "对", "yes", "y", "true", "1", "√", "✓"})
_NO: Final = frozenset({"否", "无", "没有", "不", "no", "n", "false", "0", "×"})
_SEPARATORS: Final = re.compile(r"[;；、|\n]+")
_DAY: Final = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?:[ T].*)?")
_SERIAL: Final = re.compile(r"[1-9][0-9]{4}(?:\.0+)?")
_SERIAL_FROM: Final = date(1899, 12, 30)
"""The day from which spreadsheet programs count."""
_DIGITS_MAX: Final = 18
"""Of a number: more than any field holds, and a power of ten that is written short is no giant."""
BAD_TEXT: Final = "bad_custom_value"


def read(definition: Definition, text: str) -> Any:
    """Answer the value that a person wrote; texts and phones as they were written, empty is none.

    :raises ValueRefused: ``bad_custom_value``; the sentence says what would be a value.
    """
    return _read(definition, text) if text.strip() else None


def _read(definition: Definition, text: str) -> Any:
    """Answer a value by the field's type."""
    match definition.type:
        case CustomType.INTEGER | CustomType.DECIMAL:
            return _number(definition, text)
        case CustomType.DATE:
            return _day(definition, text)
        case CustomType.FLAG:
            return _flag(definition, folded(text).lower())
        case CustomType.CHOICE:
            return _option(definition, folded(text))
        case CustomType.CHOICES:
            parts = [folded(each) for each in _SEPARATORS.split(text)]
            return sorted({_option(definition, each) for each in parts if each})
        case _:
            return text


def _refused(definition: Definition, detail: str) -> ValueRefused:
    return ValueRefused(BAD_TEXT, detail, definition.name)


def _number(definition: Definition, text: str) -> int:
    """Answer a number as a whole number of its last place."""
    try:
        number = Decimal(folded(text).replace(",", "").replace(" ", ""))
        scaled = number * 10**definition.decimals
        is_short = scaled.is_finite() and scaled.adjusted() < _DIGITS_MAX
        is_whole = is_short and scaled == scaled.to_integral_value()
    except ArithmeticError:
        is_whole = False
    if not is_whole:
        detail = (
            f"Give a number with at most {definition.decimals} decimals."
            if definition.decimals
            else "Give a whole number."
        )
        raise _refused(definition, detail)
    return int(scaled)


def _day(definition: Definition, text: str) -> str:
    """Answer a day, or refuse what is none."""
    if (found := day(text)) is None:
        raise _refused(definition, "Give a day like 2027-01-31.")
    return found


def day(text: str) -> str | None:
    """Answer a day that is written in one of the ways of people and programs; None if it is none.

    >>> day("2027年1月31日"), day("46418"), day("２０２７/１/３１ 09:00")
    ('2027-01-31', '2027-01-31', '2027-01-31')
    """
    plain = folded(text)
    try:
        if found := _DAY.fullmatch(plain):
            return date(*map(int, found.groups())).isoformat()
        if _SERIAL.fullmatch(plain):
            return (_SERIAL_FROM + timedelta(days=int(float(plain)))).isoformat()
    except ValueError:
        pass
    return None


def _flag(definition: Definition, text: str) -> int:
    if text not in _YES | _NO:
        raise _refused(definition, "Give 是 or 否.")
    return int(text in _YES)


def _option(definition: Definition, text: str) -> str:
    """Answer the option that is called so, or has this id; one in use before an archived one."""
    for option in sorted(definition.options, key=lambda each: each.archived):
        if text in (option.zh, option.en or option.zh, option.id):
            return option.id
    called = "、".join(each.zh for each in definition.options if not each.archived)
    raise _refused(definition, f"Choose among: {called}.")


def written(definition: Definition, value: Any, *, language: str = "zh") -> str:
    """Answer a value as ``read`` reads it."""
    if value is None:
        return ""
    match definition.type:
        case CustomType.INTEGER | CustomType.DECIMAL:
            return shown(definition, value)
        case CustomType.FLAG:
            yes_no = ("No", "Yes") if language == "en" else ("否", "是")
            return yes_no[value]
        case CustomType.CHOICE | CustomType.CHOICES:
            called = options(definition, language)
            ids = value if isinstance(value, list) else [value]
            known = [each.id for each in definition.options if each.id in ids]
            return ";".join(called[each] for each in known)
        case _:
            return str(value)


def options(definition: Definition, language: str) -> Mapping[str, str]:
    """Answer what each option is called, archived ones too."""
    return {
        each.id: (each.en or each.zh) if language == "en" else each.zh
        for each in definition.options
    }
