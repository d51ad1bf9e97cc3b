"""`tonglu soak`: many schedules of the sync under one seed each, and bugs that must be found."""

import sys
from typing import BinaryIO

import click
import msgspec

from world.books.command import billing
from world.books.interleavings.command import interleavings
from world.books.units.command import units
from world.faults.command import faults
from world.registering.command import registrations
from world.seeds import Seeds, tell_progress
from world.simulation import mutants, plan, soak
from world.simulation.plan import PROFILES, Plan
from world.simulation.soak import Tally
from world.simulation.stage import Result
from world.terminal import Paint


@click.group()
def command() -> None:
    """Put sync and registrations through what the field does: in virtual time, and for real."""


command.add_command(faults)
command.add_command(billing)
command.add_command(interleavings)
command.add_command(units)
command.add_command(registrations)


@command.command()
@click.option("--seeds", type=Seeds(), default="0:1000", show_default=True)
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--profile", type=click.Choice(sorted(PROFILES)), help="One kind of trouble only.")
@click.option(
    "--plan", "file", type=click.File("rb"), help="Play a schedule that was written down."
)
@click.option("--trace", is_flag=True, help="Tell every event of the schedules.")
@click.option("--shrink", is_flag=True, help="Make the first failing schedule small and print it.")
@click.option("--json", "is_json", is_flag=True, help="Print one object.")
def sync(
    *,
    seeds: range,
    jobs: int,
    profile: str | None,
    file: BinaryIO | None,
    trace: bool,
    shrink: bool,
    is_json: bool,
) -> None:
    """Play one schedule for each seed; exits with 1 when an oracle finds anything."""
    soak.be_quiet()
    if file is not None or trace:
        schedules = (
            [plan.from_seed(seed, profile=profile) for seed in seeds]
            if file is None
            else [msgspec.json.decode(file.read(), type=Plan)]
        )
        tally = Tally()
        for schedule in schedules:
            tally.add(soak.play(schedule, trace=click.echo if trace else None))
    else:
        tally = soak.soak(
            seeds,
            jobs=jobs,
            profile=profile,
            told=lambda tally: tell_progress(tally.schedules, seeds, is_json=is_json),
        )
    if is_json:
        click.echo(msgspec.json.encode(soak.as_json(tally)).decode())
    else:
        _print(tally, profile)
    if shrink and tally.failed:
        first = tally.failed[0]
        small = soak.smaller(plan.from_seed(first.seed, profile=profile))
        click.echo(msgspec.json.format(msgspec.json.encode(small), indent=1).decode())
    sys.exit(1 if tally.failed else 0)


def _print(tally: Tally, profile: str | None) -> None:
    paint = Paint()
    cpu_s = tally.cpu_s or 1
    click.echo(
        f"{tally.schedules:,} schedules, {tally.ops:,} ops, {tally.requests:,} requests,"
        f" {tally.commits:,} commits, {tally.steps:,} steps"
    )
    if tally.cpu_s:
        click.echo(
            f"{tally.schedules / cpu_s:.1f} schedules a second and core"
            f" ({tally.seconds:.1f} s), quiet within {tally.quiet_ms_max / 1000:.1f} s"
        )
    for name, counts in (("faults", tally.faults), ("met", tally.counts)):
        told = ", ".join(f"{what} {number:,}" for what, number in counts.most_common())
        click.echo(paint.dim(f"{name}: {told}"))
    for result in tally.failed:
        _print_failure(result, profile, paint)
    verdict = paint.bad(f"{len(tally.failed)} failed") if tally.failed else paint.good("all passed")
    click.echo(verdict)


def _print_failure(result: Result, profile: str | None, paint: Paint) -> None:
    click.echo(paint.bad(f"seed {result.seed} ({result.profile})"))
    for finding in result.findings[:5]:
        click.echo(f"  {finding.oracle}: {finding.detail}")
    only = f" --profile {profile}" if profile else ""
    click.echo(f"  tonglu soak sync --seeds {result.seed}:{result.seed + 1}{only} --trace --shrink")


@command.command(name="mutants")
@click.option("--only", help="Names of mutants, with commas between.")
@click.option("--most", default=5000, show_default=True, help="Schedules for each mutant.")
@click.option("--json", "is_json", is_flag=True, help="Print one object.")
def mutants_command(*, only: str | None, most: int, is_json: bool) -> None:
    """Plant one bug after another; exits with 1 when the simulator does not find one."""
    soak.be_quiet()
    paint, caught = Paint(), []
    names = set(only.split(",")) if only else None
    for mutant in mutants.MUTANTS:
        if names is None or mutant.name in names:
            found = mutants.hunt(mutant, most=most)
            caught.append(found)
            if not is_json:
                verdict = paint.good("found") if found.is_found else paint.bad("SURVIVED")
                where = f"{found.profile} after {found.schedules}: {found.oracle}"
                click.echo(f"{verdict}  {mutant.name:34}  {where}\n       {mutant.what}")
    survivors = [each.name for each in caught if not each.is_found]
    if is_json:
        click.echo(msgspec.json.encode({"mutants": caught, "survivors": survivors}).decode())
    else:
        click.echo(f"{len(caught) - len(survivors)} of {len(caught)} found")
    sys.exit(1 if survivors else 0)
