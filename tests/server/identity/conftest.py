"""Identity's tests: the keys are open, and people with passwords are at hand."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec
import pytest

from server.access import Actor
from server.identity import keys
from server.identity.rules import throttles
from server.kit import db
from server.settings import Settings, to_environment
from tests.factories import NOW, Tenant, join, login_of, make_platform_actor

PASSWORD = "a quiet harbour at dawn"


class Person(msgspec.Struct, frozen=True):
    """Somebody with a login name and a password."""

    actor: Actor
    login: str
    password: str


async def run_tonglu(database: Settings, *words: str) -> tuple[int, str]:
    """Run `tonglu ...` in a shell of the server and give its status and words."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.cli", *words),
        env={**os.environ, **to_environment(database)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    assert running.returncode is not None, "it has ended"
    return running.returncode, said.decode()


async def lock(login: str, *, now: datetime = NOW) -> None:
    """Use up what all strangers together may try at a name."""
    async with db.global_transaction():
        for limit in (throttles.SIGN_IN_BY_LOGIN, throttles.SIGN_IN_BY_LOGIN_LONG):
            subject = throttles.login_subject(login)
            key = throttles.storage_key(limit, subject, key=keys.current().mac)
            await db.connection().execute(
                "INSERT INTO throttle_counter VALUES ($1, $2, $3)"
                " ON CONFLICT (key) DO UPDATE SET tries = excluded.tries",
                *(key, limit.tries_max, now + limit.window),
            )


@pytest.fixture(scope="module")
def opened_keys(database: Settings) -> keys.Keys:
    """The keys of this process; other files of tests open others in it."""
    return keys.open_keys(database)


@pytest.fixture
def with_password(tenant: Tenant, opened_keys: keys.Keys) -> Callable[[Actor], Awaitable[Person]]:
    """Give a person of the test's company a password."""

    async def give(actor: Actor) -> Person:
        inviter = make_platform_actor() if actor == tenant.owner else tenant.owner
        await join(inviter, actor, PASSWORD)
        return Person(actor, login_of(actor), PASSWORD)

    return give


@pytest.fixture
async def owner(tenant: Tenant, with_password: Callable[[Actor], Awaitable[Person]]) -> Person:
    """The company's owner, who can sign in."""
    return await with_password(tenant.owner)


@pytest.fixture
async def rep(tenant: Tenant, with_password: Callable[[Actor], Awaitable[Person]]) -> Person:
    """A rep of the company, who can sign in."""
    return await with_password(tenant.rep)
