"""`tonglu soak billing`: the books under one seed each, audited by a model in plain Python."""

import asyncio
import sys

import click
import msgspec

from world.books import soak
from world.books.soak import Tally
from world.seeds import Seeds, tell_progress
from world.terminal import Paint


@click.command()
@click.option("--seeds", type=Seeds(), default="0:10", show_default=True)
@click.option("--orders", default=60, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "is_json", is_flag=True, help="Print one object.")
def billing(*, seeds: range, orders: int, is_json: bool) -> None:
    """Ask much of the books at once, kill connections; exits with 1 when anything is wrong."""

    def told(tally: Tally) -> None:
        tell_progress(tally.runs, seeds, is_json=is_json)

    tally = asyncio.run(soak.soak(seeds, orders=orders, told=told))
    if is_json:
        click.echo(msgspec.json.encode(soak.as_json(tally)).decode())
    else:
        _print(tally)
    sys.exit(1 if tally.failed else 0)


def _print(tally: Tally) -> None:
    paint = Paint()
    click.echo(
        f"{tally.runs:,} seeds, {tally.orders:,} orders, {tally.attempts:,} attempts,"
        f" {tally.kills:,} connections killed, {tally.broken:,} attempts broken off"
    )
    click.echo(f"{tally.overspent} overspent, {tally.doubled} doubled, {tally.lost} lost")
    told = ", ".join(f"{code} {number:,}" for code, number in tally.codes.most_common())
    click.echo(paint.dim(f"answers: {told}"))
    for failed in tally.failed:
        click.echo(paint.bad(f"seed {failed.seed}"))
        for finding in failed.findings[:5]:
            click.echo(f"  {finding}")
        click.echo(f"  tonglu soak billing --seeds {failed.seed}")
    verdict = paint.bad(f"{len(tally.failed)} failed") if tally.failed else paint.good("all passed")
    click.echo(verdict)
