"""What the schedule and the outbox start.

Commissions are earned once their sales can no longer be refunded; counter-offers are simulated;
owners are told that their company is held for a natural person, and finance of payouts that wait;
sheets of sales are recorded, and those ended with which no job goes on.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billing.commissions import queries as books
from billing.commissions import service as commissions
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.commissions import service
from server.commissions.service import books_of
from server.commissions.sheets import service as sheets
from server.identity import queries as identity
from server.kit import db, ids, outbox
from server.kit.calendars import ZONE
from server.kit.schedule import Every, Planned
from server.notifications import service as notifications
from server.notifications.rules import Kind

EARN: Final = "commissions.earn"
_KEEPER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name=EARN)


async def earn(now: datetime) -> None:
    """Post what is due by today in China, some lines in a transaction."""
    today = now.astimezone(ZONE).date()
    is_more = True
    while is_more:
        async with db.platform_transaction(_KEEPER):
            keeping = books_of(_KEEPER, now)
            is_more = await commissions.earn_due(ids.new_id(now), today, keeping) > 0


async def simulate(job: outbox.Job, now: datetime) -> None:
    """Answer what matching a rival would cost."""
    await service.answer(UUID(job.payload["offer_id"]), now=now)


async def tell(job: outbox.Job, now: datetime) -> None:
    """Tell the owners of a company what the platform says that it is; each is told once."""
    assert job.tenant_id is not None, "it is said of an agent"
    async with db.tenant_transaction(job.tenant_id):
        await notifications.tell(
            job.tenant_id,
            await identity.owners(job.tenant_id),
            Kind(job.payload["kind"]),
            key=f"person:{job.payload['id']}",
            subject=job.payload["name"],
            page="/commissions/year",
            now=now,
        )


async def record_sheet(job: outbox.Job, now: datetime) -> None:
    """Go on with a sheet of sales."""
    await sheets.go_on(UUID(job.payload["sheet_id"]), now=now)


async def give_up_lost(now: datetime) -> None:
    """End sheets whose jobs have failed too often."""
    await sheets.give_up_lost(now=now)


async def ask_second(job: outbox.Job, now: datetime) -> None:
    """Tell the others of the platform's finance that a payout waits for one of them."""
    async with db.platform_transaction(_KEEPER):
        batch = await books.batch(UUID(job.payload["batch_id"]))
    if not batch.payments or batch.approved_by is not None or batch.discarded_at is not None:
        return
    async with db.tenant_transaction(PLATFORM_TENANT):
        people = await identity.staff(PLATFORM_TENANT)
        finance = {each.id for each in people if each.role is Role.PLATFORM_FINANCE}
        await notifications.tell(
            PLATFORM_TENANT,
            finance - {batch.made_by},
            Kind.PAYOUT_WAITS,
            key=f"payout:{batch.id}",
            subject=f"#{batch.number}",
            page="/console/payouts",
            subject_id=batch.id,
            now=now,
        )


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    service.OFFERED: simulate,
    service.PERSON_SAID: tell,
    sheets.TOPIC: record_sheet,
    service.MADE: ask_second,
}
"""By topic, what is done with a job."""
SCHEDULE: Final = {
    EARN: Planned(Every(timedelta(hours=1)), earn),
    "commissions.lost_sheets": Planned(Every(timedelta(minutes=5)), give_up_lost),
}
"""By name, what comes round."""
