"""A sample of schedules on PostgreSQL: the same flow, the same oracles, real transactions."""

import asyncio
import os
from functools import partial

import pytest

from server.settings import Settings
from tests import factories
from tests.simulation.postgres import PostgresSite
from world.simulation import plan, soak
from world.simulation.stage import Stage

PROFILES = (
    "network",
    "desk",
    "scopes",
    "groups",
    "marks",
    "texts",
    "sights",
    "images",
    "clocks",
    "customs",
    "intents",
)
"""What needs neither a crash between two statements nor a backup.

The rooms' own intents are decided here alone.
"""

SEEDS = int(os.environ.get("TONGLU_SEEDS", "2"))
"""So many of each."""


@pytest.fixture
async def tenant_id(database: Settings) -> object:
    """A company that nobody works in yet."""
    return (await factories.make_tenant()).tenant_id


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_schedules_pass_on_postgresql(
    profile: str, seed: int, loop: asyncio.AbstractEventLoop, tenant_id: object
) -> None:
    soak.be_quiet()
    make_site = partial(PostgresSite, loop=loop, tenant_id=tenant_id)

    result = Stage(plan.from_seed(seed, profile=profile), make_site=make_site).play()

    assert result.findings == ()
    assert result.commits > 0
