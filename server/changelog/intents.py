"""Read what a device asks for: the id that it made, and what belongs to the asking."""

from typing import TypeVar
from uuid import UUID

import msgspec

from server.kit.errors import Invalid
from sync_protocol.messages import Intent

T = TypeVar("T")


def read(intent: Intent, kind: type[T], *, detail: str) -> tuple[UUID, T]:
    """Read an intent's id and what it carries.

    :param detail: what such an intent names, for whoever wrote another one.
    :raises Invalid: naming what is wrong.
    """
    try:
        return UUID(intent.id), msgspec.convert(intent.args, kind)
    except (msgspec.ValidationError, ValueError) as error:
        field = str(error).partition("$.")[2].strip("`.") or "args"
        raise Invalid(detail, field=field) from error
