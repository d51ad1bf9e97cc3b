"""What an import is over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.imports.rules.rows import Counts, Policy
from server.imports.sheets import COLUMNS_MAX, FILE_BYTES_MAX, READ_BYTES_MAX, ROWS_MAX

Field = Annotated[str, msgspec.Meta(max_length=60)]
Columns = Annotated[list[Field | None], msgspec.Meta(max_length=COLUMNS_MAX)]
Everywhere = Annotated[
    dict[Field, Annotated[str, msgspec.Meta(max_length=1000)]], msgspec.Meta(max_length=COLUMNS_MAX)
]
__all__ = [
    "FILE_BYTES_MAX",
    "READ_BYTES_MAX",
    "ROWS_MAX",
    "Columns",
    "Counts",
    "ImportView",
    "Plan",
    "Policy",
    "Preview",
    "RowProblem",
    "StartImport",
]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be imported: a field, or null, for each column; and what of doubles."""

    columns: Columns
    duplicates: Policy
    everywhere: Everywhere = {}
    """What a field says in each row that says nothing itself, written as a cell would be."""


class RowProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a row was not taken as it is. `row` is its line in the file, the first being 1."""

    row: int
    field: str
    code: str
    detail: str


class ImportView(msgspec.Struct, frozen=True, kw_only=True):
    """An import: the file as it was read, the plan, and how far it has come.

    Its state is uploaded, running and done; or stopped, because who started it may not any more.
    """

    id: UUID
    target: str
    """What its rows become."""
    file_name: str
    format: str
    encoding: str | None
    delimiter: str | None
    header: list[str]
    row_count: int
    state: str
    created_by: UUID
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: Counts
    plan: Plan
    fields: list[str]
    """What a column may be for."""
    policies: list[Policy]
    called: dict[str, str] = {}
    """What the company's own fields among them are called."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would do; the first two hundred problems, the first five rows."""

    import_: ImportView = msgspec.field(name="import")
    sample: list[list[str]]
    counts: Counts
    problems: list[RowProblem]


class StartImport(msgspec.Struct, frozen=True, kw_only=True):
    """The plan to import by; without columns the guessed ones."""

    columns: Columns | None = None
    duplicates: Policy | None = None
    everywhere: Everywhere = {}
