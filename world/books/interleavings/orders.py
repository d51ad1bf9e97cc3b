"""In which orders the statements of two transactions may meet, and how one order is played.

Of all orders a few are enough. PostgreSQL shows what a transaction writes to nobody before its
COMMIT, and a lock that it takes is held until then. So two statements that do not wait for each
other may change places, unless one of them is a COMMIT; and an order is all said by who commits
first, how far the other one has come by then, and whether it is waiting. `cuts` lists them: see
docs/decisions/0045. Where a statement passes by what is locked (SKIP LOCKED), it matters too how
much the other one has locked by then (0047): `passing` lists the orders. `every` plays
all orders, however alike, to see that the few come to as much.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

import asyncpg
import msgspec

from billing.errors import BillingRefusal
from server.kit.errors import Refusal
from world.books.interleavings.gate import ENDS, Side, Work

WHOLE: Final = 1_000
"""More statements than anything here has."""
_PATIENCE_S: Final = 0.003
"""A statement that is not done after so long is asked about: does it wait for a lock?"""
PASSES_BY: Final = "SKIP LOCKED"
_BLOCKED: Final = "SELECT cardinality(pg_blocking_pids($1)) > 0"


class Told(msgspec.Struct, frozen=True):
    """What came of two that met: what each was answered, and how everything stands."""

    answers: tuple[object, object]
    state: object


class Played(msgspec.Struct, frozen=True):
    """One order, played."""

    told: bytes
    """As JSON; whatever comes of the same is the same."""
    order: str
    """Whose statements, one after the other: `aab`. A capital letter waited for a lock."""
    begun: tuple[list[str], list[str]]
    """The statements of each side, its COMMIT included."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Count them."""
        return len(self.begun[0]), len(self.begun[1])


class Meeting(msgspec.Struct, frozen=True):
    """Two that are to meet once, in books of their own."""

    sides: tuple[Work, Work]
    state: Callable[[], Awaitable[object]]


class Start(msgspec.Struct, frozen=True):
    """How an order begins: one does some statements, then the other passes by what they locked."""

    passing: int
    """Which one passes by, 0 or 1."""
    before: int
    """How many statements the other one does before."""


class Cut(msgspec.Struct, frozen=True):
    """An order: one leads with some statements, the other goes as far as it can, then the first."""

    lead: int
    """Which one leads, 0 or 1."""
    after: int
    """How many statements it does first."""
    holds: bool = False
    """Whether the other one stops before its COMMIT until the first can do no more."""
    start: Start | None = None
    """What is done before all that, and not counted among it."""


def cuts(sizes: tuple[int, int]) -> Iterator[Cut]:
    """List the orders that are enough, but for the two in which one follows the other.

    :param sizes: how many statements each has, its COMMIT included.
    """
    for lead in (0, 1):
        for after in range(sizes[lead]):
            if after:
                yield Cut(lead, after)
            yield Cut(lead, after, holds=True)


def passing(n: int, sizes: tuple[int, int]) -> Iterator[Cut]:
    """List the orders that are enough where one passes by what the other one has locked.

    Of each number of statements that the other may have done by then these begin in the same way;
    from there on neither passes by anything, so what is left is as `cuts` says.

    :param n: which one passes by.
    """
    for before in range(sizes[1 - n] + 1):
        left = [sizes[0] - before, sizes[1] - before]
        left[n] = sizes[n] - 1
        for cut in (Cut(0, WHOLE), Cut(1, WHOLE), *cuts((left[0], left[1]))):
            yield msgspec.structs.replace(cut, start=Start(n, before))


class _Play:
    """Two that are meeting."""

    def __init__(self, meeting: Meeting, watcher: asyncpg.Connection) -> None:
        self.sides = [Side(work) for work in meeting.sides]
        self._state = meeting.state
        self._watcher = watcher
        self._order = ""

    async def begin(self) -> None:
        """Let both come to their first statement."""
        for side in self.sides:
            await side.rests(within_s=60)

    async def advance(self, n: int) -> bool:
        """Let one do its next statement; say whether it is done with that, and not waiting."""
        side = self.sides[n]
        if not side.is_blocked:
            side.go()
            self._order += "ab"[n]
        was, side.is_blocked = side.is_blocked, not await self._comes_to_rest(side)
        if side.is_blocked and not was:
            self._order = self._order[:-1] + "AB"[n]
        return not side.is_blocked

    async def _comes_to_rest(self, side: Side) -> bool:
        """Wait until a statement is done, or waits for a lock."""
        while not await side.rests(within_s=_PATIENCE_S):
            if await self._watcher.fetchval(_BLOCKED, side.pid):
                return False
        return True

    async def run(self, n: int, *, holds: bool = False) -> None:
        """Let one go as far as it can."""
        side = self.sides[n]
        while not side.is_over and not (holds and side.ends_next):
            if not await self.advance(n):
                return

    async def start(self, start: Start) -> None:
        """Let one do some statements, and the other come past what these have locked."""
        other = 1 - start.passing
        for _ in range(start.before):
            if self.sides[other].is_over or not await self.advance(other):
                break
        side = self.sides[start.passing]
        while not (side.is_over or any(PASSES_BY in each for each in side.begun)):
            if not await self.advance(start.passing):
                break

    async def finish(self, first: int) -> Played:
        """Let both go on to their ends, and say what came of it."""
        while not all(side.is_over for side in self.sides):
            await self.run(first)
            await self.run(1 - first)
        answers = [await _answer(side) for side in self.sides]
        state = await asyncio.create_task(_awaited(self._state))
        begun = (self.sides[0].begun, self.sides[1].begun)
        assert all(sum(each in ENDS for each in told) <= 1 for told in begun), "one transaction"
        return Played(
            told=msgspec.json.encode(Told((answers[0], answers[1]), state), order="sorted"),
            order=self._order,
            begun=begun,
        )


async def _answer(side: Side) -> object:
    """Give what a side was answered; a refusal is an answer, and what is an error says so."""
    try:
        return await side.task
    except (BillingRefusal, Refusal) as refusal:
        return f"refused: {refusal.code}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what came of it
        return f"error: {type(error).__name__}: {error}"


async def _awaited(work: Callable[[], Awaitable[object]]) -> object:
    """Await something in a task of its own."""
    return await work()


async def play(meeting: Meeting, cut: Cut, watcher: asyncpg.Connection) -> Played:
    """Play one order."""
    played = _Play(meeting, watcher)
    await played.begin()
    if cut.start is not None:
        await played.start(cut.start)
    for _ in range(cut.after):
        if played.sides[cut.lead].is_over or not await played.advance(cut.lead):
            break
    await played.run(1 - cut.lead, holds=cut.holds)
    await played.run(cut.lead, holds=cut.holds)
    return await played.finish(1 - cut.lead)


async def every(
    meet: Callable[[], Awaitable[Meeting]], watcher: asyncpg.Connection, *, most: int
) -> AsyncIterator[Played]:
    """Play all orders that there are, each in books of its own; no more than so many."""
    path: list[int] = []
    for _ in range(most):
        played, taken = await _follow(await meet(), path, watcher)
        yield played
        turns = [place for place, (n, was_free) in enumerate(taken) if n == 0 and was_free]
        if not turns:
            return
        path = [n for n, _ in taken[: turns[-1]]] + [1]


async def _follow(
    meeting: Meeting, path: list[int], watcher: asyncpg.Connection
) -> tuple[Played, list[tuple[int, bool]]]:
    """Play the order that begins with a path, then with side 0 wherever there is a choice.

    :returns: what was played, and at each step who went, and whether both could have.
    """
    played = _Play(meeting, watcher)
    await played.begin()
    taken: list[tuple[int, bool]] = []
    while not all(side.is_over for side in played.sides):
        for n, side in enumerate(played.sides):
            if side.is_blocked:
                await played.advance(n)
        free = [n for n, side in enumerate(played.sides) if not (side.is_over or side.is_blocked)]
        if free:
            n = path[len(taken)] if len(taken) < len(path) else free[0]
            assert n in free, "the same path meets the same locks"
            taken.append((n, len(free) == 2))  # noqa: PLR2004 - both
            await played.advance(n)
    return await played.finish(0), taken
