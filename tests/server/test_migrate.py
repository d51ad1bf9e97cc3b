"""Migrations: each once, one process at a time, all or nothing, while old code runs."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from server import migrate
from server.kit import db
from server.migrate import Step
from server.settings import Settings
from tests.postgres import environment

GOOD = """
from server.kit.schema import sql_migration
ID = "{id}"
DESCRIPTION = "A table of the test."
async def forwards():
    return sql_migration(ID, "story", DESCRIPTION, {statements!r})
"""


@pytest.fixture
async def owner(fresh_database: Settings) -> str:
    """The owner's address of a database of this test's own."""
    assert fresh_database.owner_database_url is not None
    return fresh_database.owner_database_url


def test_every_migration_says_what_it_does() -> None:
    found = migrate.steps()

    assert len({(step.app_name, step.id) for step in found}) == len(found)
    assert all(step.description for step in found)


async def test_a_migrated_database_has_nothing_pending(owner: str) -> None:
    assert await migrate.pending(owner) == []


async def test_two_processes_migrate_once_between_them(owner: str) -> None:
    forgotten = await _forget_the_kit(owner)

    answers = await asyncio.gather(*(_tonglu_migrate(owner) for _ in range(2)))

    assert sorted("were run" in answer for answer in answers) == [False, True]
    assert await _count(owner, forgotten) == 1


async def test_a_failed_migration_leaves_neither_table_nor_line(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _write(tmp_path, "broken", ["CREATE TABLE half (id uuid)", "SELECT 1 / 0"])
    monkeypatch.setattr(migrate, "steps", lambda: [broken])

    with pytest.raises(asyncpg.DivisionByZeroError):
        await _in_a_process_of_its_own(owner)

    assert await _ask(owner, "SELECT to_regclass('half')") is None
    assert await _count(owner, broken) == 0


async def test_the_line_and_the_table_are_one_transaction(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _write(tmp_path, "whole", ["CREATE TABLE whole (id uuid)"])
    monkeypatch.setattr(migrate, "steps", lambda: [whole])

    await _in_a_process_of_its_own(owner)

    asked = """
        SELECT c.xmin = m.xmin FROM pg_class c, migration m
        WHERE c.relname = 'whole' AND m.app_name = 'story'
    """
    assert await _ask(owner, asked) is True


async def test_a_locked_table_is_waited_for_and_then_left_alone(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = _write(tmp_path, "locked", ["ALTER TABLE team ADD story text"])
    monkeypatch.setattr(migrate, "steps", lambda: [step])
    monkeypatch.setattr(migrate, "_LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrate, "_PAUSE_S", 0.01)
    monkeypatch.setattr(migrate, "_ATTEMPTS_MAX", 2)
    old_code = await asyncpg.connect(owner)
    await old_code.execute("BEGIN; LOCK TABLE team IN ACCESS SHARE MODE")
    try:
        with pytest.raises(migrate.MigrationBlocked):
            await _in_a_process_of_its_own(owner)
    finally:
        await old_code.close()

    await _in_a_process_of_its_own(owner)

    assert await _count(owner, step) == 1


def _write(folder: Path, name: str, statements: list[str]) -> Step:
    """Write a migration of an app called story."""
    file = folder / f"{name}.py"
    file.write_text(GOOD.format(id=name, statements=statements))
    return Step("story", name, "A table of the test.", file)


async def _in_a_process_of_its_own(owner_url: str) -> None:
    """Migrate on an engine that the tests' open database does not share."""
    engine = db.ENGINE
    pool, engine.pool = engine.pool, None
    try:
        await migrate.migrate(owner_url)
    finally:
        engine.pool = pool


async def _tonglu_migrate(owner_url: str) -> str:
    """Run the command."""
    return await asyncio.to_thread(
        subprocess.check_output,
        [sys.executable, "-m", "server.cli", "migrate"],
        env=environment() | {"TONGLU_OWNER_DATABASE_URL": owner_url},
        text=True,
    )


async def _forget_the_kit(owner_url: str) -> Step:
    """Undo the migrations of kit, as if they had never run; give the first of them."""
    connected = await asyncpg.connect(owner_url)
    try:
        await connected.execute("DROP TABLE outbox, schedule")
        await connected.execute("DELETE FROM migration WHERE app_name = 'kit'")
    finally:
        await connected.close()
    return next(step for step in migrate.steps() if step.app_name == "kit")


async def _count(owner_url: str, step: Step) -> object:
    """Count the lines of a migration."""
    connected = await asyncpg.connect(owner_url)
    try:
        return await connected.fetchval(
            "SELECT count(*) FROM migration WHERE app_name = $1 AND name = $2",
            step.app_name,
            step.id,
        )
    finally:
        await connected.close()


async def _ask(owner_url: str, question: str) -> object:
    """Ask one question as the owner."""
    connected = await asyncpg.connect(owner_url)
    try:
        return await connected.fetchval(question)
    finally:
        await connected.close()
