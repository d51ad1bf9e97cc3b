"""Contracts as a sheet: a line each, no cell a formula, and a line in the audit trail."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.contracts.queries.contracts import list_page
from server.contracts.schemas import ContractFilters, ContractView
from server.kit import db
from server.kit.cells import harmless
from server.kit.pages import PAGE_SIZE_MAX

BOM: Final = b"\xef\xbb\xbf"
"""By it spreadsheet programs know that a CSV is UTF-8."""
_COLUMNS: Final = (
    *("合同编号", "合同名称", "客户名称", "状态", "币种", "金额", "已回款", "逾期未回"),
    *("下次应收日", "签订日", "生效日", "到期日", "甲方", "乙方", "商机", "备注"),
)
_STATES: Final = {
    "draft": "草稿",
    "waiting": "审批中",
    "approved": "待签",
    "signed": "已签订",
    "in_force": "履行中",
    "ended": "已到期",
    "terminated": "已终止",
    "void": "已作废",
}


async def as_csv(actor: Actor, filters: ContractFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the contracts within sight that the filters leave as CSV, a page at a time."""
    ensure(actor, Permission.CUSTOMERS_EXPORT)
    async with db.tenant_transaction(actor.tenant_id):
        await audit.record(actor, "contracts.exported", subject_id=None, now=now, format="csv")
    first = await list_page(actor, filters, now=now, limit=PAGE_SIZE_MAX)

    async def blocks() -> AsyncIterator[bytes]:
        page = first
        yield BOM + _csv([list(_COLUMNS), *map(_line, page.items)])
        while page.next_cursor:
            page = await list_page(
                actor, filters, now=now, cursor=page.next_cursor, limit=PAGE_SIZE_MAX
            )
            yield _csv([_line(each) for each in page.items])

    return blocks()


def _line(held: ContractView) -> list[str]:
    """Write a contract as text, in the order of the columns."""
    money = (held.amount_minor, held.received_minor, held.overdue_minor)
    days = (held.next_due_on, held.signed_on, held.effective_on, held.ends_on)
    words = (held.party_a, held.party_b, held.opportunity_name, held.remark)
    return [
        *(harmless(each or "") for each in (held.number, held.title, held.customer_name)),
        *(_STATES[held.state], held.currency),
        *(f"{Decimal(minor) / 100:.2f}" for minor in money),
        *(each or "" for each in days),
        *(harmless(each or "") for each in words),
    ]


def _csv(lines: list[list[str]]) -> bytes:
    """Write lines as CSV."""
    target = io.StringIO()
    csv.writer(target, lineterminator="\r\n").writerows(lines)
    return target.getvalue().encode()
