"""Deals as a sheet."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from server.access import Actor
from server.audit import exports
from server.audit.exports import Columns
from server.identity import queries as identity
from server.kit.pages import PAGE_SIZE_MAX
from server.pipeline import queries
from server.pipeline.schemas import DealFilters, OpportunityView

_STATES: Final = {"open": "在谈", "won": "已签约", "lost": "已流失"}
_CATEGORIES: Final = {"commit": "承诺", "best": "乐观", "pipeline": "在谈", "omitted": "不计入"}


async def as_csv(actor: Actor, filters: DealFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the deals within sight that the filters leave as CSV. For who may export."""
    processes = await queries.versions(actor)
    people = (await identity.directory(actor)).people

    def stage(deal: OpportunityView) -> str:
        held = processes.get(deal.process_id, queries.BUILT_IN_VIEW)
        return next((each.name for each in held.definition.stages if each.id == deal.stage), "")

    columns: Columns[OpportunityView] = {
        "商机编号": lambda each: str(each.id),
        "商机名称": lambda each: each.name,
        "客户名称": lambda each: each.customer_name,
        "负责人": lambda each: people.get(each.owner_id) if each.owner_id else None,
        "流程": lambda each: processes.get(each.process_id, queries.BUILT_IN_VIEW).name,
        "阶段": stage,
        "状态": lambda each: _STATES[each.state],
        "金额(元)": lambda each: exports.yuan(each.amount_minor),
        "预计签约日": lambda each: each.expected_on,
        "预测": lambda each: _CATEGORIES.get(each.forecast_category or "", ""),
        "竞争对手": lambda each: each.competitor,
        "流失原因": lambda each: each.lost_reason,
        "进入阶段时间": lambda each: each.stage_since,
        "结束时间": lambda each: each.closed_at,
        "创建时间": lambda each: each.created_at,
        "备注": lambda each: each.remark,
    }
    return await exports.as_csv(
        actor,
        "deals",
        columns,
        lambda cursor: queries.list_page(
            actor, filters, now=now, cursor=cursor, limit=PAGE_SIZE_MAX
        ),
        now=now,
    )
