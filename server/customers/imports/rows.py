"""Turn a row of a spreadsheet into a customer's fields, or say what is wrong with it. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from server.customers.custom import texts
from server.customers.custom.texts import BadCustomValue
from server.customers.rules import fields as rules
from server.customers.rules.status import Status
from server.imports.rules import cells
from server.imports.rules.cells import CellUnread
from server.imports.rules.rows import Interpreted, Problem
from server.kit.errors import Refusal
from server.kit.text import clean
from sync_protocol.custom_fields import Definition

STATUS_WORDS: Final[dict[str, Status]] = {
    "潜在": Status.POTENTIAL,
    "新客户": Status.POTENTIAL,
    "线索": Status.POTENTIAL,
    "需求": Status.NEED,
    "有需求": Status.NEED,
    "意向": Status.INTENT,
    "有意向": Status.INTENT,
    "签约": Status.SIGNED,
    "已签约": Status.SIGNED,
    "成交": Status.SIGNED,
    "已成交": Status.SIGNED,
    "沉寂": Status.DORMANT,
    "沉睡": Status.DORMANT,
    "休眠": Status.DORMANT,
    "流失": Status.LOST,
    "已流失": Status.LOST,
    "丢失": Status.LOST,
}
"""What people call the states; each also with 客户 behind it."""

_CONTACT_FIELDS: Final = {
    "contact_name": "name",
    "contact_phone": "phone",
    "contact_title": "title",
}
_DIGITS: Final = frozenset({"phone", "contact_phone", "uscc"})
_TAG_SEPARATORS: Final = re.compile(r"[;；,，、|\n]+")


class Known(msgspec.Struct, frozen=True):
    """What names in cells stand for: people and tags of the company."""

    owners: Mapping[str, str | None] = {}
    """From a person's name to the id; None where two people have the name."""
    owner_ids: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    """The ids of those who work here no longer; customers that are theirs may still be."""
    teams: Mapping[str, str] = {}
    """From a person's id to the team's, of those who have one."""
    tags: Mapping[str, str] = {}
    custom: Mapping[str, Definition] = {}
    """The company's own fields in use, by name."""


def interpret(number: int, given: Mapping[str, str], known: Known) -> Interpreted:
    """Understand a row; every cell is looked at, so that all that is wrong is told at once."""
    read: dict[str, Any] = {}
    contact: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, text in given.items():
        try:
            cell = cells.digits(text) if column in _DIGITS else text
            if column in _CONTACT_FIELDS:
                contact[_CONTACT_FIELDS[column]] = cell
            else:
                name, value = _value(column, cell, known)
                read[name] = value
        except CellUnread as problem:
            problems.append(Problem(column, problem.code, problem.detail))
    record_id = read.pop("id", None)
    accepted, refusals = rules.examine("customer", read)
    problems += [_problem(refusal) for refusal in refusals]
    if cells.is_sum(accepted.get("name")):
        problems.append(Problem("name", "sum_row", "This row adds up others; it is no customer."))
    if not accepted.get("name") and not any(problem.field == "name" for problem in problems):
        problems.append(Problem("name", "field_required", "The customer's name is missing."))
    team_id = known.teams.get(accepted.get("owner_id") or "")
    if team_id is not None:
        # A customer belongs to its owner's team, also when a file brings it.
        accepted["team_id"] = team_id
    checked, contact_problems = _contact(contact)
    problems += contact_problems
    return Interpreted(number, accepted, record_id, checked, tuple(problems))


def _problem(refusal: Refusal) -> Problem:
    """Keep of a refusal what is told of a row."""
    return Problem(refusal.field or "", refusal.code, refusal.detail)


def _contact(given: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Understand the contact of a row, if it names one."""
    if not given:
        return None, []
    accepted, refusals = rules.examine("contact", given)
    problems = [
        Problem(f"contact_{refusal.field}", refusal.code, refusal.detail) for refusal in refusals
    ]
    return (accepted if accepted.get("name") else None), problems


def _value(column: str, text: str, known: Known) -> tuple[str, Any]:
    """Give the field and the value of a cell."""
    if (own := known.custom.get(column)) is not None:
        try:
            return column, texts.read(own, text)
        except BadCustomValue as refusal:
            raise CellUnread(refusal.code, refusal.detail) from refusal
    reader = _READERS.get(column)
    if reader is None:
        return column, text
    field, read = reader
    return field, read(text, known)


def _status(text: str, _: Known) -> str:
    """Read a state in the product's word or in one of people's."""
    word = clean(text).lower()
    found = STATUS_WORDS.get(word) or STATUS_WORDS.get(word.removesuffix("客户"))
    if found is None and word not in set(Status):
        raise CellUnread(
            "bad_status", "Use one of 潜在客户, 需求客户, 意向客户, 签约客户, 沉寂客户, 流失客户."
        )
    return str(found or word)


def _owner(text: str, known: Known) -> str:
    """Find a person by name."""
    name = clean(text)
    if name not in known.owners:
        raise CellUnread("unknown_owner", "Nobody of this name works here.")
    found = known.owners[name]
    if found is None:
        raise CellUnread("ambiguous_owner", "Two people have this name; use the column of ids.")
    return found


def _owner_id(text: str, known: Known) -> str:
    """Find a person by id."""
    owner = text.strip().lower()
    if owner not in known.owner_ids and owner not in known.left:
        raise CellUnread("unknown_owner", "Nobody here has this id.")
    return owner


def _tags(text: str, known: Known) -> list[str]:
    """Find tags by name; none is made here, since a tag needs a meaning."""
    names = [clean(part) for part in _TAG_SEPARATORS.split(text)]
    missing = [name for name in names if name and name not in known.tags]
    if missing:
        raise CellUnread("unknown_tag", "Make the tag first, with its meaning; then import again.")
    return sorted({known.tags[name] for name in names if name})


_READERS: Final[dict[str, tuple[str, Callable[[str, Known], Any]]]] = {
    "id": ("id", lambda text, _: cells.record_id(text)),
    "status": ("status", _status),
    "expected_revenue_yuan": (
        "expected_revenue_minor",
        lambda text, _: cells.minor_units(text),
    ),
    "expected_revenue_minor": ("expected_revenue_minor", lambda text, _: cells.whole(text)),
    "owner": ("owner_id", _owner),
    "owner_id": ("owner_id", _owner_id),
    "tags": ("tags", _tags),
}
"""Columns whose cells are more than a text: the field that they give, and how."""
