"""Batches: one that waits for the platform, and one that is approved and not issued yet."""

from typing import Final
from uuid import UUID

from server.access import Actor, Role, Scope
from server.benefits import service as programs
from server.benefits.batches import service as batches
from server.benefits.batches.schemas import Approval, BatchRefusal, NewBatch, Outcomes, Withdraw
from server.benefits.schemas import NewProgram
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.kit import db, ids
from server.tenants import service as tenants
from world.books.interleavings.pairs import Given, Move, Room, Scene
from world.books.interleavings.rooms.benefits import ProgramBooks
from world.books.interleavings.rooms.reading import rows
from world.books.trial import OPERATOR

_AMOUNT: Final = 100_00
_STATE: Final = """
SELECT id = $2, id = $3, state, rows, open_rows, amount_minor, content_hash = approved_hash
FROM benefit_batch WHERE program_id = $1 ORDER BY 1, 2, made_at
"""
_ROWS: Final = """
SELECT place, code, customer_id IS NULL FROM benefit_batch_row
WHERE tenant_id = $1 AND batch_id = $2 ORDER BY place
"""
_TOLD: Final = "SELECT count(*) FROM outbox WHERE payload ->> 'id' = $1"


class _Batches(ProgramBooks):
    """A program with enough for one benefit more, and two batches of two customers each."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.waiting: Outcomes
        self.approved: Outcomes
        self.customers: list[UUID] = []
        self.owner = Actor(
            user_id=ids.new_id(given.now),
            tenant_id=given.agent_id,
            role=Role.AGENT_OWNER,
            scope=Scope.TENANT,
            name="owner",
        )

    async def set_up(self) -> None:
        """Found the company, add its customers, and make both batches."""
        now, agent_id = self.given.now, self.given.agent_id
        name = f"代理商 {agent_id.hex[-6:]}"
        await tenants.provision(agent_id, name=name, short_name="代理商", city="杭州", now=now)
        new = NewProgram(id=self.program_id, name="进货券", amount_minor=_AMOUNT, opens_at=now)
        await programs.create_program(OPERATOR, new, token_key=bytes(32), now=now)
        await super().set_up()
        for n in range(2):
            made = await customers.create(self.owner, NewCustomer(name=f"商店 {n}"), now=now)
            self.customers.append(made.id)
        self.waiting, self.approved = [await self._made(ids.new_id(now)) for _ in range(2)]
        await self.approve(self.approved)

    async def _made(self, key: UUID) -> Outcomes:
        new = NewBatch(id=key, program_id=self.program_id, customers=self.customers)
        return await batches.submit(self.owner, new, now=self.given.now)

    async def submit(self, key: UUID) -> object:
        """Make one more."""
        return _seen(await self._made(key))

    async def withdraw(self, batch: Outcomes) -> object:
        """Take the second row out."""
        done = await batches.withdraw(
            self.owner, batch.batch.id, Withdraw(places=[2]), now=self.given.now
        )
        return _seen(done)

    async def approve(self, batch: Outcomes) -> object:
        """Approve a batch as it was made."""
        seen = Approval(content_hash=batch.batch.content_hash)
        return (await batches.approve(OPERATOR, batch.batch.id, seen, now=self.given.now)).state

    async def refuse(self, batch: Outcomes) -> object:
        """Decline a batch."""
        why = BatchRefusal(reason="名单有误")
        return (await batches.refuse(OPERATOR, batch.batch.id, why, now=self.given.now)).state

    async def issue_some(self) -> object:
        """Issue what was approved, as the worker does."""
        return await batches.issue_some(
            self.given.agent_id, self.approved.batch.id, now=self.given.now
        )

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        return {
            "make batch": self.submit,
            "withdraw rows": lambda _: self.withdraw(self.waiting),
            "withdraw approved rows": lambda _: self.withdraw(self.approved),
            "approve batch": lambda _: self.approve(self.waiting),
            "decline batch": lambda _: self.refuse(self.waiting),
            "issue rows": lambda _: self.issue_some(),
            "issue": self.issue,
        }

    async def state(self) -> object:
        """Give what became of batches, their rows and the books."""
        made = (self.waiting.batch.id, self.approved.batch.id)
        return [
            await super().state(),
            await rows(_STATE, self.program_id, *made),
            [await self._rows(each) for each in made],
            [await _told(each) for each in made],
        ]

    async def _rows(self, batch_id: UUID) -> object:
        """Give what came of the rows of a batch."""
        async with db.tenant_transaction(self.given.agent_id):
            found = await db.connection().fetch(_ROWS, self.given.agent_id, batch_id)
        return [list(row) for row in found]


async def _told(batch_id: UUID) -> object:
    """Say how often the worker was told to issue a batch."""
    async with db.job_transaction():
        return await db.connection().fetchval(_TOLD, str(batch_id))


def _seen(batch: Outcomes) -> object:
    """Say how a batch stands."""
    return [batch.batch.state, batch.batch.open_rows, sorted(batch.outcomes.items())]


async def _set_up(given: Given) -> Scene:
    made = _Batches(given)
    await made.set_up()
    return Scene(made.moves, made.state)


BATCHES: Final = Room(
    "batches",
    (
        *("make batch", "withdraw rows", "withdraw approved rows", "approve batch"),
        *("decline batch", "issue rows", "issue"),
    ),
    _set_up,
)
