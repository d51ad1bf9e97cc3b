"""A process that carries an exit out is killed wherever it may be, and another one goes on."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import asyncpg

from server.benefits import queries as benefits
from server.customers import service as keeping
from server.customers.schemas import NewNote
from server.exits import queries
from server.exits.rules import Carries, Fate
from server.exits.service import history
from server.kit import db
from server.partners.rules.exits import ExitState
from server.settings import Settings
from tests.factories import NOW
from tests.postgres import Postgres
from tests.server.benefits import stories
from tests.server.exits.stories import SETTLED, TRAIL, WAITS, Leaving, received, told
from tests.server.registrations import stories as registering

ROOT: Final = Path(__file__).parents[3]
CARRIER: Final = """
import asyncio, os, sys
from datetime import datetime
from uuid import UUID
from server.exits import service
from server.identity import keys
from server.kit import db
from server.settings import Settings
from server.worker import collect_handlers

async def carry():
    settings = Settings(database_url=sys.argv[1], secret=sys.argv[2])
    keys.open_keys(settings)
    await db.open_database(settings)
    agent, exit_id, now = UUID(sys.argv[3]), UUID(sys.argv[4]), datetime.fromisoformat(sys.argv[5])
    while await service.carry(agent, exit_id, now=now):
        pass
    await db.close_database()

collect_handlers()
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        asyncio.run(carry())
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""Starts a process each time that it is told to, and says how that one ended."""
_ITEM: Final = "SELECT FROM exit_item WHERE exit_id = $1 AND kind = '{}' AND fate = '{}' FOR UPDATE"


async def kill_at(
    carrier: asyncio.subprocess.Process, dsn: str, statement: str, *keys: UUID
) -> None:
    """Let a process carry the exit out, and kill it when it waits for what is held."""
    superuser = await asyncpg.connect(dsn)
    try:
        async with superuser.transaction():
            assert await superuser.fetch(statement, *keys)
            child = await start(carrier)
            end = asyncio.create_task(ended(carrier))
            while not await superuser.fetchval(WAITS):
                assert not end.done(), f"it did not wait for {statement}"
            os.kill(child, signal.SIGKILL)
            assert await end == signal.SIGKILL
    finally:
        await superuser.close()


async def start(carrier: asyncio.subprocess.Process) -> int:
    """Start a process that carries the exit out; give its id."""
    assert carrier.stdin is not None
    assert carrier.stdout is not None
    carrier.stdin.write(b"\n")
    return int(await carrier.stdout.readline())


async def ended(carrier: asyncio.subprocess.Process) -> int:
    """Give how the process ended."""
    assert carrier.stdout is not None
    return int(await carrier.stdout.readline())


async def test_m14_kill_9_wherever_it_may_be_loses_and_doubles_nothing(
    leaving: Leaving, settings: Settings, postgres: Postgres
) -> None:
    """As a thing is written, and when it is written and not yet marked; of each kind."""
    going, heir, agent = leaving.customers[0], leaving.heir, leaving.leaver.tenant_id
    await keeping.add_note(leaving.leaver.rep, going, NewNote(body="要三楼的货梯"), now=NOW)
    await registering.make_shop(heir.rep, registering.new_phone())
    await leaving.consent(going, heir.tenant_id, carries=Carries.HISTORY)
    seen = await leaving.plan()
    [benefit] = [each.ref for each in seen.rows if each.fate is Fate.TRANSFERRED]
    await leaving.carry_out(seen)
    carrier = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CARRIER, settings.database_url, settings.secret),
        *(str(agent), str(leaving.exit_id), SETTLED.isoformat()),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    dsn = postgres.superuser_url(urlsplit(settings.database_url).path.strip("/"))
    clock = "SELECT FROM tenant_clock WHERE tenant_id = $1 FOR UPDATE"
    await kill_at(carrier, dsn, clock, heir.tenant_id)
    await kill_at(carrier, dsn, _ITEM.format("customer", "handed"), leaving.exit_id)
    await kill_at(carrier, dsn, "SELECT FROM registry_clock FOR UPDATE")
    await kill_at(carrier, dsn, clock, heir.tenant_id)
    await kill_at(carrier, dsn, _ITEM.format("registration", "passed"), leaving.exit_id)
    await kill_at(carrier, dsn, "SELECT FROM issuance WHERE id = $1 FOR UPDATE", benefit)
    await kill_at(carrier, dsn, _ITEM.format("benefit", "transferred"), leaving.exit_id)
    await kill_at(carrier, dsn, "SELECT FROM agent_exit WHERE id = $1 FOR UPDATE", leaving.exit_id)
    await start(carrier)
    assert await ended(carrier) == 0
    carrier.kill()
    await carrier.wait()
    await leaving.work()

    done = await queries.own(leaving.leaver.owner)
    assert (done.exit.state, done.done, done.count) == (ExitState.DONE, seen.count, seen.count)
    assert told(done) == told(seen)
    assert await received(heir) == (2, 1, 1)
    books = await benefits.program(stories.OPERATOR, leaving.program_id)
    assert books.held_minor == 3 * stories.AMOUNT
    async with db.tenant_transaction(heir.tenant_id):
        along = await history.read(heir.tenant_id, uuid5(leaving.exit_id, str(going)))
    assert along.counts() == {"stores": 0, "contacts": 0, "notes": 1, "tasks": 0}
    for tenant, action in ((leaving.leaver, "customer.handed"), (heir, "customer.received")):
        async with db.tenant_transaction(tenant.tenant_id):
            assert len(await db.connection().fetch(TRAIL, action)) == 1
