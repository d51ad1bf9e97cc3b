"""Turn a row of a spreadsheet into a lead, or say what is wrong with it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from server.imports.rules import cells
from server.imports.rules.cells import CellUnread
from server.imports.rules.rows import Interpreted, Problem
from server.kit.errors import Refusal
from server.kit.text import clean
from server.leads.rules.states import IntakePath
from server.leads.schemas import NewLead
from server.leads.service.intake import Ground, interpret

_DIGITS: Final = frozenset({"phone", "uscc"})


class Known(msgspec.Struct, frozen=True):
    """What leads are judged by, and what names in cells stand for."""

    ground: Ground
    sources: Mapping[str, UUID | None]
    """By name, and by the whole path to it; None where two have the name."""
    campaigns: Mapping[str, UUID | None]


def known(ground: Ground) -> Known:
    """Gather the names of sources and campaigns."""
    sources: dict[str, UUID | None] = {}
    for source_id, source in ground.sources.items():
        for name in {source.name, "/".join(source.path)}:
            sources[name] = None if name in sources else source_id
    campaigns: dict[str, UUID | None] = {}
    for campaign_id, (name, _) in ground.campaigns.items():
        campaigns[name] = None if name in campaigns else campaign_id
    return Known(ground, sources, campaigns)


def read_row(number: int, given: Mapping[str, str], known: Known) -> Interpreted:
    """Understand a row; every cell is looked at, so that all that is wrong is told at once.

    A phone that cannot be dialled is no problem of the row: the lead is kept, and judged by it.
    """
    read: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, text in given.items():
        try:
            field, value = _value(column, text, known)
            read[field] = value
            msgspec.convert({"name": "-", field: value}, NewLead)
        except CellUnread as problem:
            problems.append(Problem(column, problem.code, problem.detail))
        except msgspec.ValidationError:
            detail = "This is too long, or has signs that cannot be kept."
            problems.append(Problem(column, "bad_value", detail))
    name = clean(read.get("name", ""))
    if cells.is_sum(name):
        problems.append(Problem("name", "sum_row", "This row adds up others; it is no lead."))
    if not name and not any(problem.field == "name" for problem in problems):
        problems.append(Problem("name", "field_required", "The name is missing."))
    if problems:
        return Interpreted(number, {}, problems=tuple(problems))
    return _lead(number, read, known)


def _lead(number: int, read: Mapping[str, Any], known: Known) -> Interpreted:
    """Bring a lead whose cells are good into normal form, and tag it."""
    new = msgspec.convert(read, NewLead)
    try:
        reading = interpret(new, IntakePath.IMPORT, known.ground)
    except Refusal as refusal:
        problem = Problem(refusal.field or "", refusal.code, refusal.detail)
        return Interpreted(number, {}, problems=(problem,))
    return Interpreted(number, {"reading": reading}, str(new.id) if new.id else None)


def _value(column: str, text: str, known: Known) -> tuple[str, Any]:
    """Give the field and the value of a cell."""
    cell = cells.digits(text) if column in _DIGITS else text
    reader = _READERS.get(column)
    if reader is None:
        return column, cell
    field, read = reader
    return field, read(cell, known)


def _source(text: str, known: Known) -> UUID:
    """Find a source by name or path."""
    return _named(clean(text), known.sources, "source")


def _campaign(text: str, known: Known) -> UUID:
    """Find a campaign by name."""
    return _named(clean(text), known.campaigns, "campaign")


def _named(name: str, held: Mapping[str, UUID | None], what: str) -> UUID:
    """Find what has a name."""
    if name not in held:
        raise CellUnread(f"unknown_{what}", f"Make the {what} first; then import again.")
    found = held[name]
    if found is None:
        raise CellUnread(f"ambiguous_{what}", f"There are two of this name; rename one {what}.")
    return found


_READERS: Final[dict[str, tuple[str, Callable[[str, Known], Any]]]] = {
    "id": ("id", lambda text, _: UUID(cells.record_id(text))),
    "amount_yuan": ("amount_minor", lambda text, _: cells.minor_units(text)),
    "amount_minor": ("amount_minor", lambda text, _: cells.whole(text)),
    "source": ("source_id", _source),
    "campaign": ("campaign_id", _campaign),
}
"""Columns whose cells are more than a text: the field that they give, and how."""
