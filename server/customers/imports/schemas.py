"""What an import is over HTTP and to the portal."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from server.customers.imports.sheets import COLUMNS_MAX

Field = Literal[
    "id",
    "name",
    "uscc",
    "phone",
    "city",
    "district",
    "address",
    "industry",
    "status",
    "level",
    "source",
    "owner",
    "owner_id",
    "expected_revenue_yuan",
    "expected_revenue_minor",
    "remark",
    "tags",
    "contact_name",
    "contact_phone",
    "contact_title",
]
Columns = Annotated[list[Field | None], msgspec.Meta(max_length=COLUMNS_MAX)]


class Policy(StrEnum):
    """What is done with a row that is a customer already."""

    SKIP = "skip"
    """Tell it and leave the customer as it is."""
    UPDATE = "update"
    """Write the row's values into the customer; empty cells change nothing."""
    CREATE = "create"
    """Make a second customer."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be imported: a field, or null, for each column; and what of doubles."""

    columns: Columns
    duplicates: Policy = Policy.SKIP


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows that are done, or would become of them."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Customers already, and left as they are."""
    refused: int = 0
    """Something is wrong with them; see their problems."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            **{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        )


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


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would do; the first two hundred problems, the first five rows."""

    import_: ImportView = msgspec.field(name="import")
    sample: list[list[str]]
    counts: Counts
    problems: list[RowProblem]


class StartImport(msgspec.Struct, frozen=True, kw_only=True):
    """The plan to import by; without columns the guessed ones."""

    columns: Columns | None = None
    duplicates: Policy = Policy.SKIP
