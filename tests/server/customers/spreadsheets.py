"""Short ways to bring spreadsheets of customers in."""

from typing import Any
from uuid import UUID

from server.access import Actor
from server.customers import queries
from server.customers.schemas import Filters
from server.imports import queries as imports_queries
from server.imports import service as imports
from server.imports.schemas import ImportView, Policy, StartImport
from server.kit import db
from tests.factories import NOW, Tenant


def sheet(*rows: str, header: str = "客户名称,电话,税号,状态") -> bytes:
    """Write a small CSV."""
    return "\r\n".join([header, *rows]).encode("gb18030")


async def upload(actor: Actor, file_name: str, content: bytes, **extra: Any) -> ImportView:
    """Upload a file of customers."""
    return await imports.upload(actor, file_name, content, target="customers", now=NOW, **extra)


async def hand_in(tenant: Tenant, content: bytes, **extra: Any) -> ImportView:
    """Upload a file."""
    return await upload(tenant.owner, "客户.csv", content, **extra)


async def bring_in(
    tenant: Tenant, content: bytes, policy: Policy = Policy.SKIP, **wanted: Any
) -> ImportView:
    """Upload a file, start it and do it to the end."""
    view = await hand_in(tenant, content)
    plan = StartImport(duplicates=policy, **wanted)
    await imports.start(tenant.owner, view.id, plan, now=NOW)
    assert await imports.run(tenant.owner, view.id, now=NOW)
    return await imports_queries.one(tenant.owner, view.id)


async def everything(tenant: Tenant) -> dict[UUID, Any]:
    """Give all customers, by id."""
    pages = queries.all_pages(tenant.owner, Filters())
    return {each.id: each async for page in pages for each in page}


async def trail(tenant: Tenant) -> list[Any]:
    """Give the tenant's audit trail."""
    async with db.tenant_transaction(tenant.tenant_id):
        rows: list[Any] = await db.connection().fetch(
            "SELECT action FROM audit_entry WHERE tenant_id = $1", tenant.tenant_id
        )
    return rows
