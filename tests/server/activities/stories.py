"""Short ways to say what happens in the stories about activities."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.activities import jobs, service
from server.activities.schemas import NewVisit, VisitEdit, VisitView
from server.customers import service as customers
from server.customers.schemas import NewCustomer, NewStore
from server.kit import db, outbox
from tests.factories import NOW

STORE: Final = {"lat": 30_274_100, "lng": 120_155_100}
"""A shop beside West Lake."""
FIX: Final = {**STORE, "accuracy_m": 15, "fix_age_s": 4, "is_mocked": 0}
"""A phone that stands before it."""


async def make_customer(actor: Actor, name: str = "杭州龙井茶行") -> UUID:
    """Create a customer with a shop."""
    made = await customers.create(actor, NewCustomer(name=name), now=NOW)
    shop = NewStore(name="湖滨店", lat=STORE["lat"], lng=STORE["lng"])
    await customers.add_store(actor, made.id, shop, now=NOW)
    return made.id


async def go(
    actor: Actor, customer_id: UUID, *, minutes: int = 0, stays: int | None = 20, **fields: Any
) -> VisitView:
    """Check in at a customer some minutes after now, and out again."""
    begun = NOW + timedelta(minutes=minutes)
    told: dict[str, Any] = {"checked_in_at": begun, **FIX, **fields}
    if stays is not None:
        told["checked_out_at"] = begun + timedelta(minutes=stays)
    later = begun + timedelta(minutes=stays or 0)
    return await service.add_visit(actor, customer_id, NewVisit(**told), now=later)


async def tell(actor: Actor, visit_id: UUID, **fields: Any) -> VisitView:
    """Tell more of a visit, an hour later."""
    change = VisitEdit(**fields)
    return await service.change_visit(actor, visit_id, change, now=NOW + timedelta(hours=1))


async def let_work(tenant_id: UUID, *, now: datetime = NOW + timedelta(hours=9)) -> int:
    """Do what the room left for later for one company, until nothing is left; say how much."""
    done = 0
    for _ in range(10):
        rows = await _take(tenant_id, list(jobs.HANDLERS))
        if not rows:
            return done
        for row in rows:
            job = outbox.Job(
                id=row["id"],
                tenant_id=tenant_id,
                topic=row["topic"],
                payload=msgspec.json.decode(row["payload"]),
                attempts=0,
                lease=0,
            )
            await jobs.HANDLERS[job.topic](job, now)
        done += len(rows)
    raise AssertionError("one job leads to the next for ever")


async def _take(tenant_id: UUID, topics: list[str]) -> list[Any]:
    """Take a company's jobs out of the outbox, which other tests use too."""
    async with db.job_transaction():
        rows: list[Any] = await db.connection().fetch(
            "DELETE FROM outbox WHERE tenant_id = $1 AND topic = ANY($2) RETURNING *",
            tenant_id,
            topics,
        )
    return sorted(rows, key=lambda row: (row["run_at"], row["id"]))
