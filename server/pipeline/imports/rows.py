"""Turn a row of a spreadsheet into a deal, or say what is wrong with it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from server.customers.custom import texts
from server.customers.imports import whose
from server.customers.imports.whose import Whose
from server.customers.rules import fields as rules
from server.imports.rules import cells
from server.imports.rules.cells import CellUnread
from server.imports.rules.rows import Interpreted, Problem
from server.kit.errors import Refusal
from server.kit.text import clean
from server.pipeline.imports.columns import (
    CATEGORIES_ZH,
    LOST_REASONS_ZH,
    OF_CUSTOMER,
    PEOPLE,
    STATES_ZH,
)
from server.pipeline.schemas import ProcessView
from sync_protocol.custom_fields import Definition
from sync_protocol.process.gates import State

READING: Final = "reading"
_T = TypeVar("_T", bound=str)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What names in cells stand for."""

    processes: Sequence[ProcessView]
    """All versions of all processes."""
    people: Mapping[str, Sequence[str]]
    """The ids of the company's people, by name: more than one where two have the name."""
    keepers: frozenset[str]
    """Of these who may be named anew: none who has left, and no analyst."""
    custom: Mapping[str, Definition]
    """The custom fields of deals that are in use, by name."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was understood of a good row; None where it says nothing."""

    customer: Whose
    name: str | None
    plain: Mapping[str, Any]
    """Facts that are written as they are, by the deal's field."""
    custom: Mapping[str, Any]
    people: Mapping[str, Sequence[str]]
    """Who may be meant, by the deal's field."""
    process: str | None
    stage: str | None
    state: State | None
    lost_reason: str | None
    closed_on: str | None
    """A day."""


def reading_of(row: Interpreted) -> Reading:
    """Give what was understood of a good row."""
    reading: Reading = row.fields[READING]
    return reading


def interpret(number: int, given: Mapping[str, str], known: Known) -> Interpreted:
    """Understand a row; every cell is looked at, so that all that is wrong is told at once."""
    customer, problems = whose.read(given, OF_CUSTOMER)
    read: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for column, text in given.items():
        try:
            if column in known.custom:
                own |= _own(known.custom[column], text)
            elif column in PEOPLE:
                read[column] = _people(text, known)
            elif column not in OF_CUSTOMER.values():
                read[column] = _READERS.get(column, clean)(text)
        except CellUnread as problem:
            problems.append(Problem(column, problem.code, problem.detail))
    plain, refusals = rules.examine(
        "opportunity", {_FIELD.get(each, each): read[each] for each in _PLAIN if each in read}
    )
    problems += [
        Problem(_COLUMN.get(each.field or "", each.field or ""), each.code, each.detail)
        for each in refusals
    ]
    problems += _missing(read, customer) if not problems else ()
    if cells.is_sum(plain.get("name")):
        problems.append(Problem("name", "sum_row", "This row adds up others; it is no deal."))
    if problems:
        return Interpreted(number, {}, read.get("id"), problems=tuple(problems))
    reading = Reading(
        customer=customer,
        name=plain.pop("name", None),
        plain=plain,
        custom=own,
        people={each: read[each] for each in PEOPLE if each in read},
        process=read.get("process"),
        stage=read.get("stage"),
        state=read.get("state"),
        lost_reason=read.get("lost_reason"),
        closed_on=read.get("closed_on"),
    )
    return Interpreted(number, {READING: reading}, read.get("id"))


def _missing(read: Mapping[str, Any], customer: Whose) -> list[Problem]:
    """Say what a row lacks that names no deal by its id."""
    if read.get("id"):
        return []
    lacking = [] if customer.is_said else ["customer"]
    lacking += [] if read.get("name") else ["name"]
    return [Problem(each, "field_required", f"The {each} is missing.") for each in lacking]


def _own(definition: Definition, text: str) -> Mapping[str, Any]:
    """Read a custom field."""
    try:
        return {definition.name: texts.read(definition, text)}
    except Refusal as refusal:
        raise CellUnread(refusal.code, refusal.detail) from refusal


def _people(text: str, known: Known) -> Sequence[str]:
    """Find the people of a name."""
    found = known.people.get(clean(text))
    if not found:
        raise CellUnread("unknown_person", "Nobody of this name works here.")
    return found


def _word_of(words: Mapping[_T, str], code: str) -> Callable[[str], _T]:
    """Give the reader of a cell that says one of a few things, in Chinese or as the API does."""
    by_word = {said: word for word, each in words.items() for said in (word.lower(), each)}

    def read(text: str) -> _T:
        found = by_word.get(clean(text).lower())
        if found is None:
            raise CellUnread(code, f"Write one of {', '.join(words.values())}.")
        return found

    return read


_PLAIN: Final = (
    *("name", "amount_yuan", "expected_on", "forecast_category", "competitor", "remark"),
)
"""The columns of what is written as it is."""
_FIELD: Final = {"amount_yuan": "amount_minor"}
_COLUMN: Final = {field: column for column, field in _FIELD.items()}
_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "id": cells.record_id,
    "amount_yuan": cells.minor_units,
    "expected_on": cells.day,
    "closed_on": cells.day,
    "forecast_category": _word_of(CATEGORIES_ZH, "bad_category"),
    "state": _word_of(STATES_ZH, "bad_state"),
    "lost_reason": _word_of(LOST_REASONS_ZH, "bad_lost_reason"),
    "remark": str,
}
"""Columns whose cells are more than a line of text."""
