"""Short ways to say what happens in the stories about the channel."""

from datetime import datetime, timedelta
from uuid import UUID

from server.access import Actor, Role
from server.audit import queries as audit
from server.kit import db, outbox
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner
from server.worker import Worker, collect_handlers
from tests.factories import NOW, make_actor, new_id

PASSWORD = "a quiet harbour at dawn"

STATUSES = ("potential", "need", "intent", "signed", "dormant", "lost")

_CUSTOMER = """
INSERT INTO customer (tenant_id, id, name, phone, city, industry, status, name_pinyin, scope_seq,
    seq, created_seq, created_at, handle)
SELECT $1, gen_random_uuid(), '客户 ' || n, '+8613800138' || lpad(n::text, 3, '0'),
    $2, $3, $4, 'kehu', 1, 1, 1, $6,
    abs(hashtextextended(concat_ws('|', $2::text, $3::text, $4::text, n), 0))
FROM generate_series(1, $5) AS n
"""


async def admitted(operator: Actor, name: str, tenant_id: UUID | None = None) -> UUID:
    """Admit an agent."""
    owner = NewOwner(login=f"owner.{new_id().hex[-10:]}", name="陈 静")
    request = NewAgent(name=name, city="宁波", owner=owner, id=tenant_id or new_id())
    return (await partners.admit(operator, request, now=NOW)).tenant_id


async def with_customers(
    tenant_id: UUID, status: str, count: int, *, city: str | None = None, industry: str = "餐饮"
) -> None:
    """Give an agent customers, as rows: the write path has its own tests."""
    async with db.tenant_transaction(tenant_id):
        await db.connection().execute(_CUSTOMER, tenant_id, city, industry, status, count, NOW)
        await outbox.add(
            "customers.changed",
            {},
            tenant_id=tenant_id,
            now=NOW,
            key=f"customers.changed:{tenant_id}",
        )


async def jobs_done(at: datetime = NOW + timedelta(minutes=1)) -> None:
    """Let the worker do what waits, until nothing does."""
    worker = Worker(collect_handlers(), now=lambda: at)
    while await worker.run_once():
        at += timedelta(minutes=1)


def owner_of(tenant_id: UUID) -> Actor:
    """Give an actor who may read the agent's feed."""
    return make_actor(tenant_id, Role.AGENT_OWNER)


async def lines_of(tenant_id: UUID) -> list[str]:
    """Read an agent's feed, from the oldest look."""
    page = await audit.platform_reads(owner_of(tenant_id))
    return [line.what for line in reversed(page.items)]
