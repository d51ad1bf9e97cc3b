"""Arrays that are written and read place by place.

What stands at the end as its default is left out.
"""

from typing import Any, Final, TypeVar, cast

import msgspec

from sync_protocol.messages import DecodeError, FormatUnknown
from sync_protocol.schema import MAX_SAFE_INT

FORMAT: Final = 2
"""The first value of every message; the protocol whose compact form this is."""
EPOCH: Final = 1
"""The epoch of a tenant that was never restored goes without saying."""
T = TypeVar("T")


def cut(values: list[Any], *defaults: object) -> list[Any]:
    """Leave out what stands at the end as its default."""
    for default in reversed(defaults):
        if values[-1] != default or type(values[-1]) is not type(default):
            break
        values.pop()
    return values


class Reader:
    """An array that is read place by place; what is not there has its default."""

    def __init__(self, values: object, field: str) -> None:
        if not isinstance(values, list):
            raise DecodeError("This should be an array.", field)
        self._values = values
        self._field = field

    def take(self, place: int, name: str, kind: type[T], default: object = ...) -> T:
        """Answer the value at a place.

        :raises DecodeError: if it is not there, or of another type.
        """
        value = self._values[place] if place < len(self._values) else default
        if value is default and default is not ...:
            return cast("T", default)
        if value is ...:
            raise DecodeError("The message is cut short.", self.name(name))
        if type(value) is not kind and kind is not object:
            raise DecodeError(
                f"This should be {_WORDS.get(kind, 'something else')}.", self.name(name)
            )
        return cast("T", value)

    def name(self, name: str) -> str:
        """Answer how a place is called in a refusal."""
        return f"{self._field}.{name}" if self._field else name


_WORDS: Final = {int: "a whole number", str: "text", list: "an array", bytes: "bytes"}


def refusal_of(error: msgspec.ValidationError, within: str = "") -> DecodeError:
    """Answer a refusal that names the field."""
    words, _, place = str(error).partition(" - at `")
    field = place.removeprefix("key in `").strip("`").removeprefix("$").removeprefix(".")
    name = ".".join(part for part in (within, field) if part)
    return DecodeError(f"{words}.", name or None)


def opened(values: object) -> Reader:
    """Answer the places of a message.

    :raises FormatUnknown: if it is of another form than this.
    """
    if isinstance(values, dict):
        raise FormatUnknown("This is the MessagePack of an earlier protocol.", None)
    if not isinstance(values, list) or not values or type(values[0]) is not int:
        raise DecodeError("This is not a message.")
    if values[0] != FORMAT:
        raise FormatUnknown(f"This form of message is not known: {values[0]}.", None)
    return Reader(values, "")


def read_time(value: int, field: str) -> int:
    """Answer a time, which every side can tell exactly.

    :raises DecodeError: if it is out of bounds.
    """
    if abs(value) > MAX_SAFE_INT:
        raise DecodeError("The number is out of bounds.", field)
    return value
