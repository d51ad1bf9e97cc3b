"""`tonglu journey`: play the product's main job against a throwaway server, with evidence."""

import asyncio
import random
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import click

from world import channel, numbers, spreadsheets
from world.journey import report, stage
from world.journey.cast import Cast, Company
from world.journey.evidence import Result, take
from world.journey.report import Journey
from world.journey.stage import Stage
from world.journey.steps import STEPS
from world.model import Scale
from world.places import CITIES
from world.spreadsheets import FileKind, Order
from world.terminal import Paint

PASSWORD: Final = "walk-the-same-road"


@click.command()
@click.option("--seed", default=1, show_default=True, help="Another seed is another world.")
@click.option("--rows", default=2000, show_default=True, type=click.IntRange(100, 50_000))
@click.option("--json", "as_json", is_flag=True, help="Print one object instead of the table.")
def command(*, seed: int, rows: int, as_json: bool) -> None:
    """Take the product's main job end to end and show what happened.

    Starts PostgreSQL, server and worker of its own in a temporary folder. Exits with 1 when any
    step fails.
    """
    paint = Paint()
    if not as_json:
        click.echo(f"Journey with seed {seed}, {rows:,} rows a spreadsheet\n")
        click.echo("\n".join(report.heading(paint)))
    journey = take_journey(seed, rows, is_quiet=as_json)
    click.echo(report.as_json(journey) if as_json else f"\n{report.closing(journey, paint)}")
    sys.exit(0 if journey.passed else 1)


def take_journey(seed: int, rows: int, *, is_quiet: bool) -> Journey:
    """Take every step; after one that breaks, the others are not tried."""
    started = time.monotonic()
    with stage.throwaway("--with-worker") as throwaway:
        opened_s = round(time.monotonic() - started, 2)
        steps = asyncio.run(_play(throwaway, seed, rows, opened_s, is_quiet=is_quiet))
        if any(step.error for step in steps):
            click.echo(f"\nThe end of the server's log:\n{throwaway.server.tail()}", err=True)
    return Journey(
        seed=seed,
        passed=len(steps) == len(STEPS) and all(step.passed for step in steps),
        seconds=round(time.monotonic() - started, 2),
        steps=steps,
    )


async def _play(
    throwaway: Stage, seed: int, rows: int, opened_s: float, *, is_quiet: bool
) -> list[Result]:
    """Play on a stage that stands."""
    results: list[Result] = []
    paint = Paint()
    async with AsyncExitStack() as closing:
        cast = make_cast(throwaway, seed, rows, closing)
        cast.left["opened_s"] = opened_s
        for step in STEPS:
            if step.opens and not is_quiet:
                click.echo(report.act(step.opens, paint))
            results.append(await take(step.name, step.title, partial(step.run, cast)))
            if not is_quiet:
                click.echo("\n".join(report.lines(len(results), results[-1], paint)))
            if results[-1].error is not None:
                break
    return results


def make_cast(throwaway: Stage, seed: int, rows: int, closing: AsyncExitStack) -> Cast:
    """Cast the journey of a seed: a world of three agents, and a messy file for each."""
    rng = random.Random(f"journey {seed}")
    world = channel.from_seed(seed, Scale(agents=3, teams_per_agent=1, customers_per_agent=1))
    series = numbers.start(rng)
    companies = []
    for place, agent in enumerate(world.agents):
        order = Order(
            rows=rows,
            kind=FileKind.CSV_GB18030,
            vocabulary=spreadsheets.VOCABULARIES[place % len(spreadsheets.VOCABULARIES)],
            city=next(city for city in CITIES if city.name == agent.city),
            owners=tuple(rep.name for rep in agent.reps()),
            today=world.today,
        )
        companies.append(Company(agent, spreadsheets.write(rng, series, order)))
    return Cast(
        stage=throwaway,
        seed=seed,
        world=world,
        rng=rng,
        password=PASSWORD,
        companies=companies,
        closing=closing,
    )
