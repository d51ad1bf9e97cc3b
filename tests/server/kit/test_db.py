"""The doors: outside of them no query runs, and whatever fails inside, the pool stays whole."""

# ruff: noqa: PT012 - a door is a block, and what these stories are about is how it ends

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from server.access import PLATFORM_TENANT, Role
from server.kit import db, schema
from server.kit.db import ENGINE, CommitRefused, DoorMisused, OutcomeUnknown
from server.kit.errors import Forbidden
from server.settings import Settings
from server.tenants.tables import Team
from tests.conftest import make_settings
from tests.factories import make_actor
from tests.postgres import Postgres

_KNOT = [
    """
    CREATE TABLE knot (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        parent_id uuid,
        label text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, parent_id) REFERENCES knot (tenant_id, id)
            DEFERRABLE INITIALLY DEFERRED
    )
    """,
    *schema.tenant_table("knot"),
]
_TIE = "INSERT INTO knot (tenant_id, id, parent_id) VALUES ($1, $2, $3)"


@pytest.fixture(scope="module")
async def scratch(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    """A database with one more tenant table, whose foreign key is looked at when committing."""
    name = f"doors_{uuid4().hex[:8]}"
    await postgres.clone(name)
    owner = await asyncpg.connect(postgres.owner_url(name))
    for statement in _KNOT:
        await owner.execute(statement)
    await owner.close()
    yield make_settings(postgres, name, tmp_path_factory.mktemp("doors"))
    await postgres.drop(name)


@pytest.fixture
async def pool(scratch: Settings) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """Three connections to it, in place of whatever pool is open."""
    async with opened(msgspec.structs.replace(scratch, pool_size=3)) as three:
        yield three


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """Open a pool for a while, and put the one that was there back."""
    held = ENGINE.pool
    ENGINE.pool = None
    await db.open_database(settings)
    yield _the_pool()
    await db.close_database()
    ENGINE.pool = held


def _the_pool() -> "asyncpg.Pool[asyncpg.Record]":
    """Give the pool that the doors use now."""
    assert ENGINE.pool is not None
    return ENGINE.pool


def idle(pool: "asyncpg.Pool[asyncpg.Record]") -> tuple[int, int]:
    """Say how many connections nobody holds, of how many that may be open."""
    held = sum(1 for holder in pool._holders if holder._in_use is not None)
    return pool.get_max_size() - held, pool.get_max_size()


async def tie(tenant_id: UUID, *, parent_id: UUID | None = None) -> UUID:
    """Insert a knot through a door of its own."""
    knot_id = uuid4()
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_TIE, tenant_id, knot_id, parent_id)
    return knot_id


async def knots(tenant_id: UUID) -> set[UUID]:
    """Read the knots that a tenant sees, without saying whose."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        rows = await db.connection().fetch("SELECT id FROM knot")
    return {row["id"] for row in rows}


async def kill(postgres: Postgres, pid: int) -> None:
    """End a backend, as an operator or a crash would, and wait until it is gone."""
    superuser = await asyncpg.connect(postgres.superuser)
    try:
        assert await superuser.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    finally:
        await superuser.close()


async def test_no_query_runs_outside_a_door(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    with pytest.raises(DoorMisused):
        db.connection()
    with pytest.raises(DoorMisused):
        await Team.select()
    with pytest.raises(DoorMisused):
        await Team.raw("SELECT 1")

    assert idle(pool) == (3, 3)


async def test_piccolos_own_doors_are_shut(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    with pytest.raises(DoorMisused):
        ENGINE.transaction()
    with pytest.raises(DoorMisused):
        ENGINE.atomic()
    with pytest.raises(DoorMisused):
        await ENGINE.run_ddl("CREATE TABLE x ()")
    with pytest.raises(DoorMisused):
        await Team.select().batch()


async def test_a_tenant_sees_its_own_rows_only(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    mine, other = uuid4(), uuid4()

    knot = await tie(mine)
    foreign = await tie(other)

    assert await knots(mine) == {knot}
    assert await knots(other) == {foreign}


async def test_a_row_cannot_be_written_for_another_tenant(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    mine, other = uuid4(), uuid4()
    knot = await tie(mine)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant_transaction(mine):
            await db.connection().execute(_TIE, other, uuid4(), None)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant_transaction(mine):
            await db.connection().execute("UPDATE knot SET tenant_id = $1", other)

    assert await knots(mine) == {knot}
    assert await knots(other) == set()


async def test_without_a_tenant_a_tenant_table_is_an_error(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id = uuid4()
    await tie(tenant_id)

    # Once on connections that never had a tenant, once on those that had one.
    for _ in range(4):
        with pytest.raises((asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError)):
            async with db.global_transaction():
                await db.connection().fetch("SELECT * FROM knot")
        await knots(tenant_id)

    assert idle(pool) == (3, 3)


async def test_platform_and_job_have_no_way_to_a_tenants_table(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    operator = make_actor(PLATFORM_TENANT, Role.PLATFORM_OPERATOR)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.platform_transaction(operator):
            await db.connection().fetch("SELECT * FROM knot")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.job_transaction():
            await db.connection().fetch("SELECT * FROM knot")


async def test_the_platforms_door_is_for_its_staff(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    for role in (Role.AGENT_OWNER, Role.SALES_MANAGER, Role.SALES_REP):
        with pytest.raises(Forbidden):
            db.platform_transaction(make_actor(uuid4(), role))


async def test_a_role_that_was_put_on_is_gone_afterwards(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    for _ in range(6):
        async with db.job_transaction():
            assert await db.connection().fetchval("SELECT current_user") == "tonglu_job"
        async with db.global_transaction():
            assert await db.connection().fetchval("SELECT current_user") == "tonglu_app"


async def test_a_tenant_id_that_is_none_is_refused_before_any_sql(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        db.tenant_transaction("x'; DROP TABLE knot; --")  # type: ignore[arg-type]  # what the test is about


async def test_a_service_inside_another_joins_its_transaction(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id = uuid4()

    with pytest.raises(ZeroDivisionError):
        async with db.tenant_transaction(tenant_id) as outer:
            async with db.tenant_transaction(tenant_id) as inner:
                await db.connection().execute(_TIE, tenant_id, uuid4(), None)
            assert inner is outer
            _ = 1 / 0

    assert await knots(tenant_id) == set()


async def test_a_door_inside_another_one_is_refused(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    tenant_id = uuid4()

    async with db.tenant_transaction(tenant_id):
        with pytest.raises(DoorMisused):
            async with db.tenant_transaction(uuid4()):
                pass
        with pytest.raises(DoorMisused):
            async with db.job_transaction():
                pass
        # The outer one goes on.
        await db.connection().execute(_TIE, tenant_id, uuid4(), None)

    assert len(await knots(tenant_id)) == 1


async def test_a_writer_inside_a_reader_is_refused(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    tenant_id = uuid4()

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with db.tenant_transaction(tenant_id, readonly=True):
            await db.connection().execute(_TIE, tenant_id, uuid4(), None)

    assert idle(pool) == (3, 3)


async def test_a_snapshot_inside_what_is_none_is_refused(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id = uuid4()

    async with db.tenant_transaction(tenant_id):
        with pytest.raises(DoorMisused):
            async with db.tenant_transaction(tenant_id, snapshot=True):
                pytest.fail("its statements would each see a later moment")
    async with (
        db.tenant_transaction(tenant_id, snapshot=True),
        db.tenant_transaction(tenant_id, readonly=True, snapshot=True),
        db.tenant_transaction(tenant_id),
    ):
        level = await db.connection().fetchval("SHOW transaction_isolation")

    assert level == "repeatable read"


async def test_a_task_may_not_use_the_transaction_it_was_started_in(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id = uuid4()

    async def meddle() -> None:
        await db.connection().execute(_TIE, tenant_id, uuid4(), None)

    async def open_another() -> None:
        async with db.tenant_transaction(tenant_id):
            pass

    async with db.tenant_transaction(tenant_id):
        for started in (meddle(), open_another()):
            with pytest.raises(DoorMisused):
                await asyncio.create_task(started)
        await db.connection().execute(_TIE, tenant_id, uuid4(), None)

    assert len(await knots(tenant_id)) == 1


async def test_an_error_that_was_swallowed_is_noticed(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id, knot_id = uuid4(), uuid4()

    with pytest.raises(DoorMisused, match="swallowed"):
        async with db.tenant_transaction(tenant_id):
            await db.connection().execute(_TIE, tenant_id, knot_id, None)
            with suppress(asyncpg.UniqueViolationError):
                await db.connection().execute(_TIE, tenant_id, knot_id, None)

    assert await knots(tenant_id) == set()
    assert idle(pool) == (3, 3)


async def test_a_savepoint_undoes_its_inside_only(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    tenant_id, first, second = uuid4(), uuid4(), uuid4()

    async with db.tenant_transaction(tenant_id) as transaction:
        await db.connection().execute(_TIE, tenant_id, first, None)
        with pytest.raises(asyncpg.UniqueViolationError):
            async with transaction.savepoint():
                await db.connection().execute(_TIE, tenant_id, second, None)
                await db.connection().execute(_TIE, tenant_id, first, None)

    assert await knots(tenant_id) == {first}


async def test_failing_commits_leave_the_pool_whole(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    tenant_id = uuid4()

    for _ in range(8):
        with pytest.raises(CommitRefused) as refused:
            await tie(tenant_id, parent_id=uuid4())
        assert isinstance(refused.value.__cause__, asyncpg.ForeignKeyViolationError)
        assert ENGINE.current_transaction.get() is None

    assert idle(pool) == (3, 3)
    assert await knots(tenant_id) == set()


async def test_losing_a_race_when_committing_leaves_the_pool_whole(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id = uuid4()
    knot = await tie(tenant_id)

    async def rename(label: str, ready: asyncio.Barrier) -> None:
        async with db.tenant_transaction(tenant_id, snapshot=True):
            await db.connection().fetch("SELECT label FROM knot")
            await ready.wait()
            await db.connection().execute(
                "UPDATE knot SET label = $1 WHERE tenant_id = $2 AND id = $3",
                label, tenant_id, knot,
            )  # fmt: skip

    for _ in range(4):
        ready = asyncio.Barrier(2)
        outcomes = await asyncio.gather(
            *(rename(label, ready) for label in "ab"), return_exceptions=True
        )
        kinds = sorted(type(outcome).__name__ for outcome in outcomes)
        assert kinds == ["NoneType", "SerializationError"]

    assert idle(pool) == (3, 3)


async def test_a_killed_backend_leaves_the_pool_whole(
    pool: "asyncpg.Pool[asyncpg.Record]", scratch: Settings, postgres: Postgres
) -> None:
    tenant_id = uuid4()

    for _ in range(4):
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            async with db.tenant_transaction(tenant_id):
                await db.connection().execute(_TIE, tenant_id, uuid4(), None)
                await kill(postgres, db.connection().get_server_pid())
                await db.connection().execute(_TIE, tenant_id, uuid4(), None)

    assert idle(pool) == (3, 3)
    assert await knots(tenant_id) == set()


async def test_a_backend_killed_before_the_commit_has_an_unknown_outcome(
    pool: "asyncpg.Pool[asyncpg.Record]", postgres: Postgres
) -> None:
    tenant_id = uuid4()

    for _ in range(4):
        with pytest.raises(OutcomeUnknown):
            async with db.tenant_transaction(tenant_id):
                await db.connection().execute(_TIE, tenant_id, uuid4(), None)
                await kill(postgres, db.connection().get_server_pid())

    assert idle(pool) == (3, 3)
    assert await knots(tenant_id) == set()


async def test_the_error_inside_is_not_masked_by_a_rollback_that_fails(
    pool: "asyncpg.Pool[asyncpg.Record]", postgres: Postgres
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.tenant_transaction(uuid4()) as transaction, transaction.savepoint():
            await kill(postgres, db.connection().get_server_pid())
            _ = 1 / 0

    assert idle(pool) == (3, 3)


async def test_a_cancelled_query_leaves_the_pool_whole(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id = uuid4()

    async def dawdle(begun: asyncio.Event) -> None:
        async with db.tenant_transaction(tenant_id):
            await db.connection().execute(_TIE, tenant_id, uuid4(), None)
            begun.set()
            await db.connection().execute("SELECT pg_sleep(4)")

    for _ in range(6):
        begun = asyncio.Event()
        task = asyncio.create_task(dawdle(begun))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert idle(pool) == (3, 3)
    assert await knots(tenant_id) == set()


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancellation_at_any_moment_leaves_the_pool_whole(
    pool: "asyncpg.Pool[asyncpg.Record]", turns: int
) -> None:
    tenant_id = uuid4()
    told: list[str] = []

    async def work() -> None:
        async with db.tenant_transaction(tenant_id) as transaction:
            transaction.on_commit(lambda: told.append("done"))
            await db.connection().execute(_TIE, tenant_id, uuid4(), None)

    task = asyncio.create_task(work())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert idle(pool) == (3, 3)
    if told:
        assert len(await knots(tenant_id)) == 1


async def test_callbacks_run_after_the_commit_and_only_then(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id = uuid4()
    told: list[str] = []

    async with db.tenant_transaction(tenant_id) as transaction:
        transaction.on_commit(lambda: told.append("outer"))
        async with db.tenant_transaction(tenant_id) as joined:
            joined.on_commit(lambda: told.append("inner"))
        assert told == []
    assert told == ["outer", "inner"]

    with pytest.raises(CommitRefused):
        async with db.tenant_transaction(tenant_id) as transaction:
            transaction.on_commit(lambda: told.append("never"))
            await db.connection().execute(_TIE, tenant_id, uuid4(), uuid4())
    with pytest.raises(ZeroDivisionError):
        async with db.tenant_transaction(tenant_id) as transaction:
            transaction.on_commit(lambda: told.append("never"))
            _ = 1 / 0
    assert told == ["outer", "inner"]


async def test_a_callback_may_open_a_door_and_fails_alone(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenant_id = uuid4()
    told: list[str] = []

    def stumble() -> None:
        assert ENGINE.current_transaction.get() is None
        raise LookupError("nobody listens")

    async with db.tenant_transaction(tenant_id) as transaction:
        transaction.on_commit(stumble)
        transaction.on_commit(lambda: told.append("second"))
        await db.connection().execute(_TIE, tenant_id, uuid4(), None)

    # The work is done: a failing listener must not make it look undone, nor stop the others.
    assert told == ["second"]
    assert len(await knots(tenant_id)) == 1
    assert idle(pool) == (3, 3)


async def test_many_at_once_share_three_connections(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    tenants = [uuid4() for _ in range(4)]

    async def work(number: int) -> None:
        tenant_id = tenants[number % 4]
        await tie(tenant_id, parent_id=uuid4() if number % 3 == 0 else None)

    outcomes = await asyncio.gather(*(work(number) for number in range(60)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 20
    assert all(isinstance(outcome, CommitRefused) for outcome in refused)
    seen = [await knots(tenant_id) for tenant_id in tenants]
    assert sum(map(len, seen)) == 40
    assert idle(pool) == (3, 3)


async def test_closing_waits_for_what_is_in_flight(scratch: Settings) -> None:
    tenant_id = uuid4()
    held, ENGINE.pool = ENGINE.pool, None
    try:
        await db.open_database(msgspec.structs.replace(scratch, pool_size=2))
        async with db.tenant_transaction(tenant_id):
            await db.connection().execute(_TIE, tenant_id, uuid4(), None)
            closing = asyncio.create_task(db.close_database())
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await closing
    finally:
        ENGINE.pool = held

    async with opened(scratch):
        assert len(await knots(tenant_id)) == 1


async def test_one_tenant_after_another_on_one_connection(scratch: Settings) -> None:
    async with opened(msgspec.structs.replace(scratch, pool_size=1)):
        tenants = [uuid4() for _ in range(10)]
        for tenant_id in tenants:
            await tie(tenant_id)
        for tenant_id in tenants:
            assert len(await knots(tenant_id)) == 1
        async with db.global_transaction():
            left = await db.connection().fetchval("SELECT current_setting('app.tenant_id', true)")
        assert not left
