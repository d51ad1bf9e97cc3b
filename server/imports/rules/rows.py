"""A row of a file on its way: what was understood of it, what is wrong with it, what is done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from server.kit.cells import plain


class Action(StrEnum):
    """What is done with a row."""

    CREATE = "create"
    UPDATE = "update"
    SKIP = "skip"
    """Told, and left as it is."""
    REFUSE = "refuse"


class Policy(StrEnum):
    """What is done with a row that is there already."""

    SKIP = "skip"
    """Tell it and leave the record as it is."""
    UPDATE = "update"
    """Write the row's values into the record; empty cells change nothing."""
    CREATE = "create"
    """Make a second record."""


class Problem(msgspec.Struct, frozen=True, array_like=True):
    """What is wrong with one cell of a row, or with the row."""

    field: str
    code: str
    detail: str
    record_id: str | None = None
    """The record that it is about; named to a reader who sees it."""


class Interpreted(msgspec.Struct, frozen=True):
    """A row as the product understands it."""

    number: int
    fields: dict[str, Any]
    id: str | None = None
    contact: dict[str, Any] | None = None
    """The person whom the row names besides."""
    problems: tuple[Problem, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What is to be done with a row. `target` is the record that is created or updated."""

    row: Interpreted
    action: Action
    target: str = ""
    problems: tuple[Problem, ...] = ()


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What is told of a row: its problems, and whether it was taken all the same."""

    number: int
    was_taken: bool
    problems: tuple[Problem, ...]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows that are done, or would become of them."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    """There already, and left as they are."""
    refused: int = 0
    """Something is wrong with them; see their problems."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            **{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        )


def count(verdicts: Sequence[Verdict]) -> Counts:
    """Count what is to be done."""
    actions = Counter(verdict.action for verdict in verdicts)
    return Counts(
        rows=len(verdicts),
        created=actions[Action.CREATE],
        updated=actions[Action.UPDATE],
        skipped=actions[Action.SKIP],
        refused=actions[Action.REFUSE],
    )


def said_by(
    cells: Sequence[str], columns: Sequence[str | None], everywhere: Mapping[str, str]
) -> dict[str, str]:
    """Give what a row says of each field; where it says nothing, what is said everywhere."""
    given = dict(everywhere)
    for column, cell in zip(columns, cells, strict=False):
        text = plain(cell.strip())
        if column is not None and text and not text.isspace():
            given[column] = text
    return given
