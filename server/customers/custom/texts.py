"""Values of custom fields as people write and read them: in cells, on pages, in exports. Pure."""

from typing import Any

from server.customers.rules import fields as rules
from server.customers.rules.fields import BadValue
from server.kit.errors import Refusal
from sync_protocol import custom_texts
from sync_protocol.custom_fields import Definition, check_value
from sync_protocol.custom_texts import options, written
from sync_protocol.schema import SCHEMA, ValueRefused, check

__all__ = ["BadCustomValue", "options", "read", "written"]


class BadCustomValue(BadValue):
    """What was written is no value of its custom field."""

    code = "bad_custom_value"


def read(definition: Definition, text: str) -> Any:
    """Turn what a person wrote into a value; an empty text is none.

    :raises BadCustomValue: it is no value of this field; the sentence says what would be one.
    """
    kind, name = definition.subject, definition.name
    try:
        value = custom_texts.read(definition, text)
        if value is None:
            return None
        normal = rules.normalise(kind, {name: value})[name]
        check(SCHEMA.field(kind, name), normal)
        check_value(definition, kind, normal, object_id=definition.object_id)
    except (ValueRefused, Refusal) as error:
        raise BadCustomValue(error.detail, field=name) from error
    return normal
