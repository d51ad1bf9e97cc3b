"""A unit of work in PostgreSQL: one statement, one sequence, one line of history a record."""

from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from server.changelog import service as changelog
from server.changelog import statements
from server.changelog.kinds import Along
from server.kit import clock, db
from server.sync.registry import KINDS
from sync_protocol.merge import EditClock
from sync_protocol.messages import Create, Delete, Edit, ReceivedOp
from tests.factories import NOW, Tenant, new_id

NOW_MS = clock.to_ms(NOW)
NOW_BASE = changelog.base_of_now()


async def test_a_unit_of_many_kinds_is_one_statement_under_one_sequence(tenant: Tenant) -> None:
    customer_id = await _customer(tenant)
    store_id, other_id = str(new_id()), str(new_id())
    ops: list[ReceivedOp] = [
        _create("customer", other_id, name="常州天合"),
        _create("store", store_id, customer_id=other_id, name="总店"),
        _create("contact", str(new_id()), customer_id=other_id, store_id=store_id, name="施总"),
        _create("note", str(new_id()), customer_id=customer_id, body="老板爱喝茶"),
        _create("tag", str(new_id()), name="重点", meaning="老板直管"),
        _edit("customer", customer_id, name="江阴海澜之家", owner_id=str(tenant.manager.user_id)),
    ]
    seen: list[str] = []

    async with db.tenant_transaction(tenant.tenant_id) as opened:
        opened.connection.add_query_logger(lambda record: seen.append(record.query))
        applied = await _apply(tenant, *ops)
        opened.connection._query_loggers.clear()

    assert len([query for query in seen if "tenant_clock" in query]) == 1
    assert not [query for query in seen if "INSERT" in query and "tenant_clock" not in query]
    assert {outcome.seq for outcome in applied.result.outcomes} == {applied.seq}
    lines = await _history(tenant, seq=applied.seq)
    assert {line["kind"] for line in lines} == {"customer", "store", "contact", "note", "tag"}
    assert len(lines) == len(ops)


async def test_the_keys_of_many_records_are_written_before_the_clock_is_taken(
    tenant: Tenant,
) -> None:
    ops = [_create("customer", str(new_id()), name=f"常州天合{at}") for at in range(120)]
    seen: list[str] = []

    async with db.tenant_transaction(tenant.tenant_id) as opened:
        opened.connection.add_query_logger(lambda record: seen.append(record.query))
        await _apply(tenant, *ops)
        opened.connection._query_loggers.clear()

    keys, unit = (query for query in seen if "INSERT" in query)
    assert "INSERT INTO customer_token" in keys
    assert "tenant_clock" not in keys
    assert "INSERT INTO customer_token" not in unit
    async with db.tenant_transaction(tenant.tenant_id):
        found = await db.connection().fetchval(
            "SELECT count(DISTINCT record_id) FROM customer_token WHERE token LIKE 'n%天合%'"
        )
    assert found == len(ops)


async def test_keys_that_were_written_ahead_fall_with_their_unit(tenant: Tenant) -> None:
    ops = [_create("customer", str(new_id()), name=f"常州天合{at}") for at in range(120)]

    async def write_and_fail() -> None:
        async with db.tenant_transaction(tenant.tenant_id):
            await _apply(tenant, *ops)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()

    async with db.tenant_transaction(tenant.tenant_id):
        assert await db.connection().fetchval("SELECT count(*) FROM customer_token") == 0


async def test_the_history_tells_each_step_with_the_value_before_and_after(tenant: Tenant) -> None:
    customer_id = await _customer(tenant, remark="一")
    await _apply(tenant, _edit("customer", customer_id, remark="二", city="无锡市"))
    await _apply(
        tenant,
        Delete(number=1, kind="customer", id=customer_id, at_ms=NOW_MS, base=NOW_BASE),
    )
    await _apply(tenant, Edit(number=1, kind="customer", id=customer_id, at_ms=NOW_MS, base=0))

    lines = await _history(tenant, root_id=UUID(customer_id))

    told = [(line["action"], msgspec.json.decode(line["patch"])) for line in lines]
    assert told == [
        ("create", {}),
        ("edit", {"remark": ["一", "二"], "city": [None, "无锡市"]}),
        ("delete", {}),
        ("restore", {}),
    ]
    assert {line["actor_id"] for line in lines} == {tenant.owner.user_id}


async def test_what_belongs_to_a_customer_stands_in_its_history(tenant: Tenant) -> None:
    customer_id = await _customer(tenant)
    note_id = str(new_id())
    await _apply(tenant, _create("note", note_id, customer_id=customer_id, body="老板爱喝茶"))

    lines = await _history(tenant, root_id=UUID(customer_id))

    assert [str(line["record_id"]) for line in lines] == [customer_id, note_id]


async def test_what_a_room_writes_along_stands_or_falls_with_the_unit(tenant: Tenant) -> None:
    line = Along(
        "INSERT INTO scope_exit (tenant_id, seq, customer_id)"
        " SELECT tenant_id, seq, $1::uuid FROM clock",
        (new_id(),),
    )
    broken = Along(
        "INSERT INTO scope_exit (tenant_id, seq, customer_id) VALUES ($1, 1, NULL)",
        (tenant.tenant_id,),
    )

    applied = await _add(tenant, line)
    with pytest.raises(asyncpg.NotNullViolationError):
        await _add(tenant, broken)

    async with db.tenant_transaction(tenant.tenant_id):
        rows = await db.connection().fetch("SELECT seq, customer_id FROM scope_exit")
        assert [(row["seq"], row["customer_id"]) for row in rows] == [(applied.seq, line.values[0])]
        assert await db.connection().fetchval("SELECT seq FROM tenant_clock") == applied.seq
        assert await db.connection().fetchval("SELECT count(*) FROM customer") == 1


async def test_an_index_finds_the_records_of_an_update(tenant: Tenant) -> None:
    """Planned while the table is small, a statement is kept when it has grown."""
    update = statements.update(KINDS["customer"], [])
    statement = statements.unit((update.text,))

    async with db.tenant_transaction(tenant.tenant_id):
        arguments = (tenant.tenant_id, 0, tenant.owner.user_id, None, NOW, *update.values)
        plan = await db.connection().fetch(f"EXPLAIN {statement}", *arguments)

    text = "\n".join(row[0] for row in plan)
    assert "AND (id = ANY (" in text, text


async def _customer(tenant: Tenant, **fields: Any) -> str:
    """Make a customer and give its id."""
    record_id = str(new_id())
    await _apply(tenant, _create("customer", record_id, name="江阴海澜", **fields))
    return record_id


def _create(kind: str, record_id: str, **fields: Any) -> Create:
    """Make the op of a new record."""
    return Create(number=1, kind=kind, id=record_id, fields=fields, at_ms=NOW_MS, base=0)


def _edit(kind: str, record_id: str, **fields: Any) -> Edit:
    """Make the op of an edit on what stands now."""
    return Edit(number=1, kind=kind, id=record_id, fields=fields, at_ms=NOW_MS, base=NOW_BASE)


async def _apply(tenant: Tenant, *ops: ReceivedOp) -> changelog.Applied:
    """Write ops as the company's owner."""
    applied = await changelog.apply(tenant.owner, ops, kinds=KINDS, edit_clock=_CLOCK, now=NOW)
    assert applied.seq is not None, applied.result.outcomes
    return applied


async def _add(tenant: Tenant, along: Along) -> changelog.Applied:
    """Write a new customer, and something along."""
    async with db.tenant_transaction(tenant.tenant_id):
        return await changelog.add(
            tenant.owner,
            [_create("customer", str(new_id()), name="江阴海澜")],
            kinds=KINDS,
            edit_clock=_CLOCK,
            along=[along],
            now=NOW,
        )


_CLOCK = EditClock(received_at_ms=NOW_MS, floor_ms=NOW_MS)


async def _history(tenant: Tenant, **where: Any) -> list[asyncpg.Record]:
    """Read the lines of history with this value."""
    ((column, value),) = where.items()
    async with db.tenant_transaction(tenant.tenant_id):
        rows: list[asyncpg.Record] = await db.connection().fetch(
            f"SELECT * FROM change WHERE {column} = $1 ORDER BY seq, kind",
            value,
        )
    return rows
