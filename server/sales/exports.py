"""Quotes as a sheet."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from server.access import Actor
from server.audit import exports
from server.audit.exports import Columns
from server.identity import queries as identity
from server.kit.pages import PAGE_SIZE_MAX
from server.sales import queries
from server.sales.schemas import QuoteFilters, QuoteView

_STATES: Final = {
    "draft": "草稿",
    "waiting": "待审批",
    "approved": "可发送",
    "sent": "已发送",
    "accepted": "客户已接受",
    "refused": "客户未接受",
    "expired": "已过期",
    "withdrawn": "已撤回",
}


async def as_csv(actor: Actor, filters: QuoteFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the quotes within sight that the filters leave as CSV. For who may export."""
    people = (await identity.directory(actor)).people
    columns: Columns[QuoteView] = {
        "报价编号": lambda each: str(each.id),
        "报价名称": lambda each: each.name,
        "客户名称": lambda each: each.customer_name,
        "商机": lambda each: each.opportunity_name,
        "状态": lambda each: _STATES[each.state],
        "币种": lambda each: each.currency,
        "合计": lambda each: exports.yuan(each.totals.amount_minor),
        "折扣": lambda each: exports.yuan(each.totals.discount_minor),
        "不含税": lambda each: exports.yuan(each.totals.net_minor),
        "税额": lambda each: exports.yuan(each.totals.tax_minor),
        "有效期至": lambda each: each.valid_until,
        "编制人": lambda each: people.get(each.edited_by),
        "审批人": lambda each: people.get(each.decided_by) if each.decided_by else None,
        "创建时间": lambda each: each.created_at,
        "备注": lambda each: each.remark,
    }
    return await exports.as_csv(
        actor,
        "quotes",
        columns,
        lambda cursor: queries.list_page(actor, filters, cursor=cursor, limit=PAGE_SIZE_MAX),
        now=now,
    )
