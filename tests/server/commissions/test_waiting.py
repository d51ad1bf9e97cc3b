"""A payout waits for a second person, and those who may be it are told so."""

from typing import Any

import msgspec
import pytest

from server.access import Actor, Role
from server.commissions import jobs, service
from server.commissions.schemas import NewPayout, PayoutApproval, PayoutView
from server.identity import service as identity
from server.kit import db, outbox
from server.notifications import queries as notifications
from server.notifications import service as telling
from server.notifications.rules import Kind
from tests.factories import NOW, Tenant, make_platform_actor, new_id, new_user
from tests.server.commissions.test_commissions import sold

pytestmark = pytest.mark.usefixtures("database")


async def hired(role: Role) -> Actor:
    """Let somebody work for the platform."""
    actor = make_platform_actor(role)
    await identity.add_staff(new_user(actor, team_id=None), password="correct horse", now=NOW)
    return actor


async def made(maker: Actor, tenant: Tenant) -> PayoutView:
    """Put a payout together of what an agent is owed."""
    await sold(tenant)
    await jobs.earn(NOW)
    return await service.make_payout(maker, NewPayout(id=new_id()), now=NOW)


async def done(batch: PayoutView) -> None:
    """Do what waits for the worker, twice."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "SELECT payload FROM outbox WHERE topic = $1 AND payload ->> 'batch_id' = $2",
            *(service.MADE, str(batch.id)),
        )
    assert len(rows) == 1
    job: Any = outbox.Job(
        id=new_id(),
        tenant_id=None,
        topic=service.MADE,
        payload=msgspec.json.decode(rows[0]["payload"]),
        attempts=0,
        lease=1,
    )
    for _ in range(2):
        await jobs.HANDLERS[service.MADE](job, NOW)


async def told(actor: Actor) -> list[tuple[Kind, str, str]]:
    """List what somebody was told."""
    items = (await notifications.notifications(actor)).items
    return [(each.kind, each.link, each.subject) for each in items]


async def test_who_may_let_a_payout_go_is_told_once_and_who_made_it_is_not(tenant: Tenant) -> None:
    maker, second = await hired(Role.PLATFORM_FINANCE), await hired(Role.PLATFORM_FINANCE)
    operator = await hired(Role.PLATFORM_OPERATOR)
    batch = await made(maker, tenant)

    await done(batch)

    link = f"/console/payouts/{batch.id}"
    assert await told(second) == [(Kind.PAYOUT_WAITS, link, f"#{batch.number}")]
    assert (await told(maker), await told(operator)) == ([], [])
    [word] = (await notifications.notifications(second)).items
    assert (await notifications.unread(second)).unread == 1
    assert await telling.read(second, word.id, now=NOW) == link
    assert (await notifications.unread(second)).unread == 0


async def test_a_payout_that_waits_no_more_is_told_to_nobody(tenant: Tenant) -> None:
    maker, second = await hired(Role.PLATFORM_FINANCE), await hired(Role.PLATFORM_FINANCE)
    gone = await made(maker, tenant)
    await service.approve(second, gone.id, PayoutApproval(hash=gone.hash), now=NOW)
    empty = await service.make_payout(maker, NewPayout(id=new_id()), now=NOW)
    given_up = await made(maker, tenant)
    await service.discard(second, given_up.id, now=NOW)

    for batch in (gone, empty, given_up):
        await done(batch)

    assert (empty.payments, await told(second)) == ([], [])
