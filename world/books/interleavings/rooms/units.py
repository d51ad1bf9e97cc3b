"""Units: phones that hold some of an allocation, one that gave back, and who draws on it online."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billing.escrow import rules as terms
from billing.escrow import service as escrow
from billing.escrow.schemas import Ask, Lease, Promise
from billing.money import Money
from server.access import PLATFORM_TENANT
from server.benefits.escrow.rules import unit_ids
from server.kit import db, ids
from world.books.interleavings.pairs import Given, Move, Room, Scene
from world.books.interleavings.rooms.benefits import ProgramBooks
from world.books.interleavings.rooms.reading import do, rows
from world.books.trial import OPERATOR

_AMOUNT: Final = 100_00
_OVER: Final = terms.LEASED_FOR + terms.GRACE + timedelta(seconds=1)
_AT_ONCE: Final = 20
_STATE: Final = """
SELECT person_id = $2, state, recalled_at IS NOT NULL, count(*)::integer FROM escrow_unit
WHERE program_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class _Units(ProgramBooks):
    """An allocation of which one phone holds two units, and another has given one back."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.phone_id, self.other_id, self.request_id = (ids.new_id(given.now) for _ in range(3))
        self.unit_id = UUID(int=0)
        self.has_swept = False

    async def set_up(self) -> None:
        """Give the agent more, lease and give back."""
        # What other meetings have left is none of this one's.
        await do(self._sweep, self.given.now + 2 * _OVER)
        await super().set_up()
        await self.fund(ids.new_id(self.given.now), 8)
        await self.allocate(ids.new_id(self.given.now), 9)
        held = await self.lease(ids.new_id(self.given.now), self.phone_id, 2)
        self.unit_id = held.unit_ids[0]
        await self.lease(ids.new_id(self.given.now), self.other_id, 1)
        await self.give_units_back(self.other_id)

    async def lease(self, key: UUID, person_id: UUID, count: int) -> Lease:
        """Have a person's phone hold so many units."""
        async with db.tenant_transaction(self.given.agent_id):
            return await escrow.lease(
                self._ask(person_id, count),
                unit_ids=unit_ids(self.given.agent_id, key),
                group_id=ids.new_id(self.given.now),
                now=self.given.now,
            )

    def _ask(self, person_id: UUID, count: int) -> Ask:
        return Ask(
            agent_id=self.given.agent_id,
            program_id=self.program_id,
            person_id=person_id,
            device_id=person_id,
            count=count,
            amount=Money(_AMOUNT, "CNY"),
            until=self.given.now + terms.LEASED_FOR,
        )

    async def _leased(self, key: UUID, person_id: UUID, count: int) -> object:
        """Lease, and say how many the phone holds."""
        given = await self.lease(key, person_id, count)
        return [given.code, len(given.unit_ids)]

    async def give_units_back(self, person_id: UUID) -> object:
        """Have a phone give back what it has not promised."""
        async with db.tenant_transaction(self.given.agent_id):
            return (await escrow.give_back(self._ask(person_id, 0), now=self.given.now)).code

    async def promise(self, key: UUID, *, limit: int = 5) -> bool:
        """Promise the customer of a request, with the first unit."""
        async with db.tenant_transaction(self.given.agent_id):
            return await escrow.keep(
                Promise(
                    unit_id=self.unit_id,
                    key=key,
                    agent_id=self.given.agent_id,
                    program_id=self.program_id,
                    person_id=self.phone_id,
                    customer_token=self.phone_id.hex,
                    limit_per_customer=limit,
                    expires_at=None,
                ),
                now=self.given.now,
            )

    async def recall(self) -> int:
        """Have the owner call the first phone's units back."""
        async with db.tenant_transaction(self.given.agent_id):
            return await escrow.recall(
                self.given.agent_id, self.program_id, self.phone_id, now=self.given.now
            )

    async def release(self) -> None:
        """Release what was given back and what is over, as the worker does.

        It passes by what somebody is at, and takes it the next time: so how many it took is no
        answer, and it is done again before anybody looks.
        """
        self.has_swept = True
        await do(self._sweep, self.given.now + _OVER)

    async def _sweep(self, now: datetime) -> int:
        return await escrow.release(
            transfer_ids=[ids.new_id(self.given.now) for _ in range(_AT_ONCE)],
            owner_id=PLATFORM_TENANT,
            actor_id=OPERATOR.user_id,
            now=now,
        )

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        return {
            "lease": lambda key: self._leased(key, key, 2),
            "lease more": lambda key: self._leased(key, self.phone_id, 4),
            "promise": self.promise,
            "give units back": lambda _: self.give_units_back(self.phone_id),
            "call back": lambda _: self.recall(),
            "release": lambda _: self.release(),
            "issue": self.issue,
            "take back": lambda key: self.allocate(key, is_return=True),
        }

    async def state(self) -> object:
        """Give what became of units, benefits and accounts."""
        if self.has_swept:
            await self.release()
        return [await super().state(), await rows(_STATE, self.program_id, self.phone_id)]


async def _set_up(given: Given) -> Scene:
    made = _Units(given)
    await made.set_up()
    return Scene(made.moves, made.state)


UNITS: Final = Room(
    "units",
    (
        *("lease", "lease more", "promise", "give units back", "call back", "release"),
        *("issue", "take back"),
    ),
    _set_up,
)
