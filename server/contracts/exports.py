"""Contracts as a sheet."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from server.access import Actor
from server.audit import exports
from server.audit.exports import Columns
from server.contracts import queries
from server.contracts.schemas import ContractFilters, ContractView
from server.kit.pages import PAGE_SIZE_MAX

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
_COLUMNS: Final[Columns[ContractView]] = {
    # What tells two contracts of one number apart, where a file comes back.
    "记录编号(勿改)": lambda each: str(each.id),
    "合同编号": lambda each: each.number,
    "合同名称": lambda each: each.title,
    "客户名称": lambda each: each.customer_name,
    "状态": lambda each: _STATES[each.state],
    "币种": lambda each: each.currency,
    "金额": lambda each: exports.yuan(each.amount_minor),
    "已回款": lambda each: exports.yuan(each.received_minor),
    "逾期未回": lambda each: exports.yuan(each.overdue_minor),
    "下次应收日": lambda each: each.next_due_on,
    "签订日": lambda each: each.signed_on,
    "生效日": lambda each: each.effective_on,
    "到期日": lambda each: each.ends_on,
    "甲方": lambda each: each.party_a,
    "乙方": lambda each: each.party_b,
    "商机": lambda each: each.opportunity_name,
    "备注": lambda each: each.remark,
}


async def as_csv(actor: Actor, filters: ContractFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the contracts within sight that the filters leave as CSV. For who may export."""
    return await exports.as_csv(
        actor,
        "contracts",
        _COLUMNS,
        lambda cursor: queries.list_page(
            actor, filters, now=now, cursor=cursor, limit=PAGE_SIZE_MAX
        ),
        now=now,
    )
