"""Which use cases move money, and what comes of each pair of them in every order."""

import re
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import datetime
from itertools import combinations_with_replacement
from math import comb
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.kit import ids
from world.books.interleavings import orders
from world.books.interleavings.gate import Work
from world.books.interleavings.orders import PASSES_BY, WHOLE, Cut, Meeting, Played

_MOST: Final = 5_000
"""Orders at most, where all are played."""
_PASSED: Final = re.compile(r"FROM (\w+)")

Move = Callable[[UUID], Awaitable[object]]
"""Does one thing in one transaction, asked for under an id, and says in a few words what came."""


class Given(msgspec.Struct, frozen=True):
    """Whom a meeting is about, and when it is."""

    agent_id: UUID
    now: datetime


class Scene(msgspec.Struct, frozen=True):
    """Books in which something may be done."""

    moves: Mapping[str, Move]
    state: Callable[[], Awaitable[object]]


class Room(msgspec.Struct, frozen=True):
    """A part of the books: what is done in it, and how it is set up to be done."""

    name: str
    moves: tuple[str, ...]
    set_up: Callable[[Given], Awaitable[Scene]]


class Deed(msgspec.Struct, frozen=True):
    """One use case."""

    room: Room
    move: str

    def __str__(self) -> str:
        """Give its name."""
        return f"{self.room.name}.{self.move}"


class Pair(msgspec.Struct, frozen=True):
    """Two use cases that meet."""

    deeds: tuple[Deed, Deed]
    is_twice: bool = False
    """Whether it is the same request, sent twice."""

    def __str__(self) -> str:
        """Give its name."""
        one, other = self.deeds
        return f"{one} twice under one id" if self.is_twice else f"{one} + {other}"


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a pair."""

    pair: str
    sizes: tuple[int, int]
    """Statements of each, COMMIT included, where they follow each other."""
    nominal: int
    """In how many orders these can be written down."""
    orders: int
    """How many different ones were played: they stand for all."""
    outcomes: int
    seconds: float
    found: list[str]
    """Orders after which something is as neither serial order leaves it."""


def pairs(rooms: Sequence[Room], crossed: Collection[tuple[str, str]]) -> Iterator[Pair]:
    """List each pair of use cases, and each with itself: two requests, and one sent twice.

    :param crossed: names of rooms whose use cases meet those of another one.
    """
    deeds = [Deed(room, move) for room in rooms for move in room.moves]
    for one, other in combinations_with_replacement(deeds, 2):
        if one.room == other.room or (one.room.name, other.room.name) in crossed:
            yield Pair((one, other))
        if one == other:
            yield Pair((one, other), is_twice=True)


class Explorer(msgspec.Struct, frozen=True):
    """Plays pairs on the database that is open with gated sessions, each meeting in its second."""

    watcher: asyncpg.Connection
    """Another connection, which sees who waits for a lock."""
    times: Iterator[datetime]

    async def explore(self, pair: Pair) -> Explored:
        """Play a pair in all orders that differ, and compare with the two serial ones."""
        began = time.perf_counter()
        serial = [await self._play(pair, Cut(n, WHOLE)) for n in (0, 1)]
        right = {each.told for each in serial}
        sizes = [max(each.sizes[n] for each in serial) for n in (0, 1)]
        cuts = list(orders.cuts((sizes[0], sizes[1])))
        for n in _who_pass_by(serial[0]):
            right.add((await self._left_out(pair, n)).told)
            cuts += orders.passing(n, (sizes[0], sizes[1]))
        played = serial + [await self._play(pair, cut) for cut in cuts]
        return Explored(
            pair=str(pair),
            sizes=serial[0].sizes,
            nominal=comb(sum(serial[0].sizes), serial[0].sizes[0]),
            orders=len({each.order for each in played}),
            outcomes=len({each.told for each in played}),
            seconds=time.perf_counter() - began,
            found=[_wrong(each, right) for each in played if each.told not in right],
        )

    def every(self, pair: Pair) -> AsyncIterator[Played]:
        """Play a pair in all orders that there are, however alike."""
        return orders.every(lambda: self._meet(pair), self.watcher, most=_MOST)

    async def _play(self, pair: Pair, cut: Cut) -> Played:
        return await orders.play(await self._meet(pair), cut, self.watcher)

    async def _left_out(self, pair: Pair, n: int) -> Played:
        """Play a pair in which one finds nothing to do: it is left to the next time."""
        meeting = await self._meet(pair)
        sides = list(meeting.sides)
        sides[n] = _nothing
        meeting = msgspec.structs.replace(meeting, sides=(sides[0], sides[1]))
        return await orders.play(meeting, Cut(n, WHOLE), self.watcher)

    async def _meet(self, pair: Pair) -> Meeting:
        """Set up what a pair needs."""
        now = next(self.times)
        given = Given(ids.new_id(now), now)
        rooms = {deed.room.name: deed.room for deed in pair.deeds}
        scenes = {name: await room.set_up(given) for name, room in rooms.items()}
        keys = [ids.new_id(now), ids.new_id(now)]

        def work(n: int) -> Work:
            deed, key = pair.deeds[n], keys[0 if pair.is_twice else n]
            return lambda: scenes[deed.room.name].moves[deed.move](key)

        async def state() -> object:
            return {name: await scene.state() for name, scene in scenes.items()}

        return Meeting((work(0), work(1)), state)


async def _nothing() -> object:
    """Find nothing to do."""
    return 0


def _who_pass_by(played: Played) -> list[int]:
    """Say who passes by rows that are locked, where the other one may lock some."""
    return [
        n
        for n in (0, 1)
        for passed in [_passed(played.begun[n])]
        if passed and any(passed in each for each in played.begun[1 - n])
    ]


def _passed(statements: Sequence[str]) -> str | None:
    """Name the table whose locked rows somebody passes by."""
    found = (_PASSED.search(each) for each in statements if PASSES_BY in each)
    return next((each[1] for each in found if each), None)


def _wrong(played: Played, right: Collection[bytes]) -> str:
    """Say what is wrong with an order."""
    expected = " or ".join(sorted(each.decode() for each in right))
    return f"{played.order}: {played.told.decode()} instead of {expected}"
