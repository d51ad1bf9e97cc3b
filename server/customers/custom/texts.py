"""Values of custom fields as people write and read them: in cells, on pages, in exports. Pure."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from server.customers.rules import fields as rules
from server.customers.rules.fields import BadValue
from server.kit.errors import Refusal
from server.kit.text import clean
from sync_protocol.custom_fields import Definition, check_value
from sync_protocol.custom_fields import shown as number_shown
from sync_protocol.schema import SCHEMA, CustomType, ValueRefused, check

_YES: Final = frozenset({"是", "有", "对", "yes", "y", "true", "1", "√", "✓"})
_NO: Final = frozenset({"否", "无", "没有", "不", "no", "n", "false", "0", "×"})
_SEPARATORS: Final = re.compile(r"[;；、|\n]+")
_DAY: Final = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?:[ T].*)?")
_SERIAL: Final = re.compile(r"[1-9][0-9]{4}(?:\.0+)?")
_SERIAL_FROM: Final = date(1899, 12, 30)
"""The day from which spreadsheet programs count."""


_DIGITS_MAX: Final = 18
"""Of a number: more than any field holds, and a power of ten that is written short is no giant."""


class BadCustomValue(BadValue):
    """What was written is no value of its custom field."""

    code = "bad_custom_value"


def read(definition: Definition, text: str) -> Any:
    """Turn what a person wrote into a value; an empty text is none.

    :raises BadCustomValue: it is no value of this field; the sentence says what would be one.
    """
    if not text.strip():
        return None
    value = _read(definition, text)
    try:
        normal = rules.normalise(definition.subject, {definition.name: value})[definition.name]
        check(SCHEMA.field(definition.subject, definition.name), normal)
        check_value(definition, definition.subject, normal)
    except ValueRefused as error:
        raise BadCustomValue(error.detail, field=definition.name) from error
    except Refusal as error:
        raise BadCustomValue(error.detail, field=definition.name) from error
    return normal


def _read(definition: Definition, text: str) -> Any:
    """Read a text by the field's type."""
    match definition.type:
        case CustomType.INTEGER | CustomType.DECIMAL:
            return _number(definition, text)
        case CustomType.DATE:
            return _day(definition, clean(text))
        case CustomType.FLAG:
            return _flag(definition, clean(text).lower())
        case CustomType.CHOICE:
            return _option(definition, clean(text))
        case CustomType.CHOICES:
            parts = [clean(each) for each in _SEPARATORS.split(text)]
            return sorted({_option(definition, each) for each in parts if each})
        case _:
            return text


def _number(definition: Definition, text: str) -> int:
    """Read a number as a whole number of its last place."""
    try:
        number = Decimal(clean(text).replace(",", "").replace(" ", ""))
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
        raise BadCustomValue(detail, field=definition.name)
    return int(scaled)


def _day(definition: Definition, text: str) -> str:
    """Read a day in one of the ways in which people and programs write it."""
    found = _DAY.fullmatch(text)
    try:
        if found:
            return date(*map(int, found.groups())).isoformat()
        if _SERIAL.fullmatch(text):
            return (_SERIAL_FROM + timedelta(days=int(float(text)))).isoformat()
    except ValueError:
        pass
    raise BadCustomValue("Give a day like 2027-01-31.", field=definition.name)


def _flag(definition: Definition, text: str) -> int:
    """Read yes or no."""
    if text not in _YES | _NO:
        raise BadCustomValue("Give 是 or 否.", field=definition.name)
    return int(text in _YES)


def _option(definition: Definition, text: str) -> str:
    """Find the option that is called so, or that has this id; one in use before an archived one."""
    for option in sorted(definition.options, key=lambda each: each.archived):
        if text in (option.zh, option.en or option.zh, option.id):
            return option.id
    called = "、".join(each.zh for each in definition.options if not each.archived)
    raise BadCustomValue(f"Choose among: {called}.", field=definition.name)


def written(definition: Definition, value: Any, *, language: str = "zh") -> str:
    """Write a value as `read` reads it."""
    if value is None:
        return ""
    match definition.type:
        case CustomType.INTEGER | CustomType.DECIMAL:
            return number_shown(definition, value)
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
    """Say what each option is called, archived ones too."""
    return {
        each.id: (each.en or each.zh) if language == "en" else each.zh
        for each in definition.options
    }
