"""Deals as a sheet."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from server.access import Actor
from server.audit import exports
from server.audit.exports import Columns
from server.customers.custom import queries as customs
from server.customers.custom import texts
from server.identity import queries as identity
from server.kit.cells import harmless
from server.kit.pages import PAGE_SIZE_MAX
from server.pipeline import queries
from server.pipeline.imports.columns import (
    CATEGORIES_ZH,
    COLUMNS_ZH,
    LOST_REASONS_ZH,
    PEOPLE,
    STATES_ZH,
    VOCABULARY,
)
from server.pipeline.schemas import DealFilters, OpportunityView, ProcessView
from sync_protocol.custom_fields import Definition
from sync_protocol.process.gates import State


async def as_csv(actor: Actor, filters: DealFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the deals within sight that the filters leave as CSV. For who may export.

    What comes back in by an import changes nothing.
    """
    processes = await queries.versions(actor)
    people = (await identity.directory(actor)).people
    own = await customs.definitions(actor, "opportunity")

    def process(deal: OpportunityView) -> ProcessView:
        return processes.get(deal.process_id, queries.BUILT_IN_VIEW)

    def stage(deal: OpportunityView) -> str:
        held = process(deal).definition.stage(deal.stage)
        return held.name if held else ""

    def person(field: str) -> Callable[[OpportunityView], str | None]:
        return lambda each: people.get(getattr(each, field))

    cells: Columns[OpportunityView] = {
        "id": lambda each: str(each.id),
        "name": lambda each: each.name,
        "customer_id": lambda each: str(each.customer_id),
        "customer": lambda each: each.customer_name,
        "process": lambda each: process(each).name,
        "stage": stage,
        "state": lambda each: STATES_ZH[State(each.state)],
        "amount_yuan": lambda each: exports.yuan(each.amount_minor),
        "expected_on": lambda each: each.expected_on,
        "forecast_category": lambda each: CATEGORIES_ZH.get(each.forecast_category or ""),
        **{field: person(field) for field in PEOPLE},
        "competitor": lambda each: each.competitor,
        "lost_reason": lambda each: LOST_REASONS_ZH.get(each.lost_reason or ""),
        "closed_on": lambda each: each.closed_at,
        "remark": lambda each: each.remark,
    }
    columns: dict[str, Callable[[OpportunityView], Any]] = {
        **{said: cells[field] for field, said in COLUMNS_ZH.items()},
        "负责人": person("owner_id"),
        "进入阶段时间": lambda each: each.stage_since,
        "创建时间": lambda each: each.created_at,
    }
    for field in own:
        # Two columns of one name could not be told apart when they come back.
        is_taken = VOCABULARY.field_of(field.label_zh) or field.label_zh in columns
        columns[field.name if is_taken else harmless(field.label_zh)] = _own(field)
    return await exports.as_csv(
        actor,
        "deals",
        columns,
        lambda cursor: queries.list_page(
            actor, filters, now=now, cursor=cursor, limit=PAGE_SIZE_MAX
        ),
        now=now,
    )


def _own(field: Definition) -> Callable[[OpportunityView], str]:
    """Write a custom field's value as an import reads it."""
    return lambda each: texts.written(field, each.custom.get(field.name))
