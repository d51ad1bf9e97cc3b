"""What became of every word: held, kept beside another, doubled or lost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

import msgspec

from server.benefits import queries as benefits
from server.kit import db
from server.settings import Settings
from world.faults.company import AMOUNT_MINOR, Company, opened
from world.faults.phone import FIELDS, Line

_NAMED: Final = """
SELECT name FROM tag UNION ALL SELECT name FROM contact UNION ALL SELECT name FROM attachment
"""
_THERE: Final = """
SELECT 'tag' AS kind, name AS about, '' AS field FROM tag
UNION ALL SELECT 'contact', name, '' FROM contact
UNION ALL SELECT 'photo', name, '' FROM attachment WHERE state = 'stored'
UNION ALL SELECT 'gone', id::text, '' FROM contact WHERE deleted
UNION ALL SELECT 'tagged', id::text, jsonb_array_elements_text(tags) FROM customer
WHERE jsonb_typeof(tags) = 'array'
"""
_BY_RECORD: Final = frozenset({"benefit", "gone", "tagged"})
"""Kinds of lines whose op carries no word."""


class Online(msgspec.Struct):
    """What was asked for over REST, by id: customers and benefits."""

    customers: dict[str, str] = {}
    """With their names."""
    benefits: set[str] = msgspec.field(default_factory=set)


Thing = tuple[str, str, str]
"""A kind of line, with the word or the record that it is about, and a field."""


class Held(msgspec.Struct, frozen=True):
    """What the server has in the end."""

    notes: Counter[str]
    customers: dict[str, dict[str, Any]]
    created: Counter[str]
    """How often the history tells of the creation of each customer."""
    written: Counter[tuple[str, str, str]]
    """How often the history tells that a value came into a field of a record."""
    kept_beside: set[tuple[str, str, str]]
    """Values of conflicts: record, field, value."""
    conflicts: int
    names: Counter[str]
    """Of tags, contacts and attachments; deleted ones too."""
    there: set[Thing]
    """Tags, contacts and attachments with their bytes, who has a tag, and who is deleted."""
    benefits: Counter[str]
    """By id."""
    promised_minor: int
    """What the program's budget is poorer by."""


class Verdict(msgspec.Struct, frozen=True):
    """The counts of one run."""

    saved: int
    lost: list[str]
    doubled: list[str]
    conflicts: int


def journal(path: Path) -> list[Line]:
    """Read what a phone has said; a line that was cut by its death is none."""
    lines = []
    for line in path.read_bytes().split(b"\n"):
        try:
            lines.append(msgspec.json.decode(line, type=Line))
        except msgspec.DecodeError:
            continue
    return lines


async def held(settings: Settings, company: Company) -> Held:
    """Read what the server has, beside the server."""
    async with opened(settings):
        program = await benefits.program(company.operator, company.program_id)
        async with db.tenant_transaction(company.tenant_id, readonly=True):
            fetch = db.connection().fetch
            notes = await fetch("SELECT body FROM note")
            customers = await fetch(f"SELECT id::text, name, {', '.join(FIELDS)} FROM customer")  # noqa: S608 - names of columns from this program
            changes = await fetch(
                "SELECT record_id::text, action, patch::text FROM change WHERE kind = 'customer'"
            )
            conflicts = await fetch(
                "SELECT record_id::text, field, kept::text, other::text FROM conflict"
            )
            named = await fetch(_NAMED)
            there = await fetch(_THERE)
            requests = await fetch("SELECT id::text FROM benefit_request WHERE state = 'issued'")
    return Held(
        notes=Counter(row["body"] for row in notes),
        customers={row["id"]: dict(row) for row in customers},
        created=Counter(row["record_id"] for row in changes if row["action"] == "create"),
        written=Counter(_written(changes)),
        kept_beside={
            (row["record_id"], row["field"], msgspec.json.decode(row[side]))
            for row in conflicts
            for side in ("kept", "other")
            if row[side] is not None
        },
        conflicts=len(conflicts),
        names=Counter(row["name"] for row in named),
        there={(row["kind"], row["about"], row["field"]) for row in there},
        benefits=Counter(row["id"] for row in requests),
        promised_minor=program.funded_minor - program.available_minor,
    )


def _written(changes: Iterable[Any]) -> Iterable[tuple[str, str, str]]:
    """Give each value that came into a field."""
    for row in changes:
        for field, (_, new) in msgspec.json.decode(row["patch"]).items():
            if field in FIELDS and isinstance(new, str):
                yield row["record_id"], field, new


def judge(
    lines: Sequence[Line], online: Online, held: Held, *, told: AbstractSet[str] = frozenset()
) -> Verdict:
    """Hold what was said against what is there.

    :param told: words and records of what was refused, and shown to the person as refused.
    """
    saved = [line for line in lines if line.saved]
    names = Counter(each["name"] for each in held.customers.values())
    promised = held.promised_minor // AMOUNT_MINOR
    lost = [
        line.word
        for line in saved
        if _is_lost(line, lines, held, names) and not _is_told(line, told)
    ]
    lost += [each for each, name in online.customers.items() if names[name] == 0]
    lost += [each for each in online.benefits if held.benefits[each] == 0]
    lost += ["a benefit without its budget"] * max(0, held.benefits.total() - promised)
    words = held.notes + names + held.names
    doubled = [word for word, count in words.items() if count > 1]
    doubled += [record for record, count in held.created.items() if count > 1]
    doubled += [value for (_, __, value), count in held.written.items() if count > 1]
    doubled += ["a budget without its benefit"] * max(0, promised - held.benefits.total())
    count = len(saved) + len(online.customers) + len(online.benefits)
    return Verdict(count, lost, doubled, held.conflicts)


def _is_told(line: Line, told: AbstractSet[str]) -> bool:
    """Say whether the person heard that what this line tells of was refused."""
    return line.word in told or (line.kind in _BY_RECORD and line.record in told)


def _is_lost(line: Line, lines: Sequence[Line], held: Held, names: Counter[str]) -> bool:
    """Say whether a saved word is nowhere, and was replaced by nobody who had seen it."""
    match line.kind:
        case "note":
            return held.notes[line.word] == 0
        case "customer":
            return names[line.word] == 0
        case "benefit":
            return held.benefits[line.record] == 0
        case "tag" | "contact" | "photo":
            return (line.kind, line.word, "") not in held.there
        case "tagged" | "gone":
            return (line.kind, line.record, line.field) not in held.there
        case _:
            where = (line.record, line.field, line.word)
            return (
                held.customers.get(line.record, {}).get(line.field) != line.word
                and where not in held.kept_beside
                and not _is_replaced(line, lines, held)
            )


def _is_replaced(line: Line, lines: Sequence[Line], held: Held) -> bool:
    """Say whether somebody who saw the word wrote another, and that one was saved or arrived."""
    return any(
        (each.record, each.field, each.over) == (line.record, line.field, line.word)
        and (each.saved or (each.record, each.field, each.word) in held.written)
        for each in lines
    )
