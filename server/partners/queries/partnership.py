"""Look up what the platform and an agent have agreed: one question, asked from both sides."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db
from server.partners.queries.agents import agent
from server.partners.queries.exits import last_exit
from server.partners.queries.territories import COLUMNS, view_of
from server.partners.rules import sharing
from server.partners.rules.sharing import Shared, Version
from server.partners.schemas import (
    AgreementView,
    ContractView,
    Partnership,
    StepView,
    TierView,
)

FILE: Final = "partners.file"

_TIERS: Final = """
SELECT tier, since, reason FROM agent_tier WHERE agent_id = $1 ORDER BY set_at DESC, id DESC
"""
_AGREEMENTS: Final = """
SELECT id, number, version, title, signed_on, valid_from, valid_until, recorded_at
FROM agent_agreement WHERE agent_id = $1 ORDER BY signed_on DESC, number, version DESC
"""
_TERRITORIES: Final = f"""
SELECT {COLUMNS} FROM territory WHERE agent_id = $1 ORDER BY division, valid_from, id
"""  # noqa: S608 - our own columns
_STEPS: Final = """
SELECT s.code, s.label_zh, s.label_en, t.ticked_at, t.ticked_by_name, t.note
FROM onboarding_step s LEFT JOIN onboarding_tick t ON t.step = s.code AND t.agent_id = $1
ORDER BY s.position, s.code
"""
_CONTRACTS: Final = """
SELECT agent_id, version, fields, offered_at, accepted_at FROM sharing_contract
WHERE agent_id = ANY ($1::uuid[]) ORDER BY version DESC
"""


async def partnership(actor: Actor) -> Partnership:
    """Show an agent what it has agreed with the platform."""
    actor.ensure_agent()
    ensure(actor, Permission.PLATFORM_READS_SEE)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        return await of(actor.tenant_id)


async def file(actor: Actor, agent_id: UUID, *, now: datetime) -> Partnership:
    """Show the platform what it has agreed with an agent, which hears of the look.

    :raises NotFound: there is no such agent.
    """
    await agent(actor, agent_id)
    async with db.platform_transaction(actor):
        await audit.record_platform_read(actor, [agent_id], FILE, now=now)
        return await of(agent_id)


async def of(agent_id: UUID) -> Partnership:
    """Give what is agreed with an agent, in a transaction of either side."""
    fetch = db.connection().fetch
    contracts = await fetch(_CONTRACTS, [agent_id])
    holds = sharing.in_force(_version(row) for row in contracts)
    return Partnership(
        agent_id=agent_id,
        tiers=_views(await fetch(_TIERS, agent_id), TierView),
        agreements=_views(await fetch(_AGREEMENTS, agent_id), AgreementView),
        territories=[view_of(row) for row in await fetch(_TERRITORIES, agent_id)],
        steps=_views(await fetch(_STEPS, agent_id), StepView),
        contracts=_views(contracts, ContractView),
        contract_version=holds.version,
        shared=sorted(holds.fields),
        exit=await last_exit(agent_id),
    )


async def shared(agent_ids: Iterable[UUID]) -> dict[UUID, frozenset[Shared]]:
    """Say what of each agent's the platform may see, in an open transaction of any side."""
    asked = list(agent_ids)
    versions: dict[UUID, list[Version]] = {agent_id: [] for agent_id in asked}
    for row in await db.connection().fetch(_CONTRACTS, asked):
        versions[row["agent_id"]].append(_version(row))
    return {agent_id: sharing.in_force(held).fields for agent_id, held in versions.items()}


def _version(row: Any) -> Version:
    """Give a contract as the rules see it."""
    fields = frozenset(map(Shared, row["fields"]))
    return Version(row["version"], fields, is_accepted=row["accepted_at"] is not None)


def _views(rows: Iterable[Any], kind: type[Any]) -> list[Any]:
    """Give rows as they are shown."""
    return [msgspec.convert(dict(row), kind) for row in rows]
