"""What the database itself refuses, whoever asks: changes, unbalanced entries, others' rows."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from billing.issuance import queries as issuance
from billing.issuance.schemas import IssuanceFilter
from billing.ledger.queries import CHECKS
from server.kit import db
from server.settings import Settings
from tests.billing import books
from tests.billing.books import Program
from tests.factories import NOW, Tenant, new_id
from tests.postgres import Postgres

REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)
BROKEN = asyncpg.IntegrityConstraintViolationError
WRITTEN_ONCE = ["ledger_transfer", "ledger_entry", "ledger_outcome"]
CHANGES = [
    "UPDATE {} SET recorded_at = now()",
    "UPDATE {} SET recorded_at = now() WHERE false",
    "DELETE FROM {}",
    "DELETE FROM {} WHERE false",
    "TRUNCATE {} CASCADE",
]

As = Callable[[str], AbstractAsyncContextManager[Any]]


@pytest.fixture
async def story(database: Settings, tenant: Tenant) -> Program:
    """A program with one benefit issued."""
    program = await books.make_program(1_000)
    await books.issue(program, [books.ask(tenant.tenant_id)])
    return program


@pytest.fixture
def connected(database: Settings, tenant: Tenant) -> As:
    """A connection of its own in a role, inside a transaction that is undone."""
    urls = {"tonglu_owner": database.owner_database_url}

    @asynccontextmanager
    async def connect(role: str) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(urls.get(role, database.database_url))
        try:
            async with connection.transaction():
                if role in {"tonglu_platform", "tonglu_job"}:
                    await connection.execute(f"SET LOCAL ROLE {role}")
                await connection.execute(f"SET LOCAL app.tenant_id = '{tenant.tenant_id}'")
                yield connection
        finally:
            await connection.close()

    return connect


@pytest.mark.parametrize("role", ["tonglu_app", "tonglu_platform", "tonglu_job", "tonglu_owner"])
@pytest.mark.parametrize("table", WRITTEN_ONCE)
@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_written_stays_whoever_asks(
    story: Program, connected: As, role: str, table: str, change: str
) -> None:
    with pytest.raises(REFUSED):
        await _try(connected, role, change.format(table))


@pytest.mark.parametrize("role", ["tonglu_app", "tonglu_platform", "tonglu_job", "tonglu_owner"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_account SET debits_pending = 0",
        "UPDATE ledger_account SET credits_posted = credits_posted + 1",
        "DELETE FROM ledger_account",
        "DELETE FROM issuance",
        "TRUNCATE ledger_account CASCADE",
    ],
)
async def test_counters_move_by_transfers_only(
    story: Program, connected: As, role: str, change: str
) -> None:
    with pytest.raises(REFUSED):
        await _try(connected, role, change)


@pytest.mark.parametrize("role", ["tonglu_app", "tonglu_platform"])
async def test_an_entry_comes_by_a_transfer_only(story: Program, connected: As, role: str) -> None:
    with pytest.raises(REFUSED):
        await _add_entries(connected, role, [(story.pool_id, new_id(), 1)])


async def _try(connected: As, role: str, statement: str) -> None:
    """Run one statement in a role."""
    async with connected(role) as connection:
        await connection.execute(statement)


# ------------------------------------------------------------------------------------- zero-sum


@pytest.mark.parametrize(
    "amounts",
    [
        [("one", "CNY", 5)],
        [("one", "CNY", 5), ("one", "CNY", -4)],
        [("one", "CNY", 5), ("one", "POINTS", -5)],
        [("one", "CNY", 5), ("other", "CNY", -5)],
        [("one", "CNY", 5), ("one", "CNY", -5), ("other", "CNY", 1), ("other", "CNY", -2)],
    ],
)
async def test_entries_that_do_not_sum_to_zero_are_refused(
    story: Program, connected: As, amounts: list[tuple[str, str, int]]
) -> None:
    with pytest.raises(BROKEN, match="do not sum to zero"):
        await _add_unguarded(connected, amounts)


async def test_entries_that_balance_pass_the_same_trigger(story: Program, connected: As) -> None:
    await _add_unguarded(connected, [("one", "CNY", 5), ("one", "CNY", -5)])


async def _add_unguarded(connected: As, amounts: list[tuple[str, str, int]]) -> None:
    """Add entries as the owner, past the guard that lets transfers alone write them."""
    transfers = {name: new_id() for name in ("one", "other")}
    async with connected("tonglu_owner") as owner:
        await owner.execute(
            "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_comes_by_transfer"
        )
        await _insert(
            owner,
            [(new_id(), transfers[name], currency, amount) for name, currency, amount in amounts],
        )


async def _add_entries(connected: As, role: str, lines: list[tuple[UUID, UUID, int]]) -> None:
    """Add entries in a role."""
    async with connected(role) as connection:
        await _insert(connection, [(*line[:2], "CNY", line[2]) for line in lines])


async def _insert(connection: Any, lines: list[tuple[UUID, UUID, str, int]]) -> None:
    """Insert entries in one statement."""
    await connection.execute(
        """
        INSERT INTO ledger_entry (
            account_id, version, transfer_id, owner_id, currency, pending_minor, posted_minor,
            pending_after, posted_after, effective_at, effective_until, booked_at, recorded_at
        )
        SELECT account_id, 1000, transfer_id, account_id, currency, 0, amount, 0, 0,
            $5, $5, $5, $5
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
            AS line (account_id, transfer_id, currency, amount)
        """,
        *(list(column) for column in zip(*lines, strict=True)),
        NOW,
    )


# ---------------------------------------------------------------------------- an agent's reach


async def test_an_agent_reads_its_own_issuances_only(
    story: Program, tenant: Tenant, rival: Tenant
) -> None:
    await books.issue(story, [books.ask(rival.tenant_id)])

    for reader in (tenant, rival):
        async with db.tenant_transaction(reader.tenant_id):
            seen = await issuance.issuances(IssuanceFilter(), limit=100)
            keys = await db.connection().fetch("SELECT owner_id FROM ledger_outcome")
        assert [item.agent_id for item in seen] == [reader.tenant_id]
        assert {row["owner_id"] for row in keys} == {reader.tenant_id}


async def test_an_agent_reads_no_transfers_no_entries_and_no_rivals_account(
    story: Program, tenant: Tenant, rival: Tenant, connected: As
) -> None:
    await books.allocate(story, rival.tenant_id, 100)

    for statement in ("SELECT * FROM ledger_transfer", "SELECT * FROM ledger_entry"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _try(connected, "tonglu_app", statement)
    async with connected("tonglu_app") as connection:
        rows = await connection.fetch("SELECT owner_id, is_shared FROM ledger_account")
    assert {row["owner_id"] for row in rows if not row["is_shared"]} == {tenant.tenant_id}


@pytest.mark.parametrize("kind", ["single", "post", "void", "expire", "reversal"])
async def test_an_agent_can_hold_and_nothing_else(
    story: Program, tenant: Tenant, connected: As, kind: str
) -> None:
    with pytest.raises(asyncpg.PostgresError) as refused:
        await _transfer(connected, tenant.tenant_id, story, kind, story.pool_id)

    assert isinstance(refused.value, asyncpg.InsufficientPrivilegeError)


async def test_an_agent_cannot_hold_on_a_rivals_budget(
    story: Program, tenant: Tenant, rival: Tenant, connected: As
) -> None:
    await books.allocate(story, rival.tenant_id, 100)

    with pytest.raises(BROKEN, match="not yours"):
        await _transfer(
            connected, tenant.tenant_id, story, "hold", story.own_budget_id(rival.tenant_id)
        )


async def test_an_agent_cannot_hold_in_a_rivals_name(
    story: Program, rival: Tenant, connected: As
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _transfer(connected, rival.tenant_id, story, "hold", story.pool_id)


async def test_more_than_the_budget_is_refused_by_its_row(
    story: Program, tenant: Tenant, connected: As
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="within_credits"):
        await _transfer(connected, tenant.tenant_id, story, "hold", story.pool_id, amount_minor=901)


async def _transfer(
    connected: As,
    owner_id: UUID,
    program: Program,
    kind: str,
    debit_id: UUID,
    *,
    amount_minor: int = 1,
) -> None:
    """Insert a transfer as an agent's transaction, past every function."""
    async with connected("tonglu_app") as connection:
        issued = await connection.fetchval(
            "SELECT id FROM ledger_account WHERE kind = 'issued' AND subject_id = $1", program.id
        )
        follows = new_id() if kind in {"post", "void", "expire"} else None
        undoes = new_id() if kind == "reversal" else None
        await connection.execute(
            """
            INSERT INTO ledger_transfer (
                id, owner_id, group_id, position, kind, debit_id, credit_id, currency,
                amount_minor, pending_id, reversal_of, event, effective_at, recorded_at, actor_id
            ) VALUES ($1, $2, $1, 0, $3, $4, $5, 'CNY', $6, $7, $8, 'test.forged', $9, $9, $1)
            """,
            new_id(),
            *(owner_id, kind, debit_id, issued, amount_minor, follows, undoes, NOW),
        )


async def test_a_state_that_the_ledger_does_not_say_is_refused(
    story: Program, connected: As
) -> None:
    with pytest.raises(BROKEN, match="does not say"):
        await _try(
            connected,
            "tonglu_platform",
            "UPDATE issuance SET state = 'redeemed', settled_at = now()",
        )


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE ledger_account SET credits_posted = credits_posted + 1 WHERE id = $1",
        "UPDATE ledger_account SET version = version + 1 WHERE id = $1",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE debit_id = $1",
        "UPDATE ledger_transfer SET debit_id = credit_id, credit_id = $1 WHERE debit_id = $1",
        "DELETE FROM ledger_transfer WHERE debit_id = $1",
        "UPDATE ledger_entry SET posted_minor = posted_minor + 1 WHERE account_id = $1",
        "UPDATE ledger_entry SET currency = 'POINTS' WHERE account_id = $1",
        "DELETE FROM ledger_entry WHERE account_id = $1",
    ],
)
async def test_a_superusers_tampering_is_found(
    story: Program, postgres: Postgres, database: Settings, tampering: str
) -> None:
    name = urlsplit(database.database_url).path.removeprefix("/")
    superuser = await asyncpg.connect(postgres.superuser_url(name))
    undone = superuser.transaction()
    await undone.start()
    try:
        # Triggers sleep, as for who restores a backup and edits it.
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(tampering, story.pool_id)
        found = [name for name, check in CHECKS.items() if await superuser.fetch(check)]
    finally:
        await undone.rollback()
        await superuser.close()

    assert found
    assert await books.contradictions() == []
