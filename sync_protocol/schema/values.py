"""Which values a field accepts."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from sync_protocol.schema.fields import MAX_SAFE_INT, FieldSpec, FieldType

MAX_TIME_MS: Final = 253_402_127_999_999
"""Two days before the end of the year 9999: in no zone is it later than can be shown."""

MAX_SET_SIZE: Final = 200
"""How many elements a set field may have."""
MAX_ANY_DEPTH: Final = 8
"""How deep a free value may nest."""
MAX_ANY_ITEMS: Final = 1_000
"""How many values a free value may have inside."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class ValueRefused(Exception):
    """A value, field or record that the schema does not allow."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


def is_uuid(text: object) -> bool:
    """Answer whether this is an id in its one spelling."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def check(spec: FieldSpec, value: object) -> None:
    """Accept a value of a field, or refuse it in words.

    :raises ValueRefused: ``field_required`` or ``value_invalid``.
    """
    if value is None or (value == "" and spec.required):
        if spec.required:
            raise ValueRefused("field_required", f"{spec.name} must have a value.", spec.name)
        return
    problem = _problem(spec, value)
    if problem is not None:
        raise ValueRefused("value_invalid", f"{spec.name} {problem}.", spec.name)


def _problem(spec: FieldSpec, value: object) -> str | None:
    """Answer what is wrong with a value, as the rest of a sentence."""
    return _PROBLEMS[spec.type](spec, value)


def _text_problem(spec: FieldSpec, value: object) -> str | None:
    if not isinstance(value, str):
        return "is not text"
    if spec.choices:
        return None if value in spec.choices else f"is not one of {', '.join(spec.choices)}"
    if len(value) > spec.max_length:
        return f"is longer than {spec.max_length} characters"
    if not is_clean_text(value):
        return "has a character that cannot be stored"
    if spec.pattern is not None and value != "" and re.fullmatch(spec.pattern, value) is None:
        return "is not of the form that is asked for"
    return None


def is_clean_text(value: str) -> bool:
    """Answer whether every store can hold this text: no NUL, no half of a surrogate pair."""
    if "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _int_problem(spec: FieldSpec, value: object) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return "is not a whole number"
    if spec.type is FieldType.TIME and not 0 <= value <= MAX_TIME_MS:
        return "is not a moment between 1970 and 9999"
    if not spec.minimum <= value <= spec.maximum:
        return f"is not between {spec.minimum} and {spec.maximum}"
    return None


def is_day(value: object) -> bool:
    """Answer whether this is a day of the calendar in its one spelling."""
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _set_problem(_: FieldSpec, value: object) -> str | None:
    if not isinstance(value, list | tuple):
        return "is not a list"
    if len(value) > MAX_SET_SIZE:
        return f"has more than {MAX_SET_SIZE} elements"
    if not all(is_uuid(element) for element in value):
        return "has an element that is not an id (lower case, with hyphens)"
    if len(set(value)) != len(value):
        return "has an element twice"
    return None


def _any_problem(_: FieldSpec, value: object) -> str | None:
    """Walk a free value without recursion, so that depth cannot hurt."""
    pending: list[tuple[object, int]] = [(value, 1)]
    seen = 0
    while pending:
        item, depth = pending.pop()
        seen += 1
        if depth > MAX_ANY_DEPTH or seen > MAX_ANY_ITEMS:
            return "is too deep or too large"
        if isinstance(item, dict):
            pending.extend((inside, depth + 1) for pair in item.items() for inside in pair)
        elif isinstance(item, list | tuple):
            pending.extend((inside, depth + 1) for inside in item)
        elif isinstance(item, str):
            if not is_clean_text(item):
                return "has a character that cannot be stored"
        elif isinstance(item, int):
            if not -MAX_SAFE_INT <= item <= MAX_SAFE_INT:
                return "has a number that is too large"
        elif item is not None and not isinstance(item, float):
            return "has a value that does not travel"
    return None


def _uuid_problem(_: FieldSpec, value: object) -> str | None:
    return None if is_uuid(value) else "is not an id (lower case, with hyphens)"


def _date_problem(_: FieldSpec, value: object) -> str | None:
    return None if is_day(value) else "is not a day like 2027-01-31"


_PROBLEMS: Final[Mapping[FieldType, Callable[[FieldSpec, object], str | None]]] = {
    FieldType.TEXT: _text_problem,
    FieldType.INT: _int_problem,
    FieldType.TIME: _int_problem,
    FieldType.UUID: _uuid_problem,
    FieldType.DATE: _date_problem,
    FieldType.SET: _set_problem,
    FieldType.ANY: _any_problem,
}
"""By type, what finds a value's fault; every type has its own."""
