"""Budgets and benefits: a pool and an agent's part of it, both good for one more benefit."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from billing.budgets import rules as names
from billing.budgets import service as budgets
from billing.budgets.schemas import Allocation, Funding
from billing.issuance import service as issuance
from billing.issuance.schemas import Issue, Terms
from billing.money import Money
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Kind, Settled, Wish
from server.access import PLATFORM_TENANT
from server.kit import db, ids
from world.books.interleavings.pairs import Given, Move, Room, Scene
from world.books.interleavings.rooms.reading import balances, do, rows
from world.books.trial import OPERATOR

_AMOUNT: Final = 100_00
_LASTS: Final = timedelta(hours=12)
_STATE: Final = """
SELECT amount_minor, used_minor, released_minor, state FROM issuance WHERE program_id = $1
ORDER BY id = $2 DESC, state
"""
_ANSWERED: Final = """
SELECT kind, amount_minor, code FROM redemption WHERE issuance_id = $1 ORDER BY 1, 2, 3
"""


class ProgramBooks:
    """A program with 100 yuan left in the pool and 100 in the agent's part; one benefit is used."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.program_id, self.benefit_id, self.use_id = (ids.new_id(given.now) for _ in range(3))

    async def set_up(self) -> None:
        """Fund the program, give the agent its part, issue a benefit and use some of it."""
        await do(self._expire_all)
        await do(
            *(budgets.open_program, self.program_id),
            platform_id=PLATFORM_TENANT,
            currency="CNY",
            now=self.given.now,
        )
        await self.fund(ids.new_id(self.given.now), 3)
        await self.allocate(ids.new_id(self.given.now), 2)
        await self.issue(self.benefit_id, self.benefit_id)
        await self.wish(self.use_id, Kind.REDEEM, amount_minor=30_00)

    async def fund(self, key: UUID, times: int = 1, *, is_return: bool = False) -> str:
        """Put money in or take it out."""
        asked = Funding(
            key=key,
            program_id=self.program_id,
            amount=Money(times * _AMOUNT, "CNY"),
            is_return=is_return,
        )
        outcome = await do(
            *(budgets.fund, asked),
            transfer_id=ids.new_id(self.given.now),
            platform_id=PLATFORM_TENANT,
            actor_id=OPERATOR.user_id,
            now=self.given.now,
        )
        return outcome.code

    async def allocate(self, key: UUID, times: int = 1, *, is_return: bool = False) -> str:
        """Give the agent more, or take it back."""
        asked = Allocation(
            key=key,
            program_id=self.program_id,
            agent_id=self.given.agent_id,
            amount=Money(times * _AMOUNT, "CNY"),
            is_return=is_return,
        )
        outcome = await do(
            *(budgets.allocate, asked),
            transfer_id=ids.new_id(self.given.now),
            platform_id=PLATFORM_TENANT,
            actor_id=OPERATOR.user_id,
            now=self.given.now,
        )
        return outcome.code

    async def issue(self, key: UUID, issuance_id: UUID | None = None) -> str:
        """Issue a benefit to a customer of whom the program knows nothing yet."""
        row = Issue(
            key=key,
            id=issuance_id or ids.new_id(self.given.now),
            agent_id=self.given.agent_id,
            customer_token=key.hex,
            amount=Money(_AMOUNT, "CNY"),
        )
        terms = Terms(program_id=self.program_id, expires_at=self.given.now + _LASTS)
        async with db.tenant_transaction(self.given.agent_id):
            [answer] = await issuance.issue(
                terms,
                [row],
                group_id=ids.new_id(self.given.now),
                actor_id=OPERATOR.user_id,
                now=self.given.now,
            )
        return answer.code

    async def wish(
        self, key: UUID, kind: Kind, *, amount_minor: int | None = None, of_id: UUID | None = None
    ) -> list[object]:
        """Have something done with the benefit."""
        asked = Wish(
            key=key,
            kind=kind,
            issuance_id=self.benefit_id,
            amount_minor=amount_minor,
            of_id=of_id,
        )
        settled = await do(self._settle, asked)
        return [settled.code, settled.amount_minor]

    async def _settle(self, asked: Wish) -> Settled:
        return await redemptions.settle(
            asked,
            transfer_ids=[ids.new_id(self.given.now) for _ in range(redemptions.IDS)],
            owner_id=PLATFORM_TENANT,
            actor_id=OPERATOR.user_id,
            now=self.given.now + (_LASTS if asked.kind is Kind.EXPIRE else timedelta()),
        )

    async def _expire_all(self) -> int:
        """Let all end whose time is over, as the worker does."""
        over = await redemptions.lapsed(now=self.given.now + _LASTS, limit=50)
        for each in over:
            await redemptions.settle(
                Wish(key=ids.new_id(self.given.now), kind=Kind.EXPIRE, issuance_id=each),
                transfer_ids=[ids.new_id(self.given.now) for _ in range(redemptions.IDS)],
                owner_id=PLATFORM_TENANT,
                actor_id=OPERATOR.user_id,
                now=self.given.now + _LASTS,
            )
        return len(over)

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        return {
            "fund": self.fund,
            "return": lambda key: self.fund(key, is_return=True),
            "allocate": self.allocate,
            "give back": lambda key: self.allocate(key, is_return=True),
            "issue": self.issue,
            "redeem": lambda key: self.wish(key, Kind.REDEEM, amount_minor=50_00),
            "roll back": lambda key: self.wish(key, Kind.ROLL_BACK, of_id=self.use_id),
            "revoke": lambda key: self.wish(key, Kind.REVOKE),
            "expire": lambda _: do(self._expire_all),
        }

    async def state(self) -> object:
        """Give what stands on the accounts, and what became of the benefits."""
        agent_id = self.given.agent_id
        accounts = [
            names.program_budget(self.program_id, "CNY"),
            names.agent_budget(self.program_id, agent_id, "CNY"),
            names.issued_account(self.program_id, agent_id, "CNY"),
        ]
        return [
            await balances(accounts),
            await rows(_STATE, self.program_id, self.benefit_id),
            await rows(_ANSWERED, self.benefit_id),
        ]


async def _set_up(given: Given) -> Scene:
    made = ProgramBooks(given)
    await made.set_up()
    return Scene(made.moves, made.state)


BENEFITS: Final = Room(
    "benefits",
    ("fund", "return", "allocate", "give back", "issue", "redeem", "roll back", "revoke", "expire"),
    _set_up,
)
