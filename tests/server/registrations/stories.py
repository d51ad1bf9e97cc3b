"""Short ways to say what happens in the stories about registrations."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.kit import clock, db, outbox
from server.registrations import jobs, queries, service
from server.registrations.rules.terms import Terms
from server.registrations.rules.times import Interval
from server.registrations.schemas import (
    CaseView,
    Decide,
    NewRegistration,
    NewVerdict,
    RegistrationView,
)
from server.registrations.service import disputes, registry
from server.worker import SIDE_BY_SIDE
from sync_protocol.registering import State, Verb
from tests.factories import NOW, Tenant, make_platform_actor, new_id

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
OPERATOR: Final = make_platform_actor()
ANOTHER: Final = make_platform_actor()
"""Who hears the appeal of what the first has decided."""
SETTLED: Final = NOW + Terms().settles_after + registry.GRACE
"""When what came in at the beginning of a story is decided."""

_places = asyncio.Semaphore(SIDE_BY_SIDE)
_rng = random.SystemRandom()
_LEFT: Final = """
SELECT id, tenant_id, topic, payload FROM outbox
WHERE (topic LIKE 'registrations.%' OR topic = 'customers.deleted') AND run_at <= $1
ORDER BY run_at, id
"""


def new_phone() -> str:
    """Give a phone that no other story has; the registry is everybody's."""
    return f"+86139{_rng.randrange(10**8):08d}"


async def make_shop(actor: Actor, phone: str, *, now: datetime = NOW, **fields: Any) -> UUID:
    """Let somebody add a shop that is known by its phone."""
    new = NewCustomer(name="福满楼餐饮", phone=phone, **fields)
    return (await customers.create(actor, new, now=now)).id


async def register(
    actor: Actor,
    phone: str | None = None,
    *,
    customer_id: UUID | None = None,
    registration_id: UUID | None = None,
    made: Interval | None = None,
    now: datetime = NOW,
    **fields: Any,
) -> UUID:
    """Register a shop, a new one unless one is said."""
    customer_id = customer_id or await make_shop(actor, phone or new_phone(), **fields)
    new = NewRegistration(customer_id=customer_id, id=registration_id or new_id())
    return (await service.register(actor, new, made=made, now=now)).id


def at(moment: datetime, *, until: datetime | None = None) -> Interval:
    """Give when something was made."""
    return Interval(earliest_ms=clock.to_ms(moment), latest_ms=clock.to_ms(until or moment))


async def work(now: datetime = NOW, *, rng: random.Random | None = None) -> None:
    """Do all that was left for the worker and is due, in any order if one is drawn."""
    while True:
        async with db.job_transaction():
            rows = await db.connection().fetch(_LEFT, now)
        if not rows:
            return
        if rng is not None:
            rng.shuffle(rows)
        done = [each for each in await asyncio.gather(*(_do(row, now) for row in rows)) if each]
        async with db.job_transaction():
            await db.connection().execute("DELETE FROM outbox WHERE id = ANY ($1)", done)


async def _do(row: asyncpg.Record, now: datetime) -> UUID | None:
    """Do one job, beside as many others as a worker does; give its id, if it is done.

    As in a worker, what waited too long for the registry's one lock is done later.
    """
    job = outbox.Job(
        id=row["id"],
        tenant_id=row["tenant_id"],
        topic=row["topic"],
        payload=msgspec.json.decode(row["payload"]),
        attempts=0,
        lease=0,
    )
    async with _places:
        try:
            await jobs.HANDLERS[job.topic](job, now)
        except asyncpg.LockNotAvailableError:
            return None
    return job.id


async def seen(actor: Actor, registration: UUID, *, now: datetime = NOW) -> RegistrationView:
    """Look at a registration."""
    return await queries.one(actor, registration, now=now)


async def decide(
    actor: Actor, registration: UUID, verb: str, *, now: datetime = NOW, **asked: Any
) -> RegistrationView:
    """Do something with a registration."""
    return await service.decide(actor, registration, Decide(verb=Verb(verb), **asked), now=now)


class Dispute:
    """One is protected; another, whose phone was offline when it registered, speaks against it."""

    def __init__(self, holder: Tenant, challenger: Tenant) -> None:
        self.holder, self.challenger = holder, challenger
        self.held, self.claimed, self.case_id = UUID(int=0), UUID(int=0), UUID(int=0)
        self.shop = UUID(int=0)
        self.phone = new_phone()

    async def begin(self, made_at: datetime = NOW) -> None:
        """Let both register, and a case be open."""
        phone = self.phone
        self.held = await register(self.holder.rep, phone, made=at(NOW))
        await work(NOW)
        await work(SETTLED)
        self.shop = await make_shop(self.challenger.rep, phone, now=NOW - 2 * DAY)
        self.claimed = await register(
            self.challenger.rep, customer_id=self.shop, made=at(made_at), now=SETTLED
        )
        await work(SETTLED)
        view = await seen(self.challenger.rep, self.claimed, now=SETTLED)
        self.case_id = view.case_id or UUID(int=0)

    async def waive(self, *, now: datetime) -> None:
        """Let all who are left bring no more evidence."""
        async with db.job_transaction():
            left = await disputes.left_in(self.case_id)
        for each in left:
            await service.add_waiver(each["id"], now=now)

    async def rule(
        self,
        winner: UUID | None = None,
        reason: str = "",
        *,
        by: Actor = OPERATOR,
        now: datetime,
    ) -> CaseView:
        """Decide once nobody brings any more evidence, and let both hear of it."""
        await self.waive(now=now)
        asked = NewVerdict(winner_id=winner, reason=reason)
        view = await service.rule(by, self.case_id, asked, now=now)
        await work(now)
        return view

    async def states(self, now: datetime) -> tuple[State, State]:
        """Give how holder and challenger stand."""
        held = await seen(self.holder.rep, self.held, now=now)
        claimed = await seen(self.challenger.rep, self.claimed, now=now)
        return held.state, claimed.state
