"""B5 through the product: a file of many lines is handed in, and compared with as many benefits.

The benefits are laid into the books' table in one statement, without their entries: what is
measured is reconciliation. The file goes over HTTP to a worker of its own process.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import msgspec

from benchmarks import channel
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.reconcile_files import peak_mib
from benchmarks.reconcile_work import HEADER, by_kind, raw, write_csv, write_xlsx
from benchmarks.wire import Wire
from billing.reconciliation.rules.findings import Kind, Terms, month_after
from billing.reconciliation.rules.lines import Line
from billing.reconciliation.service import AT_ONCE
from server.access import PLATFORM_TENANT, Role, Scope, of_the_product
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.kit import clock, ids
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner
from world import processes
from world.breaks import Planted, Truth, plant

_MONTH: Final = date(2026, 3, 1)
_FIELDS: Final = ("id", "customer", "name", "program", "amount", "currency", "day", "state")
_STATES: Final = {"active": "issued", "expired": "expired", "reversed": "voided"}
_MEMORY_MIB: Final = 400.0
_OF_EACH: Final = 500
_LEAST: Final = 40
_SAMPLE_S: Final = 0.1
_TIMEOUT_S: Final = 300.0
_FINANCE: Final = "finance-of-reconciliation"
# Accounts, transfers and their triggers are passed over; rows and indexes are the product's.
_BOOK: Final = """
INSERT INTO issuance (id, agent_id, request_key, program_id, customer_token, slot, budget_id,
    amount_minor, currency, state, issued_at, settled_at, released_minor)
SELECT id, $1, id, program_id, token, slot, program_id, amount_minor, currency, state,
    on_day + time '02:00', CASE WHEN state <> 'issued' THEN on_day + time '03:00' END,
    CASE WHEN state <> 'issued' THEN amount_minor ELSE 0 END
FROM UNNEST($2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::text[],
    $9::date[]) AS line (id, program_id, token, slot, amount_minor, currency, state, on_day)
"""
_OLDEST: Final = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 AS seconds,
    count(*) FILTER (WHERE wait_event_type = 'Lock') AS blocked
FROM pg_stat_activity
WHERE application_name LIKE 'tonglu%' AND pid <> pg_backend_pid() AND state <> 'idle'
"""


class _Seen(msgspec.Struct):
    """The greatest of what was seen while the file was on its way."""

    transaction_s: float = 0.0
    blocked: int = 0
    worker_mib: float = 0.0


async def measure(machine: Machine, rng: random.Random, lines: int) -> list[Figure]:
    """Compare one month with a CSV file, and another agent's with a workbook."""
    await _add_finance()
    of_each = min(_OF_EACH, lines // _LEAST)
    figures = []
    for kind, write in (("csv", write_csv), ("xlsx", write_xlsx)):
        planted = plant(rng.getrandbits(32), lines=lines, of_each=of_each, month=_MONTH)
        file = machine.folder / f"month.{kind}"
        write(file, planted.there)
        agent = await _admitted(rng)
        await _booked(machine, agent, planted.here)
        figures += await _figures(machine, rng, agent, file, planted)
    return figures


async def _add_finance() -> None:
    """Add one of the platform's finance."""
    new = NewUser(login=_FINANCE, name="财务", role=Role.PLATFORM_FINANCE, scope=Scope.TENANT)
    await identity.add_staff(new, password=channel.PASSWORD, now=clock.now())


async def _admitted(rng: random.Random) -> UUID:
    """Let the platform admit an agent."""
    now = clock.now()
    agent_id = ids.from_random(now, rng)
    owner = NewOwner(name="老板", login=f"owner-{agent_id.hex[-12:]}")
    new = NewAgent(id=agent_id, name=f"对账 {agent_id.hex[-8:]}", city="杭州", owner=owner)
    operator = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_OPERATOR, name="bench")
    await partners.admit(operator, new, now=now)
    return agent_id


async def _booked(machine: Machine, agent_id: UUID, lines: list[Line]) -> None:
    """Lay an agent's benefits into the books."""
    connection = await asyncpg.connect(machine.product_url)
    rows = [
        (
            *(UUID(line.id), UUID(line.program), line.customer, line.number, line.amount_minor),
            *(line.currency, _STATES[line.state], line.on),
        )
        for line in lines
    ]
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_BOOK, agent_id, *map(list, zip(*rows, strict=True)))
        await connection.execute("ANALYZE issuance")
    finally:
        await connection.close()


async def _figures(
    machine: Machine, rng: random.Random, agent_id: UUID, file: Path, planted: Planted
) -> list[Figure]:
    """Hand a file in, wait until it is compared, and hold what was found against the truth."""
    now = clock.now()
    source_id, file_id = str(ids.from_random(now, rng)), str(ids.from_random(now, rng))
    by = {"columns": dict(zip(_FIELDS, HEADER, strict=True))}
    source = {"id": source_id, "agent_id": str(agent_id), "name": "ERP", "column_map": by}
    handed = {"id": file_id, "source_id": source_id, "month": f"{_MONTH:%Y-%m}"}
    content = await asyncio.to_thread(file.read_bytes)
    token = await channel.sign_in(machine, _FINANCE)
    async with Wire(machine.tonglu_url, token) as wire, _watched(machine) as seen:
        path = "/v1/platform/reconciliation"
        (await wire.post(f"{path}/sources", msgspec.json.encode(source))).ensure()
        begun = time.perf_counter()
        query = urlencode({**handed, "file_name": file.name})
        (await wire.post(f"{path}/files?{query}", content, "application/octet-stream")).ensure()
        taken = time.perf_counter()
        told = await _compared(wire, f"{path}/files/{file_id}")
        done = time.perf_counter()
        found = await _found(wire, f"{path}/files/{file_id}/exceptions")
    truth = _as_told(planted)
    what = f"{file.suffix[1:]}, {len(content) / 2**20:.0f} MiB, {told['last_row']:,} rows"
    notes = [
        f"taken in {taken - begun:.1f} s, read and compared by the worker {done - taken:.1f} s",
        by_kind(found, truth),
        f"matches {told['matches']}",
        f"longest transaction {seen.transaction_s:.1f} s, {seen.blocked} ever waited for a lock",
        f"the machine's load {os.getloadavg()[0]:.1f}",
    ]
    return [
        Figure(
            goal="B5",
            what=f"upload to exceptions, {what}; floor: read raw",
            unit="s",
            ours=Spread.of([done - begun]),
            floor=Spread.of([raw(file)]),
            notes=notes,
        ),
        _bounded(f"breaks missed or false, {what}", "", len(found ^ truth), 0.0),
        _bounded(f"peak memory of the worker, {what}", "MiB", seen.worker_mib, _MEMORY_MIB),
    ]


def _bounded(what: str, unit: str, value: float, limit: float) -> Figure:
    """Make a figure with an absolute bound."""
    return Figure(goal="B5", what=what, unit=unit, ours=Spread.of([value]), limit=limit)


async def _compared(wire: Wire, path: str) -> Any:
    """Wait until the worker has compared the file."""
    deadline = time.perf_counter() + _TIMEOUT_S
    while True:
        told = msgspec.json.decode((await wire.get(path)).ensure().body)
        if told["state"] != "loading":
            return told
        assert time.perf_counter() < deadline, told
        await asyncio.sleep(_SAMPLE_S)


async def _found(wire: Wire, path: str) -> set[Truth]:
    """List what was found, page by page."""
    found: set[Truth] = set()
    cursor = ""
    while True:
        page = msgspec.json.decode((await wire.get(f"{path}{cursor}")).ensure().body)
        found |= {
            (Kind(each["kind"]), frozenset(each["here"]), frozenset(each["there"]))
            for each in page["items"]
        }
        if page["next_cursor"] is None:
            return found
        cursor = "?" + urlencode({"cursor": page["next_cursor"]})


def _as_told(planted: Planted) -> set[Truth]:
    """Give the truth by the product's numbers: here as they were written down, there by row.

    What is booked in the month comes first, by id; then what the file names of other months, as
    many rows of it at a time as are looked up at once.
    """
    named: dict[str, int] = {}
    for line in planted.there:
        named.setdefault(line.id, line.number // AT_ONCE)
    around = timedelta(days=Terms().window_days)
    days = range((_MONTH - around).toordinal(), (month_after(_MONTH) + around).toordinal())

    def place(line: Line) -> tuple[bool, int, str]:
        is_elsewhere = line.on.toordinal() not in days
        return is_elsewhere, named.get(line.id, 0) if is_elsewhere else 0, line.id

    rank = {line.number: at for at, line in enumerate(sorted(planted.here, key=place), 1)}
    return {
        (kind, frozenset(map(rank.__getitem__, here)), frozenset(n + 1 for n in there))
        for kind, here, there in planted.truth
    }


@asynccontextmanager
async def _watched(machine: Machine) -> AsyncIterator[_Seen]:
    """Look at the database and the worker all the while."""
    seen = _Seen()
    connection = await asyncpg.connect(machine.product_url)
    for pid in processes.family(machine.worker.process.pid):
        await asyncio.to_thread(Path(f"/proc/{pid}/clear_refs").write_text, "5")

    async def look() -> None:
        while True:
            row = await connection.fetchrow(_OLDEST)
            seen.transaction_s = max(seen.transaction_s, row["seconds"])
            seen.blocked = max(seen.blocked, row["blocked"])
            await asyncio.sleep(_SAMPLE_S)

    task = asyncio.create_task(look())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait([task])
        await connection.close()
        seen.worker_mib = max(map(peak_mib, processes.family(machine.worker.process.pid)))
