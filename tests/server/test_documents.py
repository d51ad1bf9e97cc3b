"""The documents tell what the code does: every refusal, every table, every setting of the words."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import TypeVar

import asyncpg
import pytest

from billing.errors import BillingRefusal
from server import problems
from server.kit import errors
from server.kit.errors import Refusal
from server.settings import Settings
from tests.postgres import ROOT

T = TypeVar("T")

_LINE = re.compile(r"^\| `([a-z_]+)` \| (\d{3}|4xx) \| (.+\.) \| (.+\.) \|$", re.MULTILINE)
_OF_THE_FRAMEWORK = {"method_not_allowed": "405", "internal": "500", "contended": "503"}
"""Codes that `server.problems` gives to what is no refusal class."""


def _refusals() -> set[type[Refusal]]:
    """Import every module, then list every class of refusal."""
    for name in ("server", "billing", "partner_portal"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if "piccolo_migrations" not in module.name:
                importlib.import_module(module.name)
    return set(_below(Refusal))


def _below(kind: type[T]) -> Iterator[type[T]]:
    """List the subclasses of the product, also of subclasses; tests and worlds have their own."""
    for found in kind.__subclasses__():
        if not found.__module__.startswith(("tests.", "world.")):
            yield found
            yield from _below(found)


def _documented() -> dict[str, str]:
    """Read the codes of docs/errors.md with their statuses."""
    lines = _LINE.findall((ROOT / "docs" / "errors.md").read_text())
    codes = [code for code, *_ in lines]
    assert len(codes) == len(set(codes)), "a code has one line"
    return {code: status for code, status, *_ in lines}


def test_every_refusal_is_documented_with_its_status() -> None:
    in_code = {kind.code: str(int(problems.status_of(kind("x")))) for kind in _refusals()}

    in_books = {
        kind.code: str(int(problems.STATUS_OF_BOOKS[kind.sort])) for kind in _below(BillingRefusal)
    }

    documented = _documented()

    assert documented == in_books | in_code | _OF_THE_FRAMEWORK | {"refused": "4xx"}


def test_every_refusal_says_what_happened() -> None:
    silent = [kind.__name__ for kind in _refusals() if not (kind.__doc__ or "").strip()]

    assert silent == []


def test_every_refusal_has_a_code_of_its_own_kind() -> None:
    by_code: dict[str, set[int]] = {}
    for kind in _refusals():
        by_code.setdefault(kind.code, set()).add(int(problems.status_of(kind("x"))))
        assert re.fullmatch(r"[a-z][a-z_]*", kind.code), kind
    two_statuses = {code: statuses for code, statuses in by_code.items() if len(statuses) > 1}

    assert two_statuses == {}
    assert errors.Refusal.code == "refused"


def test_every_line_of_the_error_tables_is_read() -> None:
    lines = (ROOT / "docs" / "errors.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]

    assert [row for row in rows if not _LINE.match(row)] == []


async def test_every_table_is_in_the_glossary(database: Settings) -> None:
    words = (ROOT / "docs" / "glossary.md").read_text()
    reader = await asyncpg.connect(database.owner_database_url)
    try:
        rows = await reader.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await reader.close()

    missing = [row["tablename"] for row in rows if f"| `{row['tablename']}` |" not in words]

    assert len(rows) > 20
    assert missing == []


async def test_the_glossary_names_no_table_that_is_gone(database: Settings) -> None:
    reader = await asyncpg.connect(database.owner_database_url)
    try:
        rows = await reader.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await reader.close()
    tables = {row["tablename"] for row in rows}
    words = re.findall(
        r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE
    )

    assert set(words) - tables == set()


@pytest.mark.parametrize("page", ["glossary.md", "errors.md"])
def test_every_entry_is_one_sentence(page: str) -> None:
    for line in (ROOT / "docs" / page).read_text().splitlines():
        if line.startswith("| ") and not line.startswith(("| word", "| code", "|---")):
            assert line.rstrip(" |").endswith("."), line
