"""Service cases as a sheet."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from server.access import Actor
from server.audit import exports
from server.audit.exports import Columns
from server.cases import queries
from server.cases.schemas import CaseFilters, CaseView
from server.identity import queries as identity
from server.kit.pages import PAGE_SIZE_MAX

_STATES: Final = {
    "open": "待处理",
    "in_progress": "处理中",
    "waiting": "等客户",
    "resolved": "已解决",
    "closed": "已关闭",
}
_SEVERITIES: Final = {"low": "轻微", "normal": "一般", "high": "严重", "critical": "紧急"}
_CATEGORIES: Final = {
    "complaint": "投诉",
    "fault": "故障",
    "question": "咨询",
    "request": "需求",
    "other": "其他",
}


async def as_csv(actor: Actor, filters: CaseFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the cases within sight that the filters leave as CSV. For who may export."""
    people = (await identity.directory(actor)).people
    columns: Columns[CaseView] = {
        "服务单号": lambda each: each.number,
        "客户名称": lambda each: each.customer_name,
        "主题": lambda each: each.subject,
        "类别": lambda each: _CATEGORIES[each.category],
        "级别": lambda each: _SEVERITIES[each.severity],
        "状态": lambda each: _STATES[each.state],
        "处理人": lambda each: people.get(each.assignee_id),
        "提出时间": lambda each: each.opened_at,
        "应答期限": lambda each: each.answer_due_at,
        "应答时间": lambda each: each.answered_at,
        "应答超时": lambda each: "是" if each.is_answer_late else None,
        "解决期限": lambda each: each.resolve_due_at,
        "解决时间": lambda each: each.resolved_at,
        "解决超时": lambda each: "是" if each.is_resolve_late else None,
        "处理结果": lambda each: each.result,
        "详情": lambda each: each.detail,
    }
    return await exports.as_csv(
        actor,
        "cases",
        columns,
        lambda cursor: queries.list_page(
            actor, filters, now=now, cursor=cursor, limit=PAGE_SIZE_MAX
        ),
        now=now,
    )
