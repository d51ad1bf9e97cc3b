"""The doors to the database. Outside a door no query runs.

`tenant_transaction` opens one tenant's rows, `platform_transaction` the platform's tables,
`job_transaction` the queue and the released aggregates, `global_transaction` what must be known
before a tenant is (login names, token hashes). Each is one transaction; a service called inside
another's joins it. Nothing but SET LOCAL is ever set, so a pooled connection carries no tenant
to its next user.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast
from uuid import UUID

import asyncpg
import structlog
from piccolo.engine.postgres import PostgresEngine
from piccolo.querystring import QueryString
from piccolo.table import TABLE_REGISTRY

from server.kit import attempts, conditions
from server.kit.conditions import Condition
from server.kit.errors import Unavailable

if TYPE_CHECKING:
    from server.access import Actor
    from server.settings import Settings

# Piccolo finds the engine of every table through this module.
os.environ.setdefault("PICCOLO_CONF", "server.piccolo_conf")

log = structlog.get_logger()

_ROLLBACK_TIMEOUT_S: Final = 5.0
_SESSION_DEFAULTS: Final = {
    "application_name": "tonglu",
    "statement_timeout": "5000",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "10000",
    "timezone": "UTC",
    # Every statement names its tenant and reads by an index that begins with it. Planned anew for
    # each call, as PostgreSQL would when arrays are short, a write spent a third of its time there.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}


PASSING: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A backend that was ended said so, and its connection is not closed yet.
    asyncpg.InternalClientError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    OSError,
    TimeoutError,
)
"""What goes wrong with a database for a while, and not with what is asked of it."""


LOST: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""How PostgreSQL ends a transaction so that another one can go on; begun anew, it may succeed."""


class Door(StrEnum):
    """Which rows a transaction may reach."""

    TENANT = "tenant"
    """One tenant's rows, as tonglu_app under row-level security."""
    GLOBAL = "global"
    """Global tables granted to tonglu_app; tenant tables answer with an error."""
    PLATFORM = "platform"
    """As tonglu_platform: no grant on any tenant table."""
    JOB = "job"
    """As tonglu_job: the queue, the schedule, the released aggregates."""
    OWNER = "owner"
    """Migrations only."""


class DoorMisused(RuntimeError):
    """A programmer's mistake: a query without a door, or a door inside another one."""


class OutcomeUnknown(Unavailable):
    """COMMIT did not answer.

    The work may or may not be done. Repeating with the same id is safe.
    """

    code = "outcome_unknown"


class CommitRefused(Unavailable):
    """COMMIT was refused by the database and nothing was kept.

    Repeating with the same id is safe.
    """

    code = "commit_refused"


class Transaction:
    """An open transaction: whose rows, which task, which connection."""

    __slots__ = ("_after_commit", "connection", "door", "is_snapshot", "task", "tenant_id")

    def __init__(
        self,
        connection: "asyncpg.Connection[asyncpg.Record]",
        door: Door,
        tenant_id: UUID | None,
        *,
        is_snapshot: bool = False,
    ) -> None:
        self.connection = connection
        self.door = door
        self.tenant_id = tenant_id
        self.is_snapshot = is_snapshot
        self.task = asyncio.current_task()
        self._after_commit: list[Callable[[], None]] = []

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the work is durable; never called when it is not."""
        self._after_commit.append(callback)

    def committed(self) -> None:
        """Run what waited for the commit."""
        for callback in self._after_commit:
            try:
                callback()
            # The work is done: a listener that fails must not make it look undone.
            except Exception:
                log.exception("commit.listener-failed")

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Keep what was done before, whatever happens inside.

        On an exception only the inside is undone.
        """
        # asyncpg's own savepoints refuse a transaction that was begun by SQL. The same name may be
        # nested: each one hides the former until it is released.
        await self.connection.execute("SAVEPOINT inside")
        try:
            yield
        except BaseException:
            # A connection that is lost has undone everything; what went wrong first is told.
            with suppress(asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError):
                await self.connection.execute(
                    "ROLLBACK TO SAVEPOINT inside; RELEASE SAVEPOINT inside"
                )
            raise
        await self.connection.execute("RELEASE SAVEPOINT inside")


class TongluEngine(PostgresEngine):
    """Piccolo's engine, tied to the doors: queries run on the open transaction or not at all.

    Replaces the stock transactions, which leak the pooled connection when COMMIT fails and silently
    run outside any tenant otherwise.
    """

    __slots__ = ("keeps_statements", "migrating")

    def __init__(self) -> None:
        self.migrating = False
        self.keeps_statements = True
        """False behind a pooler: the next transaction may meet another session."""
        super().__init__(config={})

    async def check_version(self) -> None:
        """Connect to nothing while modules are imported.

        The start-up self-check looks at the version.
        """

    async def prep_database(self) -> None:
        """Create no extension: the application's role may not."""

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002 - the signature is Piccolo's
        """Run a Piccolo query on the open transaction."""
        query, arguments = querystring.compile_string(engine_type=self.engine_type)
        return await self._fetch(query, arguments)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002 - the signature is Piccolo's
        """Run DDL, which only a migration may."""
        if not self.migrating:
            raise DoorMisused("DDL runs in migrations only")
        return await self._fetch(ddl, ())

    async def _fetch(self, query: str, arguments: Sequence[Any]) -> Any:
        """Fetch on the open transaction; a migration may also read between transactions."""
        if self.migrating and self.current_transaction.get() is None:
            assert self.pool is not None, "open_for_migrations() opened it"
            async with self.pool.acquire() as free:
                return await free.fetch(query, *arguments)
        return await connection().fetch(query, *arguments)

    def transaction(self, allow_nested: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002 - the signature is Piccolo's
        """Open a migration's transaction; everything else goes through a door."""
        if not self.migrating:
            raise DoorMisused("open a transaction through a door of server.kit.db")
        return AsyncTransaction(Door.OWNER, None, "BEGIN")

    async def batch(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a batch would leave both pool and transaction and see no row."""
        raise DoorMisused("read in keyset pages; a batch leaves the transaction")

    def atomic(self) -> NoReturn:
        """Refuse: it opens Piccolo's own transactions."""
        raise DoorMisused("open a transaction through a door of server.kit.db")


ENGINE: Final = TongluEngine()


async def open_database(
    settings: "Settings", *, session: type[conditions.Session] = conditions.Session
) -> None:
    """Open the pool of this process; call once, on the loop that serves.

    :param session: what its connections are.
    """
    if ENGINE.pool is not None:
        raise DoorMisused("the database is open already")
    # A table that does not know its engine looks for it at its first query, through Piccolo's
    # machinery for migrations: 20 MiB in each process.
    for table in TABLE_REGISTRY:
        table._meta.db = ENGINE  # noqa: SLF001 - Piccolo has no other place for it
    ENGINE.keeps_statements = not settings.pooler
    ENGINE.pool = await asyncpg.create_pool(
        settings.database_url,
        min_size=min(2, settings.pool_size),
        max_size=settings.pool_size,
        statement_cache_size=0 if settings.pooler else 128,
        server_settings={} if settings.pooler else _SESSION_DEFAULTS,
        connection_class=session,
        reset=_keep_session,
    )


async def open_for_migrations(owner_url: str) -> None:
    """Open one connection as the owner; only migrations run on it."""
    ENGINE.migrating = True
    ENGINE.pool = await asyncpg.create_pool(owner_url, min_size=1, max_size=2)


async def close_database() -> None:
    """Close the pool, waiting for what is in flight."""
    if ENGINE.pool is not None:
        pool, ENGINE.pool = ENGINE.pool, None
        ENGINE.migrating = False
        await pool.close()


async def _keep_session(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Save a round trip at release.

    Nothing outlives a transaction, since only SET LOCAL is used.
    """


def connection() -> "asyncpg.Connection[asyncpg.Record]":
    """Give the open transaction's connection, for set-based SQL with $1 parameters.

    :raises DoorMisused: outside a door, or in a task that did not open it.
    """
    return current().connection


def current() -> Transaction:
    """Give the open transaction of this task."""
    opened = cast("Transaction | None", ENGINE.current_transaction.get())
    if opened is None:
        raise DoorMisused("no query runs outside a door of server.kit.db")
    if opened.task is not asyncio.current_task():
        raise DoorMisused("a task may not use the transaction of the task that started it")
    return opened


def tenant_transaction(
    tenant_id: UUID, *, readonly: bool = False, snapshot: bool = False
) -> "AsyncTransaction":
    """Open one tenant's rows. Joins an open transaction of the same tenant and task.

    :param readonly: the database itself refuses writes.
    :param snapshot: all statements see one moment (REPEATABLE READ).
    """
    literal = str(UUID(str(tenant_id)))
    begin = _begin(readonly=readonly, snapshot=snapshot)
    return AsyncTransaction(
        Door.TENANT,
        tenant_id,
        f"{begin}; SET LOCAL app.tenant_id = '{literal}'",
        is_snapshot=snapshot,
    )


def global_transaction() -> "AsyncTransaction":
    """Open the tables that are known before a tenant is: login names, token hashes, sessions."""
    return AsyncTransaction(Door.GLOBAL, None, "BEGIN")


def platform_transaction(actor: "Actor", *, snapshot: bool = False) -> "AsyncTransaction":
    """Open the platform's own tables; tenant tables are not granted to its role.

    :raises Forbidden: when the actor is not of the platform's staff.
    """
    actor.ensure_platform()
    begin = _begin(readonly=False, snapshot=snapshot)
    return AsyncTransaction(
        Door.PLATFORM, None, f"{begin}; SET LOCAL ROLE tonglu_platform", is_snapshot=snapshot
    )


def job_transaction() -> "AsyncTransaction":
    """Open the queue, the schedule and the released aggregates; the worker's door."""
    return AsyncTransaction(Door.JOB, None, "BEGIN; SET LOCAL ROLE tonglu_job")


def _begin(*, readonly: bool, snapshot: bool) -> str:
    """Spell BEGIN with its modes."""
    level = " ISOLATION LEVEL REPEATABLE READ" if snapshot else ""
    return f"BEGIN{level}{_READ_ONLY if readonly else ''}"


_READ_ONLY: Final = " READ ONLY"


class AsyncTransaction:
    """`async with` over a door.

    Begins or joins, commits or rolls back, always gives the connection back.
    """

    __slots__ = (
        "_begin", "_door", "_is_snapshot", "_joined", "_opened", "_pool", "_tenant_id", "_token",
    )  # fmt: skip

    def __init__(
        self, door: Door, tenant_id: UUID | None, begin: str, *, is_snapshot: bool = False
    ) -> None:
        self._door = door
        self._tenant_id = tenant_id
        self._begin = begin
        self._is_snapshot = is_snapshot
        self._joined = False

    async def __aenter__(self) -> Transaction:
        """Begin, or join what is open in this task for the same rows."""
        if ENGINE.current_transaction.get() is not None:
            return self._join()
        condition = conditions.unsettled()
        if condition is not None and condition.tenant_id != self._tenant_id:
            async with tenant_transaction(condition.tenant_id, readonly=True):
                condition = None
        if ENGINE.pool is None:
            raise DoorMisused("the database is not open")
        # Kept, because closing forgets the pool first and then waits for what is in flight.
        self._pool = ENGINE.pool
        free = await self._pool.acquire()
        try:
            if condition is None:
                await free.execute(self._begin)
            else:
                await self._begin_on(condition, free)
        except BaseException:
            await _give_back(self._pool, free, terminate=True)
            raise
        self._opened = Transaction(free, self._door, self._tenant_id, is_snapshot=self._is_snapshot)
        if condition is not None and not condition.holds:
            await self._roll_back()
            await condition.refuse()
        self._token = ENGINE.current_transaction.set(cast("Any", self._opened))
        return self._opened

    async def _begin_on(self, condition: Condition, free: Any) -> None:
        """Begin, and ask in the same round trip whether a condition holds."""
        # Begun first: what is prepared before would be a query that a snapshot cannot follow.
        answer = await free.execute(f"{self._begin}; {condition.preparation(free)}{condition}")
        condition.settle(free, answer)

    def _join(self) -> Transaction:
        """Join the open transaction; the same door and tenant, or it is a mistake.

        So is a snapshot inside a transaction whose statements each see a later moment.
        """
        opened = current()
        if (opened.door, opened.tenant_id) != (self._door, self._tenant_id):
            raise DoorMisused(f"a {self._door} door inside a {opened.door} transaction")
        if self._is_snapshot and not opened.is_snapshot:
            raise DoorMisused("a snapshot inside a transaction that is none")
        self._joined = True
        return opened

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Commit or roll back.

        A connection whose state is in doubt is never given to the next user.
        """
        if self._joined:
            return
        ENGINE.current_transaction.reset(self._token)
        if kind is None:
            if _READ_ONLY not in self._begin:
                attempts.committing()
            await self._commit()
            self._opened.committed()
        else:
            if issubclass(kind, LOST):
                attempts.lost()
            await self._roll_back()

    async def _commit(self) -> None:
        """Commit, or say truthfully that nothing was kept or that nobody knows."""
        free = self._opened.connection
        try:
            # An aborted transaction answers COMMIT with ROLLBACK and no error.
            answer = await free.execute("COMMIT")
        except (
            asyncpg.PostgresConnectionError,
            OSError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:
            await _give_back(self._pool, free, terminate=True)
            raise OutcomeUnknown("The answer was lost; send the same request again.") from error
        except asyncpg.PostgresError as error:
            await _give_back(self._pool, free, terminate=True)
            raise CommitRefused("Nothing was saved; send the same request again.") from error
        except BaseException:
            await _give_back(self._pool, free, terminate=True)
            raise
        await _give_back(self._pool, free, terminate=False)
        if answer != "COMMIT":
            raise DoorMisused(
                "a statement failed inside the transaction and its error was swallowed"
            )

    async def _roll_back(self) -> None:
        """Undo; when even that fails, end the connection."""
        free = self._opened.connection
        try:
            await asyncio.shield(
                asyncio.wait_for(free.execute("ROLLBACK"), timeout=_ROLLBACK_TIMEOUT_S)
            )
        except BaseException as error:
            await _give_back(self._pool, free, terminate=True)
            if not isinstance(error, Exception):
                raise
        else:
            await _give_back(self._pool, free, terminate=False)


async def _give_back(
    pool: "asyncpg.Pool[asyncpg.Record]",
    free: "asyncpg.Connection[asyncpg.Record]",
    *,
    terminate: bool,
) -> None:
    """Return a connection to the pool, ended first when its state is in doubt.

    A cancellation does not stop this: the pool shields its own release.
    """
    if terminate:
        # A connection that is lost has left the pool by itself and refuses to be ended again.
        with suppress(asyncpg.InterfaceError):
            free.terminate()
    await pool.release(free)
