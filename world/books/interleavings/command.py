"""`tonglu soak interleavings`: each pair of use cases of the books, in every order."""

import asyncio
import itertools
import multiprocessing
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import click
import msgspec

from world.books import soak
from world.books.interleavings.gate import GatedSession
from world.books.interleavings.listed import CROSSED, ROOMS
from world.books.interleavings.pairs import Explored, Explorer, Pair, pairs
from world.terminal import Paint

BEGINS_AT: Final = datetime(2029, 6, 4, 4, tzinfo=UTC)
"""When the first two meet; the day is the same for all, and so is what a month costs."""


class Whole(msgspec.Struct, frozen=True):
    """What came of all pairs."""

    explored: list[Explored]
    contradictions: list[str]

    @property
    def is_sound(self) -> bool:
        """Say whether nothing was found."""
        return not self.contradictions and not any(each.found for each in self.explored)


@click.command()
@click.option(
    "--rooms",
    type=click.Choice(sorted({"+".join(_rooms) for _rooms in CROSSED} | {r.name for r in ROOMS})),
    multiple=True,
    help="These alone: a room's use cases with each other, or with another room's.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 16),
    help="So many processes, each with a PostgreSQL of its own.",
)
@click.option("--json", "is_json", is_flag=True, help="Print one object.")
def interleavings(*, rooms: tuple[str, ...], workers: int, is_json: bool) -> None:
    """Let any two use cases of the books meet in every order; exits with 1 when one is wrong."""
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        shares = [
            pool.submit(_share, rooms, n, workers, is_told=not is_json) for n in range(workers)
        ]
        parts = [msgspec.json.decode(share.result(), type=Whole) for share in shares]
    whole = Whole(
        explored=sorted(itertools.chain(*(each.explored for each in parts)), key=lambda e: e.pair),
        contradictions=list(itertools.chain(*(each.contradictions for each in parts))),
    )
    if is_json:
        click.echo(msgspec.json.encode(whole).decode())
    else:
        _sum_up(whole)
    sys.exit(0 if whole.is_sound else 1)


def _share(rooms: tuple[str, ...], n: int, of: int, *, is_told: bool) -> bytes:
    """Explore each so-manieth pair, from the nth on; give what came of it as JSON."""
    chosen = [each for each in pairs(ROOMS, CROSSED) if not rooms or _rooms_of(each) in rooms]

    def told(each: Explored) -> None:
        if is_told:
            _print(each)

    return msgspec.json.encode(asyncio.run(_explore(chosen[n::of], told)))


def _rooms_of(pair: Pair) -> str:
    """Name the rooms of a pair, as on the command line."""
    return "+".join(dict.fromkeys(deed.room.name for deed in pair.deeds))


async def _explore(chosen: list[Pair], told: Callable[[Explored], None]) -> Whole:
    """Explore pairs on a PostgreSQL of their own, and look through the whole books afterwards."""
    explored: list[Explored] = []
    standing = soak.standing(session=GatedSession, durable=False)
    async with standing as superuser_url, explorer(superuser_url) as who:
        for pair in chosen:
            explored.append(await who.explore(pair))
            told(explored[-1])
        return Whole(explored, await soak.contradictions())


@asynccontextmanager
async def explorer(superuser_url: str) -> AsyncIterator[Explorer]:
    """Give what explores on the database that is open."""
    watcher = await asyncpg.connect(superuser_url)
    try:
        yield Explorer(watcher, _times())
    finally:
        await watcher.close()


def _times() -> Iterator[datetime]:
    """Give each meeting a second."""
    return (BEGINS_AT + timedelta(seconds=n) for n in itertools.count())


def _print(each: Explored) -> None:
    paint = Paint()
    one, other = each.sizes
    click.echo(
        f"{each.pair:58} {one:2} × {other:<2} {each.nominal:>13,} {each.orders:>5,}"
        f" {each.outcomes} {each.seconds:7.2f} s"
    )
    for found in each.found[:3]:
        click.echo(paint.bad(f"  {found}"))


def _sum_up(whole: Whole) -> None:
    paint = Paint()
    for contradiction in whole.contradictions:
        click.echo(paint.bad(contradiction))
    played = sum(each.orders for each in whole.explored)
    nominal = sum(each.nominal for each in whole.explored)
    wrong = sum(bool(each.found) for each in whole.explored)
    click.echo(f"{len(whole.explored):,} pairs, {played:,} orders that stand for {nominal:,}")
    click.echo(paint.good("all sound") if whole.is_sound else paint.bad(f"{wrong} pairs failed"))
