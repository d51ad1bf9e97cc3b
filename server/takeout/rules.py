"""Say what a takeout holds, and refuse one that is damaged or from another schema. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.kit.errors import Conflict, Invalid

FORMAT: Final = 1


class TakeoutDamaged(Invalid):
    """A file of the takeout is missing, or is not what the manifest says."""

    code = "takeout_damaged"


class TakeoutOfAnotherSchema(Conflict):
    """The takeout was made by a version of the product that keeps other tables."""

    code = "takeout_of_another_schema"


class CompanyExists(Conflict):
    """The company is in this install already; it is rebuilt in a fresh one."""

    code = "company_exists"


class File(msgspec.Struct, frozen=True):
    """One file of a takeout."""

    path: str
    rows: int
    """Lines of a table; 1 of a content."""
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a takeout holds: each file with its count and digest, and how to read it."""

    format: int
    tenant_id: UUID
    company: str
    made_at: datetime
    product: str
    """The version that made it."""
    columns: dict[str, list[str]]
    """Of each table."""
    tables: list[File]
    """Rows as JSON, one a line, in byte order; from these the company is rebuilt."""
    contents: list[File]
    """Photos and files, by the key under which they lie."""
    kept: list[File]
    """What the platform keeps of the company, for reading: its books and agreements stay there."""


def in_order(tables: Iterable[str], parents: Mapping[str, frozenset[str]]) -> list[str]:
    """Order tables so that each stands behind those that it refers to."""
    left, ordered = sorted(tables), list[str]()
    while left:
        ready = [each for each in left if not (parents.get(each, frozenset()) - {each}) & {*left}]
        assert ready, "no table refers to itself in a round"
        ordered += ready
        left = [each for each in left if each not in ready]
    return ordered


def ensure_fits(manifest: Manifest, columns: Mapping[str, list[str]]) -> None:
    """Refuse what this install could not hold.

    :raises TakeoutOfAnotherSchema: naming a table that differs.
    """
    if manifest.format != FORMAT:
        raise TakeoutOfAnotherSchema(f"Its format is {manifest.format}; this version reads 1.")
    for table in sorted(manifest.columns.keys() | columns.keys()):
        if manifest.columns.get(table) != columns.get(table):
            raise TakeoutOfAnotherSchema(
                f"Table {table} has other columns here; rebuild with version {manifest.product}."
            )


def ensure_same(told: File, found: File) -> None:
    """Refuse a file, or a rebuilt table, that is not what the manifest says.

    :raises TakeoutDamaged: naming it.
    """
    if told != found:
        raise TakeoutDamaged(
            f"{told.path} should have {told.rows} rows and digest {told.sha256[:12]}, and has "
            f"{found.rows} and {found.sha256[:12]}; take the data out again."
        )
