"""What leads are judged and routed by: terms, rules, territories, sources; in the transaction."""

from typing import Any, Final
from uuid import UUID

import msgspec

from server.kit import db
from server.leads.rules.handoff import DEFAULT_TERMS, Terms
from server.leads.rules.routing import Territory
from server.leads.rules.tagging import BUILT_IN, Rule, RuleSet
from server.leads.schemas import SourceView

_RULES: Final = """
SELECT version, rules FROM lead_rules WHERE tenant_id = $1 ORDER BY version DESC LIMIT 1
"""
_SOURCES: Final = """
SELECT id, name, parent_id, channel, cost_key, partner, state FROM lead_source
WHERE tenant_id = $1 ORDER BY name COLLATE "C", id
"""


async def terms_of(tenant_id: UUID) -> Terms:
    """Give what the company asks of its leads."""
    held = await db.connection().fetchval(
        "SELECT terms FROM lead_terms WHERE tenant_id = $1", tenant_id
    )
    return DEFAULT_TERMS if held is None else msgspec.json.decode(held, type=Terms)


async def rules_of(tenant_id: UUID) -> RuleSet:
    """Give the company's rules in their latest version."""
    row = await db.connection().fetchrow(_RULES, tenant_id)
    if row is None:
        return BUILT_IN
    return RuleSet(version=row["version"], rules=msgspec.json.decode(row["rules"], type=list[Rule]))


async def territories_of(tenant_id: UUID) -> list[Territory]:
    """Give who holds which place."""
    rows = await db.connection().fetch(
        "SELECT holder_id, city, district FROM lead_territory WHERE tenant_id = $1 ORDER BY id",
        tenant_id,
    )
    return [Territory(**dict(row)) for row in rows]


async def sources_of(tenant_id: UUID) -> dict[UUID, SourceView]:
    """Give the company's sources, each with the names from the root down to it."""
    rows = {row["id"]: dict(row) for row in await db.connection().fetch(_SOURCES, tenant_id)}
    return {
        source_id: msgspec.convert({**row, "path": _path(rows, source_id)}, SourceView)
        for source_id, row in rows.items()
    }


def _path(rows: dict[UUID, dict[str, Any]], source_id: UUID) -> list[str]:
    """Give the names from the root down to a source."""
    names: list[str] = []
    at: UUID | None = source_id
    while at is not None:
        names.insert(0, rows[at]["name"])
        at = rows[at]["parent_id"]
    return names


async def campaigns_of(tenant_id: UUID) -> dict[UUID, tuple[str, UUID]]:
    """Give each campaign's name and source."""
    rows = await db.connection().fetch(
        "SELECT id, name, source_id FROM campaign WHERE tenant_id = $1", tenant_id
    )
    return {row["id"]: (row["name"], row["source_id"]) for row in rows}
