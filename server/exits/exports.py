"""What becomes of a leaver's things, as a sheet: the platform's without names, the owner's with.

Before the plan is carried out it is the plan, and behind that the result.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.access import Actor
from server.audit import exports
from server.audit.exports import Columns
from server.exits import queries
from server.exits.rules import Fate, Kind, Planned
from server.kit import db, sheets
from server.kit.pages import Page
from server.partners.schemas import ExitView

_KINDS: Final = {Kind.CUSTOMER: "客户", Kind.REGISTRATION: "报备", Kind.BENEFIT: "权益"}
_FATES: Final = {
    Fate.KEPT: "留在原代理商",
    Fate.HANDED: "移交",
    Fate.RELEASED: "释放",
    Fate.PASSED: "随客户转移",
    Fate.EXPIRED: "到期结束",
    Fate.REDEEMED: "已使用",
    Fate.STAYS: "继续有效",
    Fate.REVOKED: "收回",
    Fate.TRANSFERRED: "由接手方重新发放",
}
_NAMES: Final = """
SELECT i.kind, i.ref, c.name FROM exit_item i
JOIN customer c ON c.tenant_id = i.agent_id AND c.id = i.customer_id WHERE i.exit_id = $1
"""


def _columns(held: ExitView) -> dict[str, Any]:
    """Say what stands in each column, for either side."""
    heirs = {each.agent_id: each.name for each in held.successors}
    return {
        "类别": lambda row: _KINDS[row.kind],
        "编号": lambda row: str(row.ref),
        "去向": lambda row: _FATES[row.fate],
        "接手代理商": lambda row: heirs.get(row.successor_id),
        "金额": lambda row: exports.yuan(row.amount_minor) if row.amount_minor else None,
        "由平台选定": lambda row: "是" if row.is_chosen else None,
        "已办理": lambda row: "是" if row.is_done else None,
    }


async def for_platform(actor: Actor, agent_id: UUID, *, now: datetime) -> AsyncIterator[bytes]:
    """Write all rows of a leaver's plan as CSV; the leaver hears of each page that is read.

    :raises NotFound: there is no such agent, or it does not leave.
    """
    first = await queries.plan(actor, agent_id, now=now)
    columns = _columns(first.exit)

    async def blocks() -> AsyncIterator[bytes]:
        plan = first
        while True:
            cells = [[exports.written(cell(row)) for cell in columns.values()] for row in plan.rows]
            yield sheets.csv_of(cells)
            if plan.next_cursor is None:
                return
            plan = await queries.plan(actor, agent_id, cursor=plan.next_cursor, now=now)

    return await sheets.begun(blocks(), before=sheets.BOM + sheets.csv_of([list(columns)]))


async def for_owner(actor: Actor, *, now: datetime) -> AsyncIterator[bytes]:
    """Write all rows of one's own plan as CSV, with the customers' names. For who may export.

    :raises NotFound: the company does not leave.
    """
    first = await queries.own(actor)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_NAMES, first.exit.id)
    names = {(row["kind"], row["ref"]): row["name"] for row in rows}
    columns: Columns[Planned] = {
        "客户名称": lambda row: names.get((row.kind, row.ref)),
        **_columns(first.exit),
    }

    async def page(cursor: str | None) -> Page[Planned]:
        plan = await queries.own(actor, cursor=cursor) if cursor else first
        return Page(plan.rows, plan.next_cursor)

    return await exports.as_csv(actor, "exit", columns, page, now=now)
