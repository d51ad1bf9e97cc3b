"""Tasks and visits as sheets; where somebody was stays inside the visit."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from server.access import Actor
from server.activities import queries
from server.activities.schemas import (
    TaskFilters,
    TaskState,
    TaskView,
    VisitFilters,
    VisitState,
    VisitView,
)
from server.audit import exports
from server.audit.exports import Columns
from server.identity import queries as identity
from server.kit.pages import PAGE_SIZE_MAX

_TASK_STATES: Final = {
    TaskState.OPEN: "未完成",
    TaskState.DONE: "已完成",
    TaskState.CANCELLED: "已取消",
}
_VISIT_STATES: Final = {
    VisitState.PLANNED: "计划中",
    VisitState.OPEN: "拜访中",
    VisitState.DONE: "已完成",
    VisitState.CANCELLED: "已取消",
}
_PRIORITIES: Final = {"low": "低", "normal": "普通", "high": "高"}


async def tasks(actor: Actor, filters: TaskFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the tasks within sight that the filters leave as CSV. For who may export."""
    people = (await identity.directory(actor)).people
    columns: Columns[TaskView] = {
        "任务编号": lambda each: str(each.id),
        "客户名称": lambda each: each.customer_name,
        "任务": lambda each: each.title,
        "执行人": lambda each: people.get(each.assignee_id),
        "派发人": lambda each: people.get(each.giver_id) if each.giver_id else None,
        "状态": lambda each: _TASK_STATES[each.state],
        "必做": lambda each: "是" if each.is_must_do else None,
        "优先级": lambda each: _PRIORITIES.get(each.priority or "", ""),
        "截止时间": lambda each: each.due_at,
        "完成时间": lambda each: each.done_at,
        "结果": lambda each: each.result,
        "说明": lambda each: each.detail,
    }
    return await exports.as_csv(
        actor,
        "tasks",
        columns,
        lambda cursor: queries.tasks(actor, filters, cursor=cursor, limit=PAGE_SIZE_MAX),
        now=now,
    )


async def visits(actor: Actor, filters: VisitFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the visits within sight that the filters leave as CSV. For who may export."""
    people = (await identity.directory(actor)).people
    columns: Columns[VisitView] = {
        "拜访编号": lambda each: str(each.id),
        "客户名称": lambda each: each.customer_name,
        "拜访人": lambda each: people.get(each.visitor_id),
        "状态": lambda each: _VISIT_STATES[each.state],
        "目的": lambda each: each.purpose,
        "计划时间": lambda each: each.planned_at,
        "签到时间": lambda each: each.checked_in_at,
        "签退时间": lambda each: each.checked_out_at,
        "可信度": lambda each: each.trust_score,
        "小结": lambda each: each.summary,
        "下一步": lambda each: each.next_step,
    }
    return await exports.as_csv(
        actor,
        "visits",
        columns,
        lambda cursor: queries.visits(actor, filters, cursor=cursor, limit=PAGE_SIZE_MAX),
        now=now,
    )
