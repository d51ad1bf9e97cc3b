"""What happens in a company while phones sync: chance acts, and hand-overs at the desk."""

import random
from uuid import UUID

from server.changelog import service as changelog
from server.kit import clock
from server.sync.registry import KINDS
from sync_protocol.merge import EditClock
from sync_protocol.messages import Edit
from tests.factories import Tenant, new_id
from tests.server.sync.devices import Device


async def act(
    rng: random.Random, tenant: Tenant, phones: list[Device], customers: list[str]
) -> None:
    """Let something happen to somebody."""
    phone = rng.choice(phones)
    customer_id = rng.choice(customers) if customers else ""
    match rng.randrange(9):
        case 0 | 1:
            customers.append(str(new_id()))
            await phone.push(phone.create("customer", customers[-1], name=f"客户 {len(customers)}"))
        case 2:
            await phone.push(phone.edit("customer", customer_id, remark=f"备注 {rng.random()}"))
        case 3:
            kind, text = rng.choice([("contact", "name"), ("store", "name"), ("note", "body")])
            fields = {"customer_id": customer_id, text: "甲"}
            await phone.push(phone.create(kind, new_id(), **fields))
        case 4:
            await phone.push(phone.tag(customer_id, add=[str(new_id())]))
        case 5:
            await phone.push(phone.delete("customer", customer_id))
        case 6 if customers:
            await assign(tenant, customer_id, rng.choice(phones))
        case _:
            await phone.pull(limit=rng.choice([1, 2, 5, 2000]))


async def assign(
    tenant: Tenant, customer_id: object, to: Device, *, team_id: UUID | None = None
) -> None:
    """Hand a customer over at the desk; one that is gone stays gone."""
    now = to.later()
    op = Edit(
        number=1,
        kind="customer",
        id=str(customer_id),
        fields={"owner_id": str(to.actor.user_id), "team_id": str(team_id or to.actor.team_id)},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
    edit_clock = EditClock(received_at_ms=clock.to_ms(now))
    await changelog.apply(tenant.owner, [op], kinds=KINDS, edit_clock=edit_clock, now=now)
