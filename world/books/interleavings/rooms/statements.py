"""Statements and the log: a month that is over, drawn up, with a dispute to be answered."""

from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from billing.plans.rules.clock import next_month
from billing.sealing import service as sealing
from billing.statements import queries, service
from billing.statements.rules import ZONE
from billing.statements.schemas import Answer, Dispute, NewStatement, Outcome, StatementView
from server.kit import db, ids
from world.books.interleavings.pairs import Given, Move, Room, Scene
from world.books.interleavings.rooms.benefits import BENEFITS
from world.books.interleavings.rooms.commissions import COMMISSIONS
from world.books.interleavings.rooms.reading import do, rows
from world.books.trial import KEY, OPERATOR

_OWNER: Final = UUID(int=7)
_STATE: Final = (
    "SELECT period::text, lines FROM statement WHERE agent_id = $1 ORDER BY 1",
    "SELECT n, said, outcome FROM statement_answer WHERE agent_id = $1 ORDER BY 1",
    "SELECT side FROM statement_signature WHERE agent_id = $1 ORDER BY 1",
)
_UNSEALED: Final = "SELECT count(*) FROM ledger_unsealed"


class _Statements:
    """The statement of an agent that has sold something; its first line is disputed."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.month: date = given.now.astimezone(ZONE).date().replace(day=1)
        over = next_month(self.month) + timedelta(days=1)
        self.over = datetime(over.year, over.month, over.day, 4, tzinfo=ZONE)
        self.drawn: StatementView

    async def set_up(self) -> None:
        """Sell something, seal it, draw the statement up and dispute a line."""
        await COMMISSIONS.set_up(self.given)
        await seal(self.given.now)
        self.drawn = await self._draw(ids.new_id(self.given.now), self.month)
        await self.own(service.dispute, Dispute(n=1, reason="不对"))

    async def own(self, work: Any, *given: Any) -> Any:
        """Have the owner do something with it."""
        async with db.tenant_transaction(self.given.agent_id):
            return await work(self.drawn.id, *given, actor_id=_OWNER, now=self.over)

    async def _draw(self, key: UUID, month: date) -> StatementView:
        new = NewStatement(
            id=key,
            agent_id=self.given.agent_id,
            period=month,
            currency="CNY",
            answer_days=15,
        )
        drawn, _ = await do(service.draw, new, actor_id=OPERATOR.user_id, now=self.over)
        return drawn

    async def draw(self, key: UUID) -> object:
        """Draw up the month before."""
        return (await self._draw(key, (self.month - timedelta(days=1)).replace(day=1))).lines

    async def draw_earlier(self, key: UUID) -> object:
        """Draw up a month of the year before."""
        return (await self._draw(key, self.month.replace(year=self.month.year - 1))).lines

    async def confirm(self, _: UUID) -> object:
        """Confirm the second line."""
        return (await self.own(service.confirm, [2]))[1]

    async def dispute(self, _: UUID) -> object:
        """Dispute the second line."""
        return (await self.own(service.dispute, Dispute(n=2, reason="少了")))[1]

    async def answer(self, _: UUID) -> object:
        """Answer the dispute about the first line."""
        said = Answer(outcome=Outcome.KEPT, note="核对无误")
        done = await do(
            service.answer, self.drawn.id, 1, said, actor_id=OPERATOR.user_id, now=self.over
        )
        return done[1]

    async def accept(self, _: UUID) -> object:
        """Sign for the agent."""
        return (await self.own(service.accept, self.drawn.hash))[1]

    async def sign(self, _: UUID) -> object:
        """Sign for the platform."""
        done = await do(
            *(service.sign, self.drawn.id, self.drawn.hash, KEY),
            actor_id=OPERATOR.user_id,
            now=self.over,
        )
        return done[1]

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        return {
            "draw": self.draw,
            "draw earlier": self.draw_earlier,
            "confirm": self.confirm,
            "dispute": self.dispute,
            "answer": self.answer,
            "accept": self.accept,
            "sign": self.sign,
        }

    async def state(self) -> object:
        """Give what was drawn up, and what was said of it."""
        found = await do(queries.statement, self.drawn.id)
        return [found.lines, [await rows(each, self.given.agent_id) for each in _STATE]]


async def seal(now: datetime) -> None:
    """Seal all that waits."""
    while await do(sealing.seal, KEY, now=now) is not None:
        pass


async def _set_up(given: Given) -> Scene:
    made = _Statements(given)
    await made.set_up()
    return Scene(made.moves, made.state)


async def _set_up_log(given: Given) -> Scene:
    """Have something that waits to be sealed, and nothing else."""
    await seal(given.now)
    await BENEFITS.set_up(given)

    async def move(_: UUID) -> object:
        head = await do(sealing.seal, KEY, now=given.now)
        return head is not None

    async def state() -> object:
        return await rows(_UNSEALED)

    return Scene({"seal": move}, state)


STATEMENTS: Final = Room(
    "statements",
    ("draw", "draw earlier", "confirm", "dispute", "answer", "accept", "sign"),
    _set_up,
)
LOG: Final = Room("log", ("seal",), _set_up_log)
