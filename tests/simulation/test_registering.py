"""Rivals who register one shop, on PostgreSQL: the oracles, and bugs they must find."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.identity import keys
from server.kit import db
from server.settings import Settings
from tests.conftest import make_settings
from tests.postgres import Postgres
from world.registering import plan
from world.registering.mutants import MUTANTS
from world.registering.plan import HOUR, PROFILES, WINDOW, Plan, Rival
from world.registering.soak import Ground, Tally
from world.registering.stage import Stage
from world.simulation import soak
from world.simulation.mutants import planted
from world.simulation.mutants.hunting import function_of
from world.simulation.mutants.mutant import Mutant

QUICK = (
    "each is decided alone",
    "who is protected is not looked at",
    "who seems earlier is earlier",
    "the clock on the wall counts",
)
MET = ("decided among 4", "the lot", "granted", "refused", "contest", "released")
"""What a sample must have met, or it says nothing about it."""


@pytest.fixture(scope="module")
async def opened(
    settings: Settings, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[asyncio.AbstractEventLoop]:
    """A database for schedules alone, and the loop, which rests while a schedule goes on."""
    name = "rivals_of_" + settings.database_url.rpartition("/")[2].partition("?")[0]
    await postgres.clone(name)
    own = make_settings(postgres, name, tmp_path_factory.mktemp("rivals"))
    before, db.ENGINE.pool = db.ENGINE.pool, None
    keys.open_keys(own)
    await db.open_database(own)
    yield asyncio.get_running_loop()
    await db.close_database()
    db.ENGINE.pool = before
    await postgres.drop(name)


@pytest.fixture(scope="module")
def ground(opened: asyncio.AbstractEventLoop) -> Ground:
    """Where schedules are played."""
    soak.be_quiet()
    return Ground(opened)


def test_m12_of_rivals_in_every_order_one_wins_and_the_others_are_told(ground: Ground) -> None:
    tally = Tally()
    for profile in PROFILES:
        for seed in (2, 3):
            tally.add(ground.play(plan.from_seed(seed, profile=profile)))

    assert [(each.seed, each.profile, each.findings) for each in tally.failed] == []
    assert [what for what in MET if not tally.counts[what]] == []


def test_what_came_in_time_counts_though_the_worker_was_down(ground: Ground) -> None:
    """It lay in the outbox while the window ended, and was held for late."""
    asleep = Plan(
        seed=0,
        profile="asleep",
        rivals=(
            Rival(agent=0, person=0, heard_ms=0, made_ms=HOUR, comes_ms=HOUR),
            Rival(agent=1, person=1, heard_ms=0, made_ms=0, comes_ms=WINDOW),
        ),
        naps=((WINDOW - HOUR, WINDOW + 2 * HOUR),),
    )
    whole = [ground.play(asleep, salt=salt).findings for salt in "ab"]
    with planted(_named("what is on its way is not waited for")):
        broken = [ground.play(asleep, salt=salt).findings for salt in "cdef"]

    assert whole == [(), ()]
    assert any(broken), "in none of these orders is the window's end looked at first"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mutant_changes_a_line_that_is_there_and_leaves_no_trace(mutant: Mutant) -> None:
    function = function_of(mutant.target)
    right = function.__code__

    with planted(mutant):
        assert function.__code__ != right
    assert function.__code__ is right


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found(ground: Ground, name: str) -> None:
    caught = ground.hunt(_named(name), most=20)

    assert caught.is_found
    assert caught.oracle


def _named(name: str) -> Mutant:
    return next(each for each in MUTANTS if each.name == name)


def test_who_met_a_winner_waits_for_no_other_window(opened: asyncio.AbstractEventLoop) -> None:
    """It lost to one whose own window goes on, and names a customer of who is protected now."""
    for salt in range(8, 12):
        schedule = plan.from_seed(2, profile="bridges")
        played = Stage(schedule, loop=opened, salt=f"waits {salt}").play()

        assert played.findings == ()
