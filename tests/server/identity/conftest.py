"""Identity's tests: the keys are open, and people with passwords are at hand."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from server.access import Actor
from server.identity import keys
from server.settings import Settings
from tests.factories import Tenant, join, login_of, make_platform_actor

PASSWORD = "a quiet harbour at dawn"


class Person(msgspec.Struct, frozen=True):
    """Somebody with a login name and a password."""

    actor: Actor
    login: str
    password: str


@pytest.fixture(scope="session")
def opened_keys(database: Settings) -> keys.Keys:
    """The keys of this process."""
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
