"""The command `tonglu bench`: measure the product beside the bare stack, on this machine, now."""

import asyncio
import random
import tempfile
from pathlib import Path
from typing import Final

import click
import msgspec

from benchmarks import bounds, channel, crm_work, machine, sync_work
from benchmarks.figures import Figure, Report, as_table
from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.kit import clock, db

_PARTS: Final = ("crm", "sync")


@click.command()
@click.option("--seed", default=1, show_default=True, help="Seed of the customers.")
@click.option("--size", default=100_000, show_default=True, help="Customers of the CRM part.")
@click.option("--rows", default=20_000, show_default=True, help="Customers of the sync part.")
@click.option("--part", type=click.Choice(_PARTS), multiple=True, help="Measure this part alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the JSON here.")
def command(
    *, seed: int, size: int, rows: int, part: tuple[str, ...], as_json: bool, out: Path | None
) -> None:
    """Measure the product and the floor in one run; takes some minutes, ends by itself."""
    with tempfile.TemporaryDirectory() as folder, machine.running(Path(folder)) as running:
        report = asyncio.run(_measure(running, seed, size, rows, part or _PARTS))
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=1)
    if out is not None:
        out.write_bytes(encoded + b"\n")
    click.echo(encoded.decode() if as_json else as_table(report))


async def _measure(
    running: Machine, seed: int, size: int, rows: int, parts: tuple[str, ...]
) -> Report:
    """Measure the chosen parts, each on a company of its own, and the machine's raw bounds."""
    rng = random.Random(seed)
    figures: list[Figure] = []
    await db.open_database(channel.settings_of(running))
    try:
        if "sync" in parts:
            owner = await channel.company(running, rng)
            await _load(running, owner.token, rng, rows)
            figures += await sync_work.measure(running, owner, rng, rows)
        if "crm" in parts:
            owner = await channel.company(running, rng)
            figures += await crm_work.measure(running, owner, rng, size)
    finally:
        await db.close_database()
    raw = await bounds.postgres(running.superuser_url)
    return Report(machine.described(), figures, raw | bounds.sqlite(running.folder))


async def _load(running: Machine, token: str, rng: random.Random, rows: int) -> None:
    """Load the sync part's customers on both sides."""
    made = [channel.customer(rng, clock.now()) for _ in range(rows)]
    async with Wire(running.tonglu_url, token) as ours, Wire(running.floor_url) as floor:
        await channel.load(ours, made, "/v1/customers/batch")
        await channel.load(floor, made, "/leads/batch")
