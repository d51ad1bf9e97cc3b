"""The log covers what is committed, in blocks that follow each other; any changed byte is found."""

import asyncio
import base64
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billing.ledger.schemas import Code
from billing.sealing import queries, service, tonglu_verify, tree
from billing.sealing.schemas import Head, NotSealed, ProvenStatement
from server.kit import db
from server.settings import Settings
from tests.billing import accounts
from tests.billing.books import OPERATOR
from tests.factories import NOW
from tests.postgres import Postgres

pytestmark = pytest.mark.usefixtures("own_books")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
DAY = timedelta(days=1)
SCRIPT = Path(tonglu_verify.__file__)


async def _seal(*, transfers_max: int = 2_048) -> Head | None:
    async with db.platform_transaction(OPERATOR):
        return await service.seal(KEY, now=NOW, transfers_max=transfers_max)


async def _head() -> Head:
    """Seal everything that waits, if only one transfer, and give the head."""
    await _moved(1)
    while await _seal():
        pass
    async with db.platform_transaction(OPERATOR):
        head = await queries.last_head()
    assert head is not None
    return head


async def _wrong() -> list[str]:
    async with db.platform_transaction(OPERATOR):
        found = await queries.contradictions(frozenset({PUBLIC}))
    return [finding.subject for finding in found]


async def _move(one: UUID, other: UUID, minor: int = 5) -> None:
    outcome = await accounts.record([accounts.single(one, other, minor)])
    assert outcome.code is Code.RECORDED


async def _moved(times: int) -> tuple[UUID, UUID]:
    """Give two accounts between which something moved."""
    one, other = await accounts.open_account(), await accounts.open_account()
    for number in range(times):
        await _move(one, other, number + 1)
    return one, other


async def test_blocks_follow_each_other_and_cover_what_was_written() -> None:
    before = await _head()
    await _moved(7)

    sealed = [await _seal(transfers_max=3) for _ in range(4)]

    heads = [head for head in sealed if head is not None]
    assert [head.size - head.first_seq for head in heads] == [6, 6, 2]
    for earlier, later in zip([before, *heads], heads, strict=False):
        assert (later.n, later.first_seq) == (earlier.n + 1, earlier.size)
        assert later.previous == earlier.digest()
    assert sealed[-1] is None
    assert await _wrong() == []


async def test_what_commits_late_comes_into_a_later_block_and_leaves_no_gap() -> None:
    await _head()
    accounts_of = [await accounts.open_account() for _ in range(4)]
    is_written, may_commit = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with db.platform_transaction(OPERATOR):
            await _move(accounts_of[0], accounts_of[1])
            is_written.set()
            await may_commit.wait()

    writing = asyncio.create_task(slow())
    await is_written.wait()
    await _move(accounts_of[2], accounts_of[3])
    first = await _seal()
    may_commit.set()
    await writing
    second = await _seal()

    assert first is not None
    assert second is not None
    assert (first.size - first.first_seq, second.size - second.first_seq) == (2, 2)
    assert second.first_seq == first.size
    assert await _wrong() == []


async def test_two_who_seal_at_once_seal_each_thing_once() -> None:
    await _moved(20)

    heads = await asyncio.gather(*(_seal(transfers_max=4) for _ in range(6)))

    sizes = [(head.first_seq, head.size) for head in heads if head]
    assert len(sizes) == len(set(sizes)) == 5
    assert await _wrong() == []


async def test_a_later_log_begins_with_every_earlier_one() -> None:
    heads = []
    for times in (1, 2, 5, 3):
        await _moved(times)
        heads.append(await _head())

    async with db.platform_transaction(OPERATOR):
        for older in heads:
            for newer in heads:
                if older.size <= newer.size:
                    proof = await queries.consistency(older, newer)
                    sizes = (older.size, older.log_root, newer.size, newer.log_root)
                    assert tree.has_grown(*sizes, proof)


async def test_what_is_not_sealed_is_not_proven() -> None:
    one, _ = await _moved(1)

    with pytest.raises(NotSealed):
        await _statement(one)
    async with db.platform_transaction(OPERATOR):
        with pytest.raises(NotSealed):
            await queries.head(10_000)


async def _statement(account_id: UUID, *, after: int = 0) -> ProvenStatement:
    async with db.platform_transaction(OPERATOR):
        return await queries.statement(account_id, after=after)


# --------------------------------------------------------------------------------- tonglu-verify


def _verify(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the script alone: no site-packages, no environment, no access to anything of ours."""
    return subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        env={},
        check=False,
    )


@pytest.fixture
async def published(tmp_path: Path) -> tuple[Path, Path, UUID]:
    """A statement and a head as files, and the account."""
    one, _ = await _moved(9)
    head = await _head()
    statement = tmp_path / "statement.json"
    statement.write_bytes((await _statement(one)).published())
    (tmp_path / "head.json").write_bytes(head.published())
    return statement, tmp_path / "head.json", one


async def test_a_statement_is_checked_with_no_access_to_us(
    published: tuple[Path, Path, UUID],
) -> None:
    statement, head, account_id = published

    done = _verify("statement", statement, head, PUBLIC)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"9 lines of account {account_id} hold; the balance is -45 CNY" in done.stdout
    assert len(SCRIPT.read_text().splitlines()) < 300


async def test_a_proof_is_small(published: tuple[Path, Path, UUID]) -> None:
    statement = await _statement(published[2])

    assert max(len(b"".join(line.proof)) for line in statement.lines) <= 32 * 10
    # As many as 2^32 lines in the log need 32 hashes for each.
    assert len(tree.inclusion_spans(0, (0, 2**32))) * tree.HASH_BYTES == 1_024


async def test_any_changed_byte_is_found_and_its_line_said(
    published: tuple[Path, Path, UUID],
) -> None:
    statement, head_file, _ = published
    good, head = statement.read_bytes(), tonglu_verify.read_head(head_file.read_bytes(), PUBLIC)
    tonglu_verify.check_statement(good, head)
    fortune = random.Random(6)

    for at in fortune.sample(range(len(good)), 600):
        harmed = bytearray(good)
        harmed[at] ^= 1 << fortune.randrange(8)
        line = good[:at].count(b"\n") + 1
        with pytest.raises(tonglu_verify.Wrong) as wrong:
            tonglu_verify.check_statement(bytes(harmed), head)
        # What is said of the account stands above the lines, and is bound by each of them.
        told = {f"line {line}:", f"line {line + 1}:", f"line {max(line - 1, 1)}:"}
        assert any(str(wrong.value).startswith(one) for one in told), (at, harmed[at], wrong.value)
    published_head = head_file.read_bytes()
    for at in fortune.sample(range(len(published_head)), 40):
        harmed = bytearray(published_head)
        harmed[at] ^= 1 << fortune.randrange(8)
        with pytest.raises(tonglu_verify.Wrong, match="head: "):
            tonglu_verify.read_head(bytes(harmed), PUBLIC)


Harm = Callable[[list[bytes]], list[bytes]]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda rows: [*rows[:3], *rows[4:]], "line 4: a line before it is left out"),
        (lambda rows: [*rows[:3], rows[4], rows[3], *rows[5:]], "line 4: a line before it"),
        (lambda rows: [*rows[:3], rows[3], *rows[3:]], "line 5: a line before it is left out"),
        (lambda rows: [*rows[:4], rows[4].replace(b'minor":-', b'minor":'), *rows[5:]], "line 5:"),
        (lambda rows: [*rows[:1], rows[-3], *rows[-2:]], None),
    ],
)
async def test_lines_left_out_swapped_doubled_or_changed_are_found(
    published: tuple[Path, Path, UUID], harm: Harm, said: str | None
) -> None:
    statement, head, _ = published
    statement.write_bytes(b"\n".join(harm(statement.read_bytes().split(b"\n"))))

    done = _verify("statement", statement, head, PUBLIC)

    # A statement may begin anywhere: then it says the balance of its last line alone.
    assert done.returncode == (0 if said is None else 1)
    assert (said or "1 lines") in done.stderr + done.stdout


async def test_another_key_or_head_is_refused(
    published: tuple[Path, Path, UUID], tmp_path: Path
) -> None:
    statement, head, one = published
    await _moved(1)
    later = await _head()
    (tmp_path / "later.json").write_bytes(later.published())

    stranger = _verify("statement", statement, head, "00" * 32)
    another = _verify("statement", statement, tmp_path / "later.json", PUBLIC)
    gone = _verify("statement", tmp_path / "none.json", head, PUBLIC)

    assert [done.returncode for done in (stranger, another, gone)] == [1, 1, 1]
    assert "published key" in stranger.stderr
    assert "another head" in another.stderr
    assert (await _statement(one)).head.n == later.n


async def test_a_log_that_only_grew_is_checked_alone(tmp_path: Path) -> None:
    await _moved(3)
    older = await _head()
    await _moved(4)
    newer = await _head()
    async with db.platform_transaction(OPERATOR):
        proof = b"".join(await queries.consistency(older, newer))
    files = [tmp_path / name for name in ("older", "newer", "proof", "forged")]
    told = base64.b64encode(proof)
    forged = base64.b64encode(proof[:-1] + bytes([proof[-1] ^ 1]))
    for file, data in zip(files, (older.published(), newer.published(), told, forged), strict=True):
        file.write_bytes(data)

    good, bad = (_verify("grown", *files[:2], one, PUBLIC) for one in files[2:])

    assert (good.returncode, bad.returncode) == (0, 1)
    assert "begins with" in good.stdout


# ------------------------------------------------------------------------------------ tampering

TABLES = {
    "ledger_entry": "account_id = $1 AND version = 2",
    "ledger_transfer": "debit_id = $1 AND amount_minor = 2",
    "ledger_leaf": "account_id = $1 AND version = 2",
    "ledger_node": "level = 1 AND place = 1",
    "ledger_block": "n = 1",
}
_CHECKS = """
SELECT conrelid::regclass::text AS name, conname FROM pg_constraint
WHERE contype = 'c' AND conrelid::regclass::text = ANY ($1::text[])
"""
CHANGED = {
    "uuid": "gen_random_uuid()",
    "text": "{} || 'x'",
    "bigint": "{} + 1000000",
    "integer": "{} + 1000",
    "boolean": "NOT {}",
    "bytea": "set_byte({}, 31, get_byte({}, 31) # 1)",
    "jsonb": '\'{{"project": "x"}}\'',
    "timestamp with time zone": "{} - interval '1 microsecond'",
}


async def test_any_changed_column_of_anything_sealed_is_found(
    postgres: Postgres, own_books: Settings
) -> None:
    one, _ = await _moved(4)
    await _head()
    assert await _wrong() == []
    name = urlsplit(own_books.database_url).path.removeprefix("/")
    superuser = await asyncpg.connect(postgres.superuser_url(name))
    harms = [
        *[harm for table in TABLES for harm in await _changes(superuser, table)],
        *[f"DELETE FROM {table} WHERE {where}" for table, where in TABLES.items()],
        "DELETE FROM ledger_block WHERE n = (SELECT max(n) FROM ledger_block)",
        "DELETE FROM ledger_leaf WHERE seq = (SELECT max(seq) FROM ledger_leaf)",
        "UPDATE ledger_leaf SET seq = seq + 1000000 WHERE account_id = $1 AND version = 2",
    ]
    undone = superuser.transaction()
    await undone.start()
    # Triggers and checks sleep, as for who restores a backup and edits it.
    await superuser.execute("SET LOCAL session_replication_role = replica")
    for check in await superuser.fetch(_CHECKS, list(TABLES)):
        await superuser.execute(f"ALTER TABLE {check['name']} DROP CONSTRAINT {check['conname']}")
    missed = [harm for harm in harms if not await _is_found(superuser, harm, one)]
    await undone.rollback()
    await superuser.close()

    assert len(harms) > 50
    assert missed == []


async def _changes(superuser: Any, table: str) -> list[str]:
    """Write a change of each column of a table."""
    columns = await superuser.fetch(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0",
        table,
    )
    return [
        f"UPDATE {table} SET {name} = {_changed(name, kind)} WHERE {TABLES[table]}"
        for name, kind in columns
    ]


def _changed(name: str, kind: str) -> str:
    """Write another value of a column's type, also for one that is empty."""
    empty = {"text": "''"}.get(kind)
    held = f"coalesce({name}, {empty})" if empty else name
    return CHANGED[kind].replace("{}", held).replace("{{", "{").replace("}}", "}")


async def _is_found(superuser: Any, harm: str, account_id: UUID) -> bool:
    """Do harm, look, and take it back."""
    undone = superuser.transaction()
    await undone.start()
    await superuser.execute(harm, *([account_id] if "$1" in harm else []))
    found = await _look(superuser)
    await undone.rollback()
    return bool(found)


async def _look(superuser: Any) -> list[str]:
    """Look through the log from within the superuser's transaction."""
    opened: Any = db.Transaction(superuser, db.Door.PLATFORM, None)
    token = db.ENGINE.current_transaction.set(opened)
    try:
        found = await queries.contradictions(frozenset({PUBLIC}))
    finally:
        db.ENGINE.current_transaction.reset(token)
    return [finding.subject for finding in found]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_unsealed",
        "UPDATE ledger_leaf SET hash = hash",
        "DELETE FROM ledger_node",
        "DELETE FROM ledger_block",
        "INSERT INTO ledger_unsealed VALUES (gen_random_uuid())",
        """
        INSERT INTO ledger_block SELECT n + 1, size, size + 2, block_root, log_root, previous,
            sealed_at, public_key, signature
        FROM ledger_block ORDER BY n DESC LIMIT 1
        """,
    ],
)
async def test_the_database_refuses_what_is_no_sealing(statement: str) -> None:
    await _head()
    await _moved(1)

    with pytest.raises(
        (
            asyncpg.RestrictViolationError,
            asyncpg.InsufficientPrivilegeError,
            asyncpg.IntegrityConstraintViolationError,
        )
    ):
        async with db.platform_transaction(OPERATOR):
            await db.connection().execute(statement)
