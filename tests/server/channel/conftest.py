"""A channel of a test's own."""

from collections.abc import AsyncIterator

import pytest

from server.access import Actor
from server.identity import keys
from server.identity import service as identity
from server.kit import db
from server.settings import Settings
from tests.factories import NOW, make_platform_actor, new_user
from tests.server.channel.stories import PASSWORD


@pytest.fixture
async def own_database(fresh_database: Settings) -> AsyncIterator[Settings]:
    """A channel of this test's own: the platform sees every agent there is."""
    was_open = db.ENGINE.pool
    db.ENGINE.pool = None
    await db.open_database(fresh_database)
    keys.open_keys(fresh_database)
    yield fresh_database
    await db.close_database()
    db.ENGINE.pool = was_open


@pytest.fixture
async def operator(own_database: Settings) -> Actor:
    """One of the platform's staff."""
    staff = make_platform_actor()
    await identity.add_staff(new_user(staff, team_id=None), password=PASSWORD, now=NOW)
    return staff
