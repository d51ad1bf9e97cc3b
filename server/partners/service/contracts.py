"""Offer and accept what of an agent's the platform may see."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db, outbox
from server.kit.errors import NotFound
from server.partners.queries.partnership import of
from server.partners.rules import sharing
from server.partners.schemas import NewContract, Partnership

ACCEPTED: Final = "partners.contract_accepted"
"""Of an agent: what of its own may be released has changed."""

_HOLD: Final = "SELECT true FROM agent WHERE tenant_id = $1 FOR UPDATE"
_LAST: Final = """
SELECT version, fields, accepted_at FROM sharing_contract
WHERE agent_id = $1 ORDER BY version DESC LIMIT 1
"""
_OFFER: Final = """
INSERT INTO sharing_contract (agent_id, version, fields, offered_by, offered_at)
VALUES ($1, $2, $3, $4, $5)
"""
_ACCEPT: Final = """
UPDATE sharing_contract SET accepted_by = $3, accepted_at = $4
WHERE agent_id = $1 AND version = $2 AND accepted_at IS NULL
"""


async def offer_contract(
    actor: Actor, agent_id: UUID, new: NewContract, *, now: datetime
) -> Partnership:
    """Offer an agent another contract; what holds goes on until its owner accepts. Repeatable.

    :raises ContractVersionTaken: another version was offered meanwhile.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    fields = sorted(set(new.fields))
    async with db.platform_transaction(actor):
        if not await db.connection().fetchval(_HOLD, agent_id):
            raise NotFound
        last = await db.connection().fetchrow(_LAST, agent_id)
        is_repeated = last and (last["version"], last["fields"]) == (new.version, fields)
        if not is_repeated:
            sharing.ensure_next(last["version"] if last else 0, new.version)
            values = (agent_id, new.version, fields, actor.user_id, now)
            await db.connection().execute(_OFFER, *values)
            await audit.record_platform_write(
                actor, "sharing.offered", subject_id=agent_id, now=now, version=new.version
            )
        return await of(agent_id)


async def accept_contract(actor: Actor, version: int, *, now: datetime) -> Partnership:
    """Let the contract on offer hold from now on. Said again it changes nothing.

    What it does not name any more is withdrawn from what was released, by the worker.

    :raises ContractReplaced: a newer version is on offer.
    :raises NotFound: none is.
    """
    actor.ensure_agent()
    ensure(actor, Permission.USERS_MANAGE)
    tenant_id = actor.tenant_id
    async with db.tenant_transaction(tenant_id):
        last = await db.connection().fetchrow(_LAST, tenant_id)
        if last is None:
            raise NotFound
        sharing.ensure_last(last["version"], version)
        status = await db.connection().execute(_ACCEPT, tenant_id, version, actor.user_id, now)
        if status.endswith(" 1"):
            await audit.record(actor, "sharing.accepted", subject_id=None, now=now, version=version)
            await outbox.add(ACCEPTED, {}, tenant_id=tenant_id, now=now)
        return await of(tenant_id)
