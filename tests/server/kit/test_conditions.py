"""Conditions: the first door of a request asks, once, and nothing is open when it refuses."""

from typing import NoReturn
from uuid import UUID, uuid4

import pytest

from server.kit import conditions, db
from server.kit.conditions import Condition
from server.kit.errors import Forbidden
from server.settings import Settings

_IS_SO = "SELECT 1 WHERE $1::int = 1 AND $2::uuid IS NOT NULL AND $3::text = 'so'"


async def refuse() -> NoReturn:
    """Refuse, as the edge does; doors are free to be opened here."""
    async with db.global_transaction():
        await db.connection().execute("SELECT 1")
    raise Forbidden("It does not hold.")


def condition(tenant_id: UUID, *, holds: bool) -> Condition:
    """Ask something that is so, or not."""
    arguments = (1 if holds else 2, uuid4(), "so")
    return Condition("is_so", _IS_SO, arguments, tenant_id=tenant_id, refuse=refuse)


async def test_what_holds_lets_the_first_door_open(database: Settings) -> None:
    tenant_id = uuid4()
    asked = condition(tenant_id, holds=True)

    with asked:
        for _ in range(2):
            async with db.tenant_transaction(tenant_id):
                assert await db.connection().fetchval("SELECT current_setting('app.tenant_id')")
            assert asked.is_settled

    assert conditions.unsettled() is None


async def test_what_does_not_hold_leaves_nothing_open(database: Settings) -> None:
    tenant_id = uuid4()

    for _ in range(20):
        with condition(tenant_id, holds=False), pytest.raises(Forbidden):
            async with db.tenant_transaction(tenant_id):
                pytest.fail("the door is open")

    assert db.ENGINE.pool is not None
    assert db.ENGINE.pool.get_idle_size() == db.ENGINE.pool.get_size()


async def test_a_door_to_other_rows_asks_first(database: Settings) -> None:
    with condition(uuid4(), holds=False), pytest.raises(Forbidden):
        async with db.global_transaction():
            pytest.fail("the door is open")

    asked = condition(uuid4(), holds=True)
    with asked:
        async with db.global_transaction():
            assert asked.is_settled
            assert not await db.connection().fetchval(
                "SELECT current_setting('app.tenant_id', true)"
            )


async def test_a_snapshot_asks_as_well(database: Settings) -> None:
    tenant_id = uuid4()

    with condition(tenant_id, holds=True):
        async with db.tenant_transaction(tenant_id, readonly=True, snapshot=True):
            level = await db.connection().fetchval("SHOW transaction_isolation")

    assert level == "repeatable read"


def test_what_a_person_wrote_is_never_written_into_sql() -> None:
    for words in ("'; DROP TABLE customer; --", "王芳", "so\n", ""):
        with pytest.raises(AssertionError):
            Condition("is_so", _IS_SO, (1, uuid4(), words), tenant_id=uuid4(), refuse=refuse)


async def test_a_snapshot_may_be_the_first_door(database: Settings) -> None:
    tenant_id = uuid4()
    # Under a name that no connection has prepared yet.
    name = f"is_so_{uuid4().hex}"
    asked = Condition(name, _IS_SO, (1, uuid4(), "so"), tenant_id=tenant_id, refuse=refuse)

    with asked:
        async with db.tenant_transaction(tenant_id, readonly=True, snapshot=True):
            level = await db.connection().fetchval("SHOW transaction_isolation")

    assert (level, asked.holds) == ("repeatable read", True)
