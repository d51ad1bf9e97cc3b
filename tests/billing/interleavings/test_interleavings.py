"""Two use cases of the books meet in every order, and come to what one after the other does."""

import inspect
import pkgutil
from collections.abc import AsyncIterator
from importlib import import_module
from types import ModuleType
from uuid import UUID

import asyncpg
import pytest

import billing
from billing.accounting_vouchers import service as vouchers
from billing.escrow import service as escrow
from billing.plans import service as plans
from server.benefits.batches import service as batches
from server.benefits.vouchers import queries as codes
from server.kit import db
from server.settings import Settings
from tests.postgres import Postgres
from world.books import soak
from world.books.interleavings.command import explorer
from world.books.interleavings.gate import GatedSession
from world.books.interleavings.listed import CROSSED, ROOMS, UNCROSSED, USE_CASES
from world.books.interleavings.pairs import Deed, Explorer, Given, Pair, Room, Scene, pairs
from world.books.interleavings.rooms.reading import do, rows
from world.books.trial import OPERATOR

PAIRS = {str(pair): pair for pair in pairs(ROOMS, CROSSED)}
OTHERS = {"reconciliation", "journal"}
"""Rooms that move no money: one compares files, one reads."""


@pytest.fixture(scope="module")
async def who(own_books: Settings, postgres: Postgres) -> AsyncIterator[Explorer]:
    """What explores, on the database of this file, through sessions that wait for their turn."""
    open_one, db.ENGINE.pool = db.ENGINE.pool, None
    await db.open_database(own_books, session=GatedSession)
    try:
        async with explorer(postgres.superuser) as made:
            yield made
    finally:
        await db.close_database()
        db.ENGINE.pool = open_one


# ------------------------------------------------------------------------------- what is listed


def test_each_use_case_of_the_books_is_listed() -> None:
    found = {
        name: {
            each
            for each, work in inspect.getmembers(module, inspect.iscoroutinefunction)
            if work.__module__ == module.__name__ and not each.startswith("_")
        }
        for name, module in _services().items()
    }
    moves = {move for room in ROOMS for move in room.moves}

    assert {name: set(listed) for name, listed in USE_CASES.items()} == found
    assert moves - {"open again"} <= {
        move
        for listed in USE_CASES.values()
        for said in listed.values()
        for move in said.split(", ")
    }


def _services() -> dict[str, ModuleType]:
    """Give the modules of the books that write, by room."""
    named = {
        each.name: f"billing.{each.name}.service"
        for each in pkgutil.iter_modules(billing.__path__)
        if each.ispkg
    }
    named |= {
        "commissions.paying": "billing.commissions.paying",
        "commissions.taxes": "billing.commissions.taxes",
        "accounting_vouchers.exports": "billing.accounting_vouchers.exports",
        "codes": "server.benefits.vouchers.teller",
        "batches": "server.benefits.batches.service",
    }
    return {
        name: import_module(path) for name, path in named.items() if name not in {*OTHERS, "ledger"}
    }


def test_any_two_rooms_are_crossed_or_say_why_not() -> None:
    names = [room.name for room in ROOMS]
    both = {(one, other) for n, one in enumerate(names) for other in names[n + 1 :]}

    assert both == CROSSED | UNCROSSED.keys()
    assert not CROSSED & UNCROSSED.keys()


# --------------------------------------------------------------------------------- what is found


@pytest.mark.parametrize(
    "name",
    [
        "benefits.issue + benefits.issue",
        "benefits.give back + benefits.issue",
        "benefits.redeem + benefits.revoke",
        "commissions.refund + commissions.refund",
        "commissions.approve payout + commissions.discard payout",
        "plans.end grant + plans.move clock",
        "plans.change + plans.move clocks",
        "plans.move clock + plans.move clocks",
        "plans.pay twice under one id",
        "vouchers.open again + vouchers.make",
        "vouchers.export twice under one id",
        "statements.dispute + statements.accept",
        "periods.close + benefits.fund",
        "units.lease more + units.lease more",
        "units.lease more + units.call back",
        "codes.keep + codes.use",
        "batches.withdraw approved rows + batches.issue rows",
    ],
)
async def test_whatever_the_order_it_is_as_if_one_came_after_the_other(
    who: Explorer, name: str
) -> None:
    explored = await who.explore(PAIRS[name])

    assert explored.found == []
    assert explored.orders >= 4
    assert await soak.contradictions() == []


async def test_a_sweep_passes_by_what_is_in_use_and_takes_it_the_next_time(who: Explorer) -> None:
    explored = await who.explore(PAIRS["benefits.roll back twice under one id"])
    assert explored.found == []


@pytest.mark.parametrize(
    "name",
    [
        "benefits.issue + benefits.issue",
        "benefits.give back + benefits.redeem",
        "benefits.return + benefits.allocate",
        "units.give units back + units.release",
    ],
)
async def test_the_orders_that_are_enough_come_to_all_that_any_order_does(
    who: Explorer, name: str
) -> None:
    pair = PAIRS[name]
    every = [each async for each in who.every(pair)]
    explored = await who.explore(pair)

    assert len({each.order for each in every}) == len(every) >= explored.orders
    assert len({each.told for each in every}) == explored.outcomes


# ----------------------------------------------------------------------- what must not be missed


async def _naive(given: Given) -> Scene:
    """A budget that is good for one, read first and written afterwards."""
    account_id = given.agent_id
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute("INSERT INTO naive_budget VALUES ($1, 100)", account_id)

    async def spend(_: UUID) -> object:
        [[left]] = await db.connection().fetch(
            "SELECT left_minor FROM naive_budget WHERE id = $1", account_id
        )
        if left < 100:
            return "exhausted"
        await db.connection().execute(
            "UPDATE naive_budget SET left_minor = left_minor - 100 WHERE id = $1", account_id
        )
        return "spent"

    async def state() -> object:
        return await rows("SELECT left_minor FROM naive_budget WHERE id = $1", account_id)

    return Scene({"spend": lambda key: do(spend, key)}, state)


async def test_a_naive_budget_is_found_to_overspend(who: Explorer, own_books: Settings) -> None:
    owner = await asyncpg.connect(own_books.owner_database_url)
    await owner.execute("CREATE TABLE naive_budget (id uuid PRIMARY KEY, left_minor bigint)")
    await owner.execute("GRANT ALL ON naive_budget TO tonglu_platform")
    await owner.close()
    spend = Deed(Room("naive", ("spend",), _naive), "spend")

    explored = await who.explore(Pair((spend, spend)))

    assert any('["spent","spent"],"state":{"naive":[[-100]]}' in each for each in explored.found)


async def test_an_export_that_asks_for_its_id_before_the_lock_is_found(
    who: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = PAIRS["vouchers.export twice under one id"]
    monkeypatch.setattr(vouchers, "_LOCK", "SELECT 1")

    found = (await who.explore(twice)).found

    assert any("UniqueViolation" in each for each in found)


async def test_a_payment_that_reads_what_is_left_without_the_lock_is_found(
    who: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = PAIRS["plans.pay + plans.pay"]
    monkeypatch.setattr(plans, "_HOLD", plans._HOLD.replace(" FOR NO KEY UPDATE", ""))

    assert (await who.explore(both)).found


@pytest.mark.parametrize(
    ("name", "module", "statement", "lock"),
    [
        ("units.promise + units.give units back", escrow, "_HELD", "FOR UPDATE"),
        ("units.promise + units.promise", escrow, "_UNIT", "FOR UPDATE OF unit"),
        ("codes.keep + codes.use", codes, "_BEHIND_LOCKED", "FOR NO KEY UPDATE OF v"),
        ("batches.decline batch twice under one id", batches, "_LOCK", "FOR UPDATE"),
    ],
)
async def test_a_lock_that_is_missing_is_found(
    who: Explorer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: ModuleType,
    statement: str,
    lock: str,
) -> None:
    monkeypatch.setattr(module, statement, getattr(module, statement).replace(lock, ""))

    assert (await who.explore(PAIRS[name])).found
