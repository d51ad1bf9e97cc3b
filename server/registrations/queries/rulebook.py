"""Which terms and which rules hold; inside an open transaction of any side."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.kit import db
from server.registrations.rules import order, terms
from server.registrations.rules.order import Rule, RuleSet
from server.registrations.rules.terms import Terms, TermsVersion

_TERMS: Final = """
SELECT version, holds_from, terms FROM registration_terms WHERE holds_from <= $1
ORDER BY holds_from DESC, version DESC LIMIT 1
"""
_MADE: Final = "SELECT created_at FROM registration WHERE tenant_id = $1 AND id = $2"
_RULES: Final = "SELECT version, steps, tolerance_ms, edition FROM registry_rules"
_HOLDING: Final = f"""
{_RULES} WHERE switched_on_at <= $1 ORDER BY switched_on_at DESC, version DESC LIMIT 1
"""
_LAST: Final = f"""
{_RULES} WHERE switched_on_at IS NOT NULL ORDER BY switched_on_at DESC, version DESC LIMIT 1
"""


async def terms_at(moment: datetime) -> TermsVersion:
    """Give the terms that hold at a moment."""
    rows = await db.connection().fetch(_TERMS, moment)
    held = [
        TermsVersion(
            version=row["version"],
            holds_from=row["holds_from"],
            terms=msgspec.json.decode(row["terms"], type=Terms),
        )
        for row in rows
    ]
    return terms.at(held, moment)


async def terms_of(tenant_id: UUID, registration_id: UUID) -> Terms:
    """Give the terms that held as a registration was made, in its company's transaction."""
    made_at = await db.connection().fetchval(_MADE, tenant_id, registration_id)
    return (await terms_at(made_at)).terms


async def rules_now() -> RuleSet:
    """Give the rules that were switched on last."""
    row = await db.connection().fetchrow(_LAST)
    return order.FIRST if row is None else rules_of(row)


async def rules_at(moment: datetime) -> RuleSet:
    """Give the rules that held at a moment; those with which the product came before any."""
    row = await db.connection().fetchrow(_HOLDING, moment)
    return order.FIRST if row is None else rules_of(row)


async def rules_by_version() -> dict[int, RuleSet]:
    """Give all versions there ever were."""
    rows = await db.connection().fetch(_RULES)
    return {order.FIRST.version: order.FIRST, **{row["version"]: rules_of(row) for row in rows}}


def rules_of(row: asyncpg.Record) -> RuleSet:
    """Read a version."""
    return RuleSet(
        version=row["version"],
        steps=msgspec.json.decode(row["steps"], type=tuple[Rule, ...]),
        tolerance_ms=row["tolerance_ms"],
        edition=row["edition"],
    )
