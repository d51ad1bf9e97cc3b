"""Bring what people write into each field's one normal form, and refuse what has none.

The types, lengths and choices are those of ``sync_protocol.schema``; here stands how a person's
spelling becomes a value of that schema. REST, import and devices pass through the same functions.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final

import msgspec

from server.customers.rules import identifiers, places
from server.customers.rules.status import Status, ensure_transition
from server.kit.errors import Invalid, Refusal
from server.kit.text import clean, is_storable, tidy
from sync_protocol.schema import SCHEMA, CustomType, FieldSpec, ValueRefused
from sync_protocol.schema import check as check_value
from sync_protocol.schema.custom import is_custom, type_of


class BadValue(Invalid):
    """A value is not of the kind that its field takes."""

    code = "bad_value"


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one field of one record."""

    field: str
    code: str
    detail: str


def paragraph(text: str) -> str:
    """Keep a longer text's lines; trim them, and bring line ends into one form."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def level(text: str) -> str:
    """Give a level in capitals; A级 is A."""
    return clean(text).upper().removesuffix("级").removesuffix("类")


_Normaliser = Callable[[str], str]

_BY_NAME: Final[dict[str, _Normaliser]] = {
    "uscc": identifiers.uscc,
    "phone": identifiers.phone,
    "email": identifiers.email,
    "city": places.city,
    **dict.fromkeys(("district", "industry", "source", "number", "wechat"), clean),
    "level": level,
    "status": lambda text: clean(text).lower(),
    "remark": paragraph,
    "body": paragraph,
}
"""Fields whose normal form is more than a tidy line; those that are clean are compared."""
_BOUNDED: Final = frozenset({identifiers.uscc, identifiers.phone, identifiers.email})
_REPEATED: Final = frozenset({"city", "district", "industry", "status", "level", "source"})
"""Fields of few values: their normal forms are remembered."""
_TYPED_PER_KEPT: Final = 4
"""A text may be so many times as long as what is kept of it; what is longer is not even read."""


def normalise(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Bring each given field into its normal form; an empty text is no value.

    :raises Refusal: for the first field that has none, naming it.
    """
    specs = SCHEMA.fields(kind)
    return {
        name: _remembered(kind, name, value)
        if name in _REPEATED and isinstance(value, str)
        else _normal(kind, specs, name, value)
        for name, value in given.items()
    }


@lru_cache(4096)
def _remembered(kind: str, name: str, value: str) -> Any:
    """Bring a value into its normal form that many records have in common."""
    return _normal(kind, SCHEMA.fields(kind), name, value)


def accept(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Normalise the fields, then hold them against the schema.

    :raises Refusal: for the first field that is not acceptable, naming it.
    """
    accepted, problems = examine(kind, given)
    if problems:
        raise problems[0]
    return accepted


def examine(kind: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Refusal]]:
    """Do as `accept`, but go on after a refusal: give what is acceptable and all refusals."""
    specs = SCHEMA.fields(kind)
    accepted: dict[str, Any] = {}
    refusals: list[Refusal] = []
    for name, value in given.items():
        if name not in specs and SCHEMA.custom(kind, name) is None:
            refusals.append(BadValue(f"A {kind} has no such field.", field=name))
            continue
        try:
            normal = _normal(kind, specs, name, value)
            check_value(SCHEMA.field(kind, name), normal)
            accepted[name] = normal
        except ValueRefused as error:
            refusals.append(BadValue(error.detail, field=name))
        except Refusal as refusal:
            refusals.append(refusal)
    return accepted, refusals


def ensure_complete(kind: str, fields: Mapping[str, Any]) -> None:
    """Refuse a new record that lacks a required field."""
    for spec in SCHEMA.fields(kind).values():
        if spec.required and fields.get(spec.name) in {None, ""}:
            raise BadValue(f"Give the {kind}'s {spec.name}.", field=spec.name)


def _normal(kind: str, specs: Mapping[str, FieldSpec], name: str, value: Any) -> Any:
    """Bring one value into its normal form; what is not text is left to the schema."""
    # Raises for a field that there is not.
    spec = specs.get(name) or SCHEMA.field(kind, name)
    if not isinstance(value, str):
        return value
    normaliser = _normaliser(kind, name)
    # Codes and numbers have bounds, and words for them, of their own.
    if len(value) > _TYPED_PER_KEPT * spec.max_length and normaliser not in _BOUNDED:
        raise BadValue(f"Write at most {spec.max_length} characters.", field=name)
    if not is_storable(value):
        raise BadValue("This text has a character that cannot be stored.", field=name)
    return normaliser(value) or None if value and not value.isspace() else None


def _normaliser(kind: str, name: str) -> _Normaliser:
    """Give what brings a text into the normal form of its field; of a custom one, of its type."""
    if not is_custom(name):
        # No two tags are called alike.
        return _BY_NAME.get(name, clean if (kind, name) == ("tag", "name") else tidy)
    match type_of(name):
        case CustomType.PHONE:
            return identifiers.phone
        case CustomType.LINES:
            return paragraph
        case _:
            return tidy


def check_customer(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse a customer that may not become what it would become.

    :raises IllegalTransition: the status machine has no such step.
    """
    if before and before.get("status") and after.get("status"):
        ensure_transition(Status(before["status"]), Status(after["status"]))


normalise_customer: Final = partial(normalise, "customer")
normalise_store: Final = partial(normalise, "store")
normalise_contact: Final = partial(normalise, "contact")
normalise_note: Final = partial(normalise, "note")
normalise_tag: Final = partial(normalise, "tag")
