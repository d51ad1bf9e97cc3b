"""Short ways to say what happens in the stories about contracts."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from server.access import Actor
from server.contracts import queries, service
from server.contracts.schemas import (
    ContractEdit,
    ContractView,
    Decide,
    Decided,
    NewContract,
    NewInstalment,
    Receive,
    Received,
)
from sync_protocol.contracting.states import Verb
from tests.factories import NOW, Tenant
from tests.server.pipeline.stories import make_customer

TODAY = "2026-03-02"
"""Of ``NOW``, where the company works."""
THIRDS = [("首付款", "2026-03-10", 300_00), ("尾款", "2026-06-10", 700_00)]
"""A plan of a thousand yuan."""


def parts(*given: tuple[str, str, int]) -> list[NewInstalment]:
    """Give instalments of a name, a day and an amount."""
    return [
        NewInstalment(name=name, due_on=due_on, amount_minor=minor) for name, due_on, minor in given
    ]


async def write(actor: Actor, *, now: datetime = NOW, **fields: Any) -> UUID:
    """Write a contract over a thousand yuan, with a new customer unless one is said."""
    given: dict[str, Any] = {"title": "收银系统采购合同", "amount_minor": 1_000_00, **fields}
    if not {"customer_id", "opportunity_id", "quote_id", "renews_id"} & set(given):
        given["customer_id"] = await make_customer(actor)
    return (await service.create(actor, NewContract(**given), now=now)).id


async def change(actor: Actor, contract: UUID, *, now: datetime = NOW, **fields: Any) -> None:
    """Change a contract."""
    await service.edit(actor, contract, msgspec.convert(fields, ContractEdit), now=now)


async def decide(
    actor: Actor, contract: UUID, verb: str, *, now: datetime = NOW, **asked: Any
) -> Decided:
    """Do something with a contract, as it stands where an approval wants to know."""
    if verb == "approve" and "content_hash" not in asked:
        asked["content_hash"] = (await seen(actor, contract)).content_hash
    return await service.decide(actor, contract, Decide(verb=Verb(verb), **asked), now=now)


async def sign(tenant: Tenant, contract: UUID, *, now: datetime = NOW, **asked: Any) -> Decided:
    """Bring a draft of the rep to its signature."""
    await decide(tenant.rep, contract, "submit", now=now)
    if (await seen(tenant.rep, contract)).state == "waiting":
        await decide(tenant.manager, contract, "approve", now=now)
    return await decide(tenant.rep, contract, "sign", now=now, **asked)


async def receive(
    actor: Actor, contract: UUID, amount_minor: int, *, now: datetime = NOW, **asked: Any
) -> Received:
    """Note that money came in."""
    asked_for = Receive(amount_minor=amount_minor, **asked)
    return await service.receive(actor, contract, asked_for, now=now)


async def seen(actor: Actor, contract: UUID, *, now: datetime = NOW) -> ContractView:
    """Look at a contract."""
    return await queries.one(actor, contract, now=now)
