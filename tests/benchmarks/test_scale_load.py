"""The benchmark's million customers are rows that the product would have written."""

import random
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec

from benchmarks import scale_load
from server.access import Role, Scope
from server.customers import service as customers
from server.customers.schemas import NewContact, NewCustomer, NewTag
from server.pipeline import service as pipeline
from server.pipeline.schemas import NewOpportunity
from server.settings import Settings
from tests.factories import NOW, Tenant
from tests.postgres import Postgres

_SIZE: Final = 40
_WHEN_AND_WHO: Final = frozenset(
    {
        *("tenant_id", "handle", "seq", "created_seq", "scope_seq", "created_at", "created_by"),
        *("stage_since", "at", "actor_id"),
    }
)
"""What differs from one writing to the next."""
_COMPARED: Final = ("customer", "contact", "opportunity", "change", "customer_token")


async def test_the_loader_writes_the_rows_that_the_services_write(
    postgres: Postgres, database: Settings, tenant: Tenant
) -> None:
    """What is measured on a million rows would mean nothing on rows of another shape."""
    name = urlsplit(database.database_url).path.strip("/")
    connection = await asyncpg.connect(postgres.superuser_url(name))
    try:
        company = await scale_load.lay_down(connection, random.Random(5), _SIZE)
        laid = {table: await _rows(connection, table, company.tenant_id) for table in _COMPARED}
        begun = [row for row in laid["opportunity"] if row["stage"] == "lead"]

        await _make_again(tenant, company, laid, begun)

        made = {table: await _rows(connection, table, tenant.tenant_id) for table in _COMPARED}
    finally:
        await connection.close()
    of_begun = {row["id"] for row in begun}
    laid["opportunity"] = [{**row, "state": "open"} for row in begun]
    laid["change"] = [
        row
        for row in laid["change"]
        if row["kind"] != "opportunity" or row["record_id"] in of_begun
    ]
    made["change"] = [row for row in made["change"] if row["kind"] != "tag"]
    assert len(laid["customer"]) == _SIZE
    assert laid["contact"]
    assert begun
    for table in _COMPARED:
        assert _told(laid[table]) == _told(made[table]), table


async def _rows(connection: Any, table: str, tenant_id: UUID) -> list[dict[str, Any]]:
    """Read a company's rows, past row-level security."""
    query = f"SELECT * FROM {table} WHERE tenant_id = $1"
    return [dict(row) for row in await connection.fetch(query, tenant_id)]


def _told(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Say what rows hold, but for when and by whom they were written."""
    kept = ({name: row[name] for name in row if name not in _WHEN_AND_WHO} for row in rows)
    return sorted(map(repr, kept))


async def _make_again(
    tenant: Tenant,
    company: scale_load.Company,
    laid: dict[str, list[dict[str, Any]]],
    begun: list[dict[str, Any]],
) -> None:
    """Have the services make the same records, under the same ids, in another company."""
    boss = tenant.actor(Role.AGENT_OWNER, scope=Scope.TENANT)
    for tag_id in company.tags:
        new = NewTag(id=tag_id, name=f"标签 {tag_id}"[:20], meaning="压测")
        await customers.create_tag(boss, new, now=NOW)
    for row in laid["customer"]:
        rep_id, team_id = row["owner_id"], row["team_id"]
        rep = msgspec.structs.replace(boss, user_id=rep_id, team_id=team_id)
        tags = msgspec.json.decode(row["tags"]) if row["tags"] else []
        given = {name: row[name] for name in NewCustomer.__struct_fields__ if row.get(name)}
        for name in ("owner_id", "team_id"):
            del given[name]
        await customers.create(rep, NewCustomer(**{**given, "tags": tags}), now=NOW)
    for row in laid["contact"]:
        new_contact = NewContact(id=row["id"], name=row["name"], phone=row["phone"])
        await customers.add_contact(boss, row["customer_id"], new_contact, now=NOW)
    for row in begun:
        given = {name: row[name] for name in NewOpportunity.__struct_fields__ if row.get(name)}
        rep = msgspec.structs.replace(boss, user_id=given.pop("account_manager_id"))
        await pipeline.create(rep, NewOpportunity(**given), now=NOW)
