"""`tonglu world`: write a world, its truth and its spreadsheets into a folder."""

import random
from datetime import date
from pathlib import Path

import click
import msgspec

from world import channel, spreadsheets, truth
from world.model import Scale
from world.spreadsheets import Spreadsheet


@click.command()
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write into; made where it is missing.",
)
@click.option("--agents", default=3, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--customers", default=120, show_default=True, type=click.IntRange(min=1), help="Of each agent."
)
@click.option("--sheets", default=4, show_default=True, type=click.IntRange(0, 50))
@click.option("--rows", default=2000, show_default=True, type=click.IntRange(100, 50_000))
@click.option(
    "--today",
    default=channel.DAY_ONE.isoformat(),
    show_default=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day on which the world stands.",
)
def command(
    *, seed: int, out: Path, agents: int, customers: int, sheets: int, rows: int, today: date
) -> None:
    """Write a seeded channel, the truth about it, and messy spreadsheets with theirs."""
    day = date(today.year, today.month, today.day)
    scale = Scale(agents=agents, customers_per_agent=customers)
    world = channel.from_seed(seed, scale, today=day)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "world.json", world)
    _write(out / "truth.json", truth.of(world))
    rng = random.Random(f"spreadsheets of {seed}")
    for number, sheet in enumerate(
        spreadsheets.several(rng, sheets, rows=rows, today=day), start=1
    ):
        click.echo(_write_sheet(out, number, sheet))
    known = truth.of(world)
    click.echo(
        f"{out}: {len(world.agents)} agents, {known.agent_relations} customers"
        f" ({known.unique_end_customers} different companies), {len(known.dormant)} dormant"
    )


def _write(file: Path, value: object) -> None:
    """Write a value as JSON that a person can read too."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")


def _write_sheet(out: Path, number: int, sheet: Spreadsheet) -> str:
    """Write a spreadsheet and its truth; say what it is."""
    name = f"{number:02d}-{sheet.kind}-{sheet.file_name}"
    (out / name).write_bytes(sheet.content)
    _write(out / f"{number:02d}-truth.json", sheet.truth)
    told = sheet.truth
    return (
        f"{out / name}: {len(told.rows)} rows, {len(told.good)} good, {len(told.bad)} bad,"
        f" {len(told.duplicates)} duplicates"
    )
