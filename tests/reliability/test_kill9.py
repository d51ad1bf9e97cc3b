"""Kill -9 of web processes and of PostgreSQL under load, again and again.

Writers create customers under ids of their own and repeat what had no answer. A killer ends a
random process without warning. At the end each acknowledged customer is there once, and what had no
answer is there once or not at all until it is repeated.
"""

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from typing import Final

import httpx
import msgspec
import pytest

from server.kit import clock, db, ids
from server.settings import Settings
from tests.postgres import opened
from tests.reliability.site import Site

_SEED: Final = int(os.environ.get("TONGLU_SEED", "20261123"))
_ROUNDS: Final = int(os.environ.get("TONGLU_KILLS", "6"))
_WRITERS: Final = 4


class Tally(msgspec.Struct):
    """What the writers saw."""

    acknowledged: set[str] = msgspec.field(default_factory=set)
    unknown: int = 0
    """Requests without an answer, each repeated until there was one."""
    refused: int = 0
    """Answers of 5xx: nothing is known to be kept, come again."""


@pytest.mark.timeout(300)
async def test_no_acknowledged_write_is_lost_and_none_doubled(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(_SEED)
    tally, over = Tally(), asyncio.Event()
    writers = [
        asyncio.create_task(_write(site, random.Random(rng.random()), tally, over))
        for _ in range(_WRITERS)
    ]
    for _ in range(_ROUNDS):
        # Counted in writes, not in seconds: a busy machine kills as often among as many of them.
        await _more(site, tally, writers, rng.randint(1, 3 * _WRITERS))
        site.kill(rng)
    await _more(site, tally, writers, _WRITERS)
    over.set()
    await asyncio.gather(*writers)

    held = await _held(site)
    with capsys.disabled():
        sys.stdout.write(
            f"\n  kill -9, seed {_SEED}: {site.kills}; {len(tally.acknowledged)} writes"
            f" acknowledged, {tally.unknown} without an answer and repeated, {tally.refused} put"
            f" off; lost {len(tally.acknowledged - held.keys())}, doubled {_doubled(held)}\n"
        )
    assert len(tally.acknowledged) > _WRITERS
    assert set(held) == tally.acknowledged
    assert _doubled(held) == 0


async def _more(
    site: Site, tally: Tally, writers: Sequence[asyncio.Task[None]], writes: int
) -> None:
    """Wait until so many more writes are acknowledged, or a writer has failed."""
    wanted = len(tally.acknowledged) + writes
    while len(tally.acknowledged) < wanted and not any(each.done() for each in writers):
        site.see_to()
        await asyncio.sleep(0.005)


async def _write(site: Site, rng: random.Random, tally: Tally, over: asyncio.Event) -> None:
    """Create customers; repeat each until it is answered."""
    headers = {"Authorization": f"Bearer {site.token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, timeout=10) as http:
        while not over.is_set():
            customer_id = str(ids.from_random(clock.now(), rng))
            body = {"id": customer_id, "name": f"断电测试 {customer_id[-6:]}"}
            await _until_answered(http, body, tally)
            tally.acknowledged.add(customer_id)


async def _until_answered(http: httpx.AsyncClient, body: dict[str, str], tally: Tally) -> None:
    """Send the same request until it is known to be kept."""
    while True:
        try:
            answer = await http.post("/v1/customers", json=body)
        except httpx.TransportError:
            tally.unknown += 1
        else:
            if answer.status_code in (200, 201):
                return
            assert answer.status_code == 503, answer.text
            tally.refused += 1
        await asyncio.sleep(0.05)


async def _held(site: Site) -> dict[str, int]:
    """Give each customer that is there, with the number of times that its creation is told."""
    settings = Settings(database_url=site.cluster.app_url())
    async with opened(settings), db.tenant_transaction(site.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT c.id::text AS id, count(h.record_id) AS created FROM customer c"
            " LEFT JOIN change h ON h.tenant_id = c.tenant_id AND h.record_id = c.id"
            " AND h.action = 'create' GROUP BY c.id"
        )
    return {row["id"]: row["created"] for row in rows}


def _doubled(held: dict[str, int]) -> int:
    """Count the customers whose creation did not happen just once."""
    return sum(created != 1 for created in held.values())
