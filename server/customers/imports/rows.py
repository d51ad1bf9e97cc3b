"""Turn a row of a spreadsheet into a customer's fields, or say what is wrong with it. Pure."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import msgspec

from server.customers.exports.cells import plain
from server.customers.imports.sheets import Row
from server.customers.rules import fields as rules
from server.customers.rules.status import Status
from server.kit.errors import Refusal
from server.kit.text import clean
from sync_protocol.schema import MAX_REVENUE_MINOR

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
_SUMS: Final = frozenset({"合计", "总计", "小计", "总和", "total", "subtotal", "grandtotal"})
"""What stands where a name would in a row that adds up the others."""
_WHOLE_FLOAT: Final = re.compile(r"(\+?[0-9]{5,})\.0+")
"""Digits that a program took for a number and wrote with a point."""
_SHORTENED: Final = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+")
"""Digits that a spreadsheet shortened to what fits its column: the others are lost."""
_DIGITS: Final = frozenset({"phone", "contact_phone", "uscc"})
_TAG_SEPARATORS: Final = re.compile(r"[;；,，、|\n]+")
_AMOUNT: Final = re.compile(r"(-?[0-9][0-9,]*(?:\.[0-9]+)?)(万|亿)?元?")
_UNITS: Final = {None: 1, "万": 10_000, "亿": 100_000_000}


class Problem(msgspec.Struct, frozen=True, array_like=True):
    """What is wrong with one cell of a row, or with the row."""

    field: str
    code: str
    detail: str
    customer_id: str | None = None
    """The customer that it is about; named to a reader who sees it."""


class Interpreted(msgspec.Struct, frozen=True):
    """A row as the product understands it."""

    number: int
    fields: dict[str, Any]
    id: str | None = None
    contact: dict[str, Any] | None = None
    problems: tuple[Problem, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """What names in cells stand for: people and tags of the company."""

    owners: Mapping[str, str | None] = {}
    """From a person's name to the id; None where two people have the name."""
    owner_ids: frozenset[str] = frozenset()
    teams: Mapping[str, str] = {}
    """From a person's id to the team's, of those who have one."""
    tags: Mapping[str, str] = {}


class _Cell(Exception):
    """A cell that cannot be understood."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def interpret(row: Row, columns: Sequence[str | None], known: Known) -> Interpreted:
    """Understand a row; every cell is looked at, so that all that is wrong is told at once."""
    given: dict[str, Any] = {}
    contact: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, cell in zip(columns, row.cells, strict=False):
        text = plain(cell.strip())
        if column is None or not text or text.isspace():
            continue
        try:
            if column in _DIGITS:
                text = _digits(text)
            if column in _CONTACT_FIELDS:
                contact[_CONTACT_FIELDS[column]] = text
            else:
                name, value = _value(column, text, known)
                given[name] = value
        except _Cell as problem:
            problems.append(Problem(column, problem.code, problem.detail))
    record_id = given.pop("id", None)
    accepted, refusals = rules.examine("customer", given)
    problems += [_problem(refusal) for refusal in refusals]
    if _is_sum(accepted.get("name")):
        problems.append(Problem("name", "sum_row", "This row adds up others; it is no customer."))
    if not accepted.get("name") and not any(problem.field == "name" for problem in problems):
        problems.append(Problem("name", "field_required", "The customer's name is missing."))
    team_id = known.teams.get(accepted.get("owner_id") or "")
    if team_id is not None:
        # A customer belongs to its owner's team, also when a file brings it.
        accepted["team_id"] = team_id
    checked, contact_problems = _contact(contact)
    problems += contact_problems
    return Interpreted(row.number, accepted, record_id, checked, tuple(problems))


def _is_sum(name: str | None) -> bool:
    """Say whether a row is the line under a table."""
    return name is not None and re.sub(r"[\s:：]", "", name).lower() in _SUMS


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


def _digits(text: str) -> str:
    """Read digits that are a name, not a number, whatever a spreadsheet made of them."""
    if _SHORTENED.fullmatch(text):
        raise _Cell(
            "digits_lost", "The spreadsheet shortened this number; set the column to text first."
        )
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole[1] if whole else text


def _value(column: str, text: str, known: Known) -> tuple[str, Any]:
    """Give the field and the value of a cell."""
    reader = _READERS.get(column)
    if reader is None:
        return column, text
    field, read = reader
    return field, read(text, known)


def _id(text: str, _: Known) -> str:
    """Read the id that an export wrote."""
    try:
        return str(UUID(text))
    except ValueError as error:
        raise _Cell("bad_id", "This is not the id of an export; leave it empty.") from error


def _status(text: str, _: Known) -> str:
    """Read a state in the product's word or in one of people's."""
    word = clean(text).lower()
    found = STATUS_WORDS.get(word) or STATUS_WORDS.get(word.removesuffix("客户"))
    if found is None and word not in set(Status):
        raise _Cell(
            "bad_status", "Use one of 潜在客户, 需求客户, 意向客户, 签约客户, 沉寂客户, 流失客户."
        )
    return str(found or word)


def _minor_units(text: str, _: Known) -> int:
    """Read an amount in yuan as fen: 12,000.50, ￥1.2万, 3亿元."""
    written = unicodedata.normalize("NFKC", text).replace(" ", "").lstrip("¥￥")
    match = _AMOUNT.fullmatch(written)
    try:
        if match is None:
            raise _Cell("bad_amount", "Write an amount in yuan, as in 12000.50 or 1.2万.")
        fen = Decimal(match[1].replace(",", "")) * _UNITS[match[2]] * 100
    except InvalidOperation as error:
        raise _Cell("bad_amount", "Write an amount in yuan, as in 12000.50.") from error
    if not 0 <= fen <= MAX_REVENUE_MINOR:
        raise _Cell("bad_amount", "Write an amount from nothing to a hundred billion yuan.")
    if fen != int(fen):
        raise _Cell("bad_amount", "An amount has at most two decimals.")
    return int(fen)


def _whole(text: str, _: Known) -> int:
    """Read an amount in fen."""
    try:
        fen = int(unicodedata.normalize("NFKC", text).replace(",", ""))
    except ValueError as error:
        raise _Cell("bad_amount", "Write a whole number of fen.") from error
    if not 0 <= fen <= MAX_REVENUE_MINOR:
        raise _Cell("bad_amount", "Write an amount from nothing to a hundred billion yuan.")
    return fen


def _owner(text: str, known: Known) -> str:
    """Find a person by name."""
    name = clean(text)
    if name not in known.owners:
        raise _Cell("unknown_owner", "Nobody of this name works here.")
    found = known.owners[name]
    if found is None:
        raise _Cell("ambiguous_owner", "Two people have this name; use the column of ids.")
    return found


def _owner_id(text: str, known: Known) -> str:
    """Find a person by id."""
    owner = text.strip().lower()
    if owner not in known.owner_ids:
        raise _Cell("unknown_owner", "Nobody here has this id.")
    return owner


def _tags(text: str, known: Known) -> list[str]:
    """Find tags by name; none is made here, since a tag needs a meaning."""
    names = [clean(part) for part in _TAG_SEPARATORS.split(text)]
    missing = [name for name in names if name and name not in known.tags]
    if missing:
        raise _Cell("unknown_tag", "Make the tag first, with its meaning; then import again.")
    return sorted({known.tags[name] for name in names if name})


_READERS: Final[dict[str, tuple[str, Callable[[str, Known], Any]]]] = {
    "id": ("id", _id),
    "status": ("status", _status),
    "expected_revenue_yuan": ("expected_revenue_minor", _minor_units),
    "expected_revenue_minor": ("expected_revenue_minor", _whole),
    "owner": ("owner_id", _owner),
    "owner_id": ("owner_id", _owner_id),
    "tags": ("tags", _tags),
}
"""Columns whose cells are more than a text: the field that they give, and how."""
