"""The command `tonglu bench`: measure the product beside the bare stack, on this machine, now."""

import asyncio
import random
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

from benchmarks import (
    blind_work,
    bounds,
    budget_work,
    channel,
    clock_work,
    crm_work,
    exit_work,
    fraud_work,
    journal_work,
    leads_import,
    leads_work,
    machine,
    offer_work,
    pipeline_work,
    reconcile_product,
    reconcile_work,
    request_work,
    scale_work,
    sync_frames,
    sync_scale,
    sync_work,
    sync_writes,
    voucher_work,
)
from benchmarks.figures import Figure, Report, as_table
from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.kit import clock, db

_FEW: Final = 2_000


_NAMES: Final = (
    *("crm", "journal", "leads", "leads-import", "pipeline", "scale", "sync", "sync-writes"),
    *("sync-scale", "reconciliation", "blind-check", "counter-offer", "fraud", "exit"),
    *("hot-budget", "billing-clock", "vouchers"),
)


_LONG: Final = "scale"
"""The part that is only measured when it is asked for: it needs 6 GB and some minutes more."""


class _Sizes(msgspec.Struct, frozen=True):
    """How large the work is."""

    size: int
    leads: int
    transactions: int
    everybody: int
    rows: int
    pending: int
    held: int
    moved: int
    leaving: int
    photo: int
    lines: int
    agents: int
    channels: int
    billed: int
    slips: int


@click.command()
@click.option("--seed", default=1, show_default=True, help="Seed of the customers.")
@click.option("--size", default=100_000, show_default=True, help="Customers of crm.")
@click.option("--leads", default=200_000, show_default=True, help="Rows of leads-import.")
@click.option("--transactions", default=100_000, show_default=True, help="Those of journal.")
@click.option("--everybody", default=1_000_000, show_default=True, help="Customers of scale.")
@click.option("--rows", default=20_000, show_default=True, help="Customers of sync.")
@click.option("--pending", default=10_000, show_default=True, help="Waiting ops of sync-writes.")
@click.option("--held", default=50_000, show_default=True, help="Customers of sync-scale.")
@click.option("--moved", default=5_000, show_default=True, help="Handed over in sync-scale.")
@click.option("--photo", default=5, show_default=True, help="MiB of the photo of sync-scale.")
@click.option("--lines", default=300_000, show_default=True, help="Lines of reconciliation.")
@click.option("--agents", default=2_000, show_default=True, help="Agents of counter-offer.")
@click.option("--channels", default=20, show_default=True, help="Channels of fraud.")
@click.option("--billed", default=100, show_default=True, help="Agents of billing-clock.")
@click.option("--slips", default=100_000, show_default=True, help="Lines of vouchers.")
@click.option("--leaving", default=5_000, show_default=True, help="Customers of exit.")
@click.option(
    "--part",
    type=click.Choice(_NAMES),
    multiple=True,
    help="Measure this part alone; scale is measured in no other way.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the JSON here.")
def command(
    *, seed: int, part: tuple[str, ...], as_json: bool, out: Path | None, **sizes: int
) -> None:
    """Measure the product and the floor in one run; takes some minutes, ends by itself."""
    with tempfile.TemporaryDirectory() as folder, machine.running(Path(folder)) as running:
        report = asyncio.run(_measure(running, seed, _Sizes(**sizes), part))
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=1)
    if out is not None:
        out.write_bytes(encoded + b"\n")
    click.echo(encoded.decode() if as_json else as_table(report))


async def _measure(running: Machine, seed: int, sizes: _Sizes, parts: tuple[str, ...]) -> Report:
    """Measure the chosen parts, each on a company of its own, and the machine's raw bounds."""
    rng = random.Random(seed)
    figures: list[Figure] = []
    await db.open_database(channel.settings_of(running))
    try:
        for name in parts or (name for name in _PARTS if name != _LONG):
            figures += await _PARTS[name](running, rng, sizes)
    finally:
        await db.close_database()
    raw = await bounds.postgres(running.superuser_url)
    return Report(machine.described(), figures, raw | bounds.sqlite(running.folder))


# ------------------------------------------------------------------------------------- the parts


async def _crm(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """P7 to P13."""
    owner = await channel.company(running, rng)
    return await crm_work.measure(running, owner, rng, sizes.size)


async def _leads(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """P7 to P11, with leads."""
    owner = await channel.company(running, rng)
    return await leads_work.measure(running, owner, rng, sizes.size)


async def _leads_import(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """S38."""
    owner = await channel.company(running, rng)
    return await leads_import.measure(running, owner, rng, sizes.leads)


async def _pipeline(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """P11."""
    owner = await channel.company(running, rng)
    return await pipeline_work.measure(running, owner, rng, sizes.size)


async def _journal(_: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """B6 to B8."""
    return await journal_work.measure(rng, sizes.transactions)


async def _scale(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """Ask what a company with 400,000 of 1,000,000 customers asks."""
    return await scale_work.measure(running, rng, sizes.everybody)


async def _sync(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """P1 to P6, S1 to S3."""
    owner = await channel.company(running, rng)
    await _load(running, owner.token, rng, sizes.rows)
    frames = await sync_frames.measure(running, owner, rng, sizes.rows)
    return [*frames, *await sync_work.measure(running, owner, rng, sizes.rows)]


async def _sync_writes(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """S4 and S5."""
    owner = await channel.company(running, rng)
    await _load(running, owner.token, rng, _FEW)
    return await sync_writes.measure(running, owner, rng, sizes.pending)


async def _sync_scale(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """S6 to S11."""
    owner = await channel.company(running, rng)
    work = sync_scale.Sizes(sizes.held, sizes.moved, sizes.photo)
    return await sync_scale.measure(running, owner, rng, work)


async def _reconciliation(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """B5."""
    core = await reconcile_work.measure(running, rng, sizes.lines)
    return [*core, *await reconcile_product.measure(running, rng, sizes.lines)]


async def _blind_check(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """M2."""
    del sizes
    return await blind_work.measure(running, rng)


async def _exit(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """M14."""
    return await exit_work.measure(running, rng, sizes.leaving)


async def _hot_budget(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """B2."""
    del sizes
    return [
        *await budget_work.measure(running, rng),
        *await request_work.measure(running, rng),
    ]


async def _billing_clock(running: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """G10."""
    return await clock_work.measure(running, rng, sizes.billed)


async def _vouchers(_: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """G12."""
    return await voucher_work.measure(rng, sizes.slips)


async def _counter_offer(_: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """B9."""
    return await asyncio.to_thread(offer_work.measure, rng, sizes.agents)


async def _fraud(_: Machine, rng: random.Random, sizes: _Sizes) -> list[Figure]:
    """Item 2 of the books."""
    return await asyncio.to_thread(fraud_work.measure, rng, sizes.channels)


_PARTS: Final[Mapping[str, Callable[[Machine, random.Random, _Sizes], Awaitable[list[Figure]]]]] = {
    "sync": _sync,
    "sync-writes": _sync_writes,
    "sync-scale": _sync_scale,
    "crm": _crm,
    "leads": _leads,
    "leads-import": _leads_import,
    "pipeline": _pipeline,
    "journal": _journal,
    "scale": _scale,
    "reconciliation": _reconciliation,
    "blind-check": _blind_check,
    "counter-offer": _counter_offer,
    "fraud": _fraud,
    "exit": _exit,
    "hot-budget": _hot_budget,
    "billing-clock": _billing_clock,
    "vouchers": _vouchers,
}


async def _load(running: Machine, token: str, rng: random.Random, rows: int) -> None:
    """Load the sync part's customers on both sides."""
    made = [channel.customer(rng, clock.now()) for _ in range(rows)]
    async with Wire(running.tonglu_url, token) as ours, Wire(running.floor_url) as floor:
        await channel.load(ours, made, "/v1/customers/batch")
        await channel.load(floor, made, "/leads/batch")
