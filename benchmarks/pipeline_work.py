"""P11: the numbers of the pipeline board over 100,000 deals, beside a live scan of the rows."""

import random
import time
from typing import Final

import asyncpg

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.kit import clock
from server.pipeline.queries import totals
from server.pipeline.service import counting

_RUNS: Final = 60
_CUSTOMERS: Final = 2_000
_OWNERS: Final = 50
_CHANGED: Final = 200
_GOAL: Final = 2 / 27
"""2 ms where the design's machine scans live in 27."""

# The rows are the product's own; to move so many deals through their gates would take hours.
_SPREAD: Final = """
UPDATE customer SET owner_id = md5((abs(hashtext(id::text)) % $2)::text)::uuid
WHERE tenant_id = $1
"""
_FILL: Final = """
INSERT INTO opportunity (
    tenant_id, id, customer_id, name, stage, state, amount_minor, expected_on, forecast_category,
    done_steps, stage_since, handle, seq, created_seq, created_at
)
SELECT $1, gen_random_uuid(), c.ids[1 + n % array_length(c.ids, 1)], 'deal ' || n,
    (ARRAY['lead', 'pre_opportunity', 'opportunity', 'signed'])[1 + n % 4],
    CASE WHEN n % 4 = 3 THEN 'won' WHEN n % 17 = 0 THEN 'lost' ELSE 'open' END,
    n * 100 % 9999900, '2027-' || lpad((1 + n % 12)::text, 2, '0') || '-01',
    (ARRAY['commit', 'best', 'pipeline', 'omitted'])[1 + n % 4],
    '[]', now(), t.handles + n, t.seq + 1, t.seq + 1, now()
FROM generate_series(1, $2::int) AS n, tenant_clock t,
    (SELECT array_agg(id ORDER BY id) AS ids FROM customer WHERE tenant_id = $1) AS c
WHERE t.tenant_id = $1
"""
_TICK: Final = "UPDATE tenant_clock SET seq = seq + 1, handles = handles + $2 WHERE tenant_id = $1"
_TOUCH: Final = """
UPDATE opportunity SET seq = t.seq + 1, amount_minor = amount_minor + 100 FROM tenant_clock t
WHERE t.tenant_id = $1 AND opportunity.tenant_id = $1 AND opportunity.id IN (
    SELECT id FROM opportunity WHERE tenant_id = $1 ORDER BY id LIMIT $2
)
"""
_LIVE: Final = """
SELECT o.process_id, o.stage, o.state, count(*), sum(o.amount_minor)
FROM opportunity o JOIN customer c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id
WHERE o.tenant_id = $1 AND NOT o.deleted AND NOT c.deleted GROUP BY 1, 2, 3
"""


async def measure(machine: Machine, owner: Company, rng: random.Random, size: int) -> list[Figure]:
    """Fill a company with deals, count them, and ask for the board's numbers."""
    tenant_id = owner.actor.tenant_id
    async with Wire(machine.tonglu_url, owner.token) as ours:
        made = [channel.customer(rng, clock.now()) for _ in range(_CUSTOMERS)]
        await channel.load(ours, made, "/v1/customers/batch")
        bare = await asyncpg.connect(machine.cluster.superuser_url("tonglu"))
        try:
            await bare.execute(_SPREAD, tenant_id, _OWNERS)
            await bare.execute(_FILL, tenant_id, size)
            await bare.execute(_TICK, tenant_id, size)
            await counting.count(tenant_id)
            await bare.execute("VACUUM ANALYZE")
            counted = await _beside(ours, bare, owner, "all counted")
            await bare.execute(_TOUCH, tenant_id, _CHANGED)
            await bare.execute(_TICK, tenant_id, 0)
            behind = await _beside(ours, bare, owner, f"{_CHANGED} changed since")
        finally:
            await bare.close()
    return [*counted, *behind]


async def _beside(
    ours: Wire, bare: "asyncpg.Connection[asyncpg.Record]", owner: Company, what: str
) -> list[Figure]:
    """Ask over HTTP, ask in this process, and scan live, in turn."""
    whole: list[float] = []
    asked: list[float] = []
    live: list[float] = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        (await ours.get("/v1/pipeline")).ensure(200)
        whole.append((time.perf_counter() - start) * 1000)
        start = time.perf_counter()
        held = await totals.sums(owner.actor, "stage")
        asked.append((time.perf_counter() - start) * 1000)
        start = time.perf_counter()
        rows = await bare.fetch(_LIVE, owner.actor.tenant_id)
        live.append((time.perf_counter() - start) * 1000)
        assert sum(each.deals for each in held) == sum(row["count"] for row in rows)
    return [
        Figure(
            goal="P11",
            what=f"pipeline numbers {how}, {what}",
            unit="ms",
            ours=Spread.of(taken),
            floor=Spread.of(live),
            goal_ratio=_GOAL,
        )
        for how, taken in (("over HTTP", whole), ("asked in the process", asked))
    ]
