"""Turn a row of a sheet into a record of a custom object, or say what is wrong with it. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from server.customers.custom import texts
from server.customers.custom.texts import BadCustomValue
from server.customers.imports import whose
from server.customers.imports.whose import Whose
from server.customers.objects.schemas import ObjectView
from server.customers.rules import fields as rules
from server.imports.rules import cells
from server.imports.rules.cells import CellUnread
from server.imports.rules.rows import Interpreted, Problem
from server.kit.errors import Refusal
from server.kit.text import clean
from sync_protocol.custom_fields import Definition
from sync_protocol.schema.custom import is_custom

READING: Final = "reading"
_OF_CUSTOMER: Final = {"name": "name", "uscc": "uscc", "phone": "phone"}
"""In which column a field of the customer stands."""


class Known(msgspec.Struct, frozen=True):
    """What names in cells stand for: the company's objects and their fields."""

    objects: Mapping[str, ObjectView]
    """By each name that an object has."""
    fields: Mapping[str, Definition]
    """All fields of all objects, by the field's name."""

    def of(self, object_id: str) -> list[Definition]:
        """Give the fields of an object."""
        return [each for each in self.fields.values() if each.object_id == object_id]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was understood of a good row."""

    object: ObjectView
    customer: Whose
    title: str
    store: str | None
    custom: Mapping[str, Any]


def interpret(number: int, given: Mapping[str, str], known: Known) -> Interpreted:
    """Understand a row; every cell is looked at, so that all that is wrong is told at once."""
    problems: list[Problem] = []
    record_id: str | None = None
    try:
        record_id = cells.record_id(given["id"]) if given.get("id") else None
    except CellUnread as problem:
        problems.append(Problem("id", problem.code, problem.detail))
    of = _object(given.get("object", ""), known)
    if of is None:
        problems.append(Problem("object", "unknown_object", "Name one of the company's objects."))
    customer, unread = whose.read(given, _OF_CUSTOMER)
    record, refusals = rules.examine(
        "custom_record", {"title": given["title"]} if given.get("title") else {}
    )
    problems += unread
    problems += [Problem(each.field or "", each.code, each.detail) for each in refusals]
    for name, held in (("name", customer.called), ("title", record.get("title"))):
        if not held and not any(each.field == name for each in problems):
            problems.append(Problem(name, "field_required", f"The {name} is missing."))
    custom: dict[str, Any] = {}
    if of is not None:
        custom, unread = _custom(given, of, known)
        problems += unread
    if of is None or problems:
        return Interpreted(number, {}, record_id, problems=tuple(problems))
    reading = Reading(
        object=of,
        customer=customer,
        title=record["title"],
        store=clean(given.get("store", "")) or None,
        custom=custom,
    )
    return Interpreted(number, {READING: reading}, record_id)


def reading_of(row: Interpreted) -> Reading:
    """Give what was understood of a good row."""
    reading: Reading = row.fields[READING]
    return reading


def _object(text: str, known: Known) -> ObjectView | None:
    """Find the object of a row; where nothing is said, the only one that is in use."""
    if name := clean(text):
        return known.objects.get(name)
    used = {each.id: each for each in known.objects.values() if each.state == "active"}
    return next(iter(used.values())) if len(used) == 1 else None


def _custom(
    given: Mapping[str, str], of: ObjectView, known: Known
) -> tuple[dict[str, Any], list[Problem]]:
    """Read the fields of the object: a column that is called like one is that one."""
    theirs = known.of(str(of.id))
    custom: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, text in given.items():
        if not is_custom(column) or column not in known.fields:
            continue
        label = known.fields[column].label_zh
        own = next((each for each in theirs if column == each.name or label == each.label_zh), None)
        if own is None:
            detail = f"{of.name_zh} has no field {label}."
            problems.append(Problem(column, "field_unknown", detail))
            continue
        try:
            custom[own.name] = texts.read(own, text)
        except BadCustomValue as refusal:
            problems.append(Problem(column, refusal.code, refusal.detail))
        except Refusal as refusal:
            problems.append(Problem(column, refusal.code, refusal.detail))
    return custom, problems
