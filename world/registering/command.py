"""`tonglu soak registrations`: rivals register one shop, under one seed each; one of them wins."""

import sys

import click
import msgspec

from world.registering import plan, soak
from world.registering.mutants import MUTANTS
from world.registering.plan import PROFILES
from world.registering.soak import Ground, Tally
from world.seeds import Seeds
from world.simulation.soak import be_quiet
from world.terminal import Paint


@click.command()
@click.option("--seeds", type=Seeds(), default="0:200", show_default=True)
@click.option("--profile", type=click.Choice(sorted(PROFILES)), help="One kind of trouble only.")
@click.option("--trace", is_flag=True, help="Tell every event of the schedules.")
@click.option("--mutants", is_flag=True, help="Plant one bug after another; each must be found.")
@click.option("--most", default=200, show_default=True, help="Schedules for each mutant.")
@click.option("--json", "is_json", is_flag=True, help="Print one object.")
def registrations(
    *, seeds: range, profile: str | None, trace: bool, mutants: bool, most: int, is_json: bool
) -> None:
    """Let rivals register one shop in every order; exits with 1 when an oracle finds anything.

    Plays the real services on a PostgreSQL that is thrown away, in virtual time.
    """
    be_quiet()
    with soak.ground() as ground:
        if mutants:
            passed = _hunt(ground, most, is_json=is_json)
        else:
            passed = _play(ground, seeds, profile, trace=trace, is_json=is_json)
    sys.exit(0 if passed else 1)


def _play(ground: Ground, seeds: range, profile: str | None, *, trace: bool, is_json: bool) -> bool:
    """Play a schedule for each seed; answer whether all passed."""
    if trace:
        tally = Tally()
        for seed in seeds:
            tally.add(ground.play(plan.from_seed(seed, profile=profile), trace=click.echo))
    else:
        tally = ground.soak(seeds, profile=profile, told=lambda _: None)
    if is_json:
        built = msgspec.to_builtins(tally)
        click.echo(msgspec.json.encode({**built, "passed": not tally.failed}).decode())
        return not tally.failed
    paint = Paint()
    pace = tally.schedules / tally.seconds if tally.seconds else 0
    click.echo(
        f"{tally.schedules:,} schedules, {tally.registrations:,} registrations,"
        f" {tally.jobs:,} jobs, {pace:.1f} schedules a second"
    )
    told = ", ".join(f"{what} {count:,}" for what, count in tally.counts.most_common())
    click.echo(paint.dim(f"met: {told}"))
    for result in tally.failed:
        click.echo(paint.bad(f"seed {result.seed} ({result.profile})"))
        for finding in result.findings[:5]:
            click.echo(f"  {finding.oracle}: {finding.detail}")
        only = f" --profile {profile}" if profile else ""
        click.echo(f"  tonglu soak registrations --seeds {result.seed}{only} --trace")
    failed = paint.bad(f"{len(tally.failed)} failed")
    click.echo(failed if tally.failed else paint.good("all passed"))
    return not tally.failed


def _hunt(ground: Ground, most: int, *, is_json: bool) -> bool:
    """Plant one bug after another; answer whether all were found."""
    paint, caught = Paint(), []
    for mutant in MUTANTS:
        found = ground.hunt(mutant, most=most)
        caught.append(found)
        if not is_json:
            verdict = paint.good("found") if found.is_found else paint.bad("SURVIVED")
            where = f"{found.profile} after {found.schedules}: {found.oracle}"
            click.echo(f"{verdict}  {mutant.name:40}  {where}")
    survivors = [each.name for each in caught if not each.is_found]
    if is_json:
        click.echo(msgspec.json.encode({"mutants": caught, "survivors": survivors}).decode())
    else:
        click.echo(f"{len(caught) - len(survivors)} of {len(caught)} found")
    return not survivors
