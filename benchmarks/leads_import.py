"""S38: a spreadsheet of leads from upload to the last row, beside a bare UNNEST of the rows."""

import asyncio
import random
import time
from typing import Final

import asyncpg

from benchmarks import channel, import_work
from benchmarks.channel import Company
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from server.kit import clock
from world import processes

_HEADER: Final = {
    "客户名称": "name",
    "联系电话": "phone",
    "城市": "city",
    "行业": "industry",
    "需求": "remark",
}
_CHUNK: Final = 1000
_SAMPLE_S: Final = 0.2
_MEMORY_MIB: Final = 300.0
_BARE: Final = "raw_lead_bare"
_COLUMNS: Final = """
SELECT attname, format_type(atttypid, NULL) AS kind FROM pg_attribute
WHERE attrelid = 'raw_lead'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


async def measure(machine: Machine, owner: Company, rng: random.Random, rows: int) -> list[Figure]:
    """Import leads, then insert the very rows that came of it into a bare copy of their table."""
    made = [channel.customer(rng, clock.now()) for _ in range(rows)]
    watch = asyncio.create_task(_peak(machine))
    start = time.perf_counter()
    await import_work.run(machine, owner, import_work.spreadsheet(made, _HEADER), target="leads")
    ours_s = time.perf_counter() - start
    watch.cancel()
    peak_mib = await watch
    floor_s = await _bare(machine, rows)
    return [
        Figure(
            goal="S38",
            what=f"import of {rows:,} leads; floor: UNNEST of the same rows",
            unit="s",
            ours=Spread.of([ours_s]),
            floor=Spread.of([floor_s]),
        ),
        Figure(
            goal="S38",
            what="memory of server and worker meanwhile, the greater one",
            unit="MiB",
            ours=Spread.of([peak_mib]),
            limit=_MEMORY_MIB,
        ),
    ]


async def _peak(machine: Machine) -> float:
    """Look at the memory again and again until cancelled; give the greatest."""
    peak = 0.0
    try:
        while True:
            for each in (machine.server, machine.worker):
                peak = max(peak, processes.memory(each).pss_bytes / 2**20)
            await asyncio.sleep(_SAMPLE_S)
    except asyncio.CancelledError:
        return peak


async def _bare(machine: Machine, rows: int) -> float:
    """Insert the rows once more, a thousand a transaction, with all indexes and nothing else."""
    connection = await asyncpg.connect(machine.product_url)
    try:
        columns = await connection.fetch(_COLUMNS)
        held = await connection.fetch("SELECT * FROM raw_lead LIMIT $1", rows)
        await connection.execute(f"CREATE TABLE {_BARE} (LIKE raw_lead INCLUDING ALL)")
        kinds = ", ".join(f"${n}::{each['kind']}[]" for n, each in enumerate(columns, 1))
        insert = f"INSERT INTO {_BARE} SELECT * FROM UNNEST({kinds})"
        chunks = [held[at : at + _CHUNK] for at in range(0, len(held), _CHUNK)]
        names = [each["attname"] for each in columns]
        given = [[[row[name] for row in chunk] for name in names] for chunk in chunks]
        start = time.perf_counter()
        for each in given:
            await connection.execute(insert, *each)
        return time.perf_counter() - start
    finally:
        await connection.execute(f"DROP TABLE IF EXISTS {_BARE}")
        await connection.close()
