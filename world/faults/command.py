"""`tonglu soak faults`: real processes under one seed each, until everything is quiet again."""

import sys

import click
import msgspec

from world.faults import soak
from world.faults.soak import Tally
from world.seeds import Seeds, tell_progress
from world.terminal import Paint


@click.command()
@click.option("--seeds", type=Seeds(), default="0:10", show_default=True)
@click.option("--phones", default=3, show_default=True, type=click.IntRange(2, 12))
@click.option("--events", default=6, show_default=True, help="Kills, pauses and partitions a run.")
@click.option("--json", "is_json", is_flag=True, help="Print one object.")
def faults(*, seeds: range, phones: int, events: int, is_json: bool) -> None:
    """Kill and pause real processes behind a bad network; exits with 1 when anything is found."""
    tally = soak.soak(
        seeds,
        phones=phones,
        events=events,
        told=lambda tally: tell_progress(tally.runs, seeds, is_json=is_json),
    )
    if is_json:
        click.echo(msgspec.json.encode(soak.as_json(tally)).decode())
    else:
        _print(tally)
    sys.exit(1 if tally.failed else 0)


def _print(tally: Tally) -> None:
    paint = Paint()
    click.echo(
        f"{tally.runs:,} runs, {tally.requests:,} requests, {tally.saved:,} words saved,"
        f" {tally.lost:,} lost, {tally.doubled:,} doubled,"
        f" {tally.conflicts:,} concurrent edits with both values kept"
    )
    click.echo(f"quiet within {tally.quiet_s_max:.1f} s of the last fault")
    told = ", ".join(f"{what} {number:,}" for what, number in tally.faults.most_common())
    click.echo(paint.dim(f"faults: {told}"))
    for result in tally.failed:
        click.echo(paint.bad(f"seed {result.seed}"))
        for finding in result.findings[:5]:
            click.echo(f"  {finding}")
        click.echo(f"  tonglu soak faults --seeds {result.seed}")
    verdict = paint.bad(f"{len(tally.failed)} failed") if tally.failed else paint.good("all passed")
    click.echo(verdict)
