"""`tonglu soak units`: a year of units for each seed, day by day, beside a plain count."""

import asyncio
import sys
from collections.abc import Callable

import click
import msgspec

from server.kit import clock
from world.books import soak
from world.books.units.year import DAYS, Year
from world.seeds import Seeds, tell_progress
from world.terminal import Paint


class Failed(msgspec.Struct, frozen=True):
    """A seed whose year does not add up."""

    seed: int
    findings: list[str]


class Tally(msgspec.Struct):
    """What came of many years."""

    years: int = 0
    promises_kept: int = 0
    promises_late: int = 0
    released: int = 0
    failed: list[Failed] = []

    def add(self, seed: int, year: Year) -> None:
        """Count a year."""
        self.years += 1
        self.promises_kept += year.kept
        self.promises_late += year.late
        self.released += year.swept
        if year.found:
            self.failed.append(Failed(seed, year.found))


@click.command()
@click.option("--seeds", type=Seeds(), default="0:3", show_default=True)
@click.option("--days", default=DAYS, show_default=True, type=click.IntRange(1, 3_650))
@click.option("--json", "is_json", is_flag=True, help="Print one object.")
def units(*, seeds: range, days: int, is_json: bool) -> None:
    """Let phones hold units for a year; exits with 1 when what stands is not what was allocated."""

    def told(tally: Tally) -> None:
        tell_progress(tally.years, seeds, is_json=is_json)

    tally = asyncio.run(_play(seeds, days, told))
    if is_json:
        click.echo(msgspec.json.encode(tally).decode())
    else:
        _print(tally, days)
    sys.exit(1 if tally.failed else 0)


async def _play(seeds: range, days: int, told: Callable[[Tally], None]) -> Tally:
    """Play a year for each seed on one database, and look through the whole books afterwards."""
    tally = Tally(failed=[])
    async with soak.standing(durable=False):
        for seed in seeds:
            year = Year(seed, begins_at=clock.now())
            await year.play(days)
            tally.add(seed, year)
            told(tally)
        if wrong := await soak.contradictions():
            tally.failed.append(Failed(seeds[-1], wrong))
    return tally


def _print(tally: Tally, days: int) -> None:
    paint = Paint()
    click.echo(
        f"{tally.years:,} times {days} days: {tally.promises_kept:,} promises kept,"
        f" {tally.promises_late:,} too late, {tally.released:,} units released"
    )
    for failed in tally.failed:
        click.echo(paint.bad(f"seed {failed.seed}"))
        for finding in failed.findings[:5]:
            click.echo(f"  {finding}")
    click.echo(
        paint.bad(f"{len(tally.failed)} failed") if tally.failed else paint.good("all sound")
    )
