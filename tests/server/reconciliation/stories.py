"""Stories of files that finance takes in from an agent."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from billing.reconciliation.rules.columns import ColumnMap, Field
from billing.reconciliation.rules.lines import Side
from server.access import Role
from server.kit import db
from server.reconciliation import service
from server.reconciliation.schemas import FileOfSource, NewSource
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories

FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
MONTH, DAY = "2026-03", "2026-03-02"
HEADER = "权益编号,客户标识,客户名称,手机,金额,日期"
NAME, PHONE = "深巷里的茶馆", "13812345678"
MAP = ColumnMap(
    columns={
        Field.ID: "权益编号",
        Field.CUSTOMER: "客户标识",
        Field.NAME: "客户名称",
        Field.AMOUNT: "金额",
        Field.DAY: "日期",
    },
    ignored=["手机"],
)


async def a_source(tenant: Tenant) -> NewSource:
    """Have finance save how the agent's files are read, twice."""
    await stories.admit(tenant)
    new = NewSource(id=new_id(), agent_id=tenant.tenant_id, name="ERP", column_map=MAP)
    assert await service.save_source(FINANCE, Side.HERE, new, now=NOW) == new
    assert await service.save_source(FINANCE, Side.HERE, new, now=NOW) == new
    return new


async def issued(tenant: Tenant, count: int) -> list[Any]:
    """Have customers issued a benefit of 50 yuan each; give id and token of each."""
    program = await stories.make_program()
    for _ in range(count):
        await stories.request(tenant.rep, await stories.make_customer(tenant.rep), program.id)
    async with db.platform_transaction(FINANCE):
        rows: list[Any] = await db.connection().fetch(
            "SELECT id, customer_token FROM issuance WHERE agent_id = $1 ORDER BY id",
            tenant.tenant_id,
        )
    return rows


def a_row(reference: object, token: str = "", amount: str = "50.00", day: str = DAY) -> str:
    """Write a row of the agent's file."""
    return f"{reference},{token},{NAME},{PHONE},{amount},{day}"


def a_file(rows: Sequence[str], header: str = HEADER) -> bytes:
    """Write a CSV."""
    return "\n".join([header, *rows, ""]).encode()


async def handed_in(
    source: NewSource, content: bytes, file_id: UUID | None = None, month: str = MONTH
) -> Any:
    """Hand a file in, for March."""
    sent = FileOfSource(
        id=file_id or new_id(), source_id=source.id, month=month, file_name="三月.csv"
    )
    return await service.hand_in(FINANCE, Side.HERE, sent, content, now=NOW)
