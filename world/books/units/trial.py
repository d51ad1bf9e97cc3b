"""Play a plan of units against a real PostgreSQL: phones at once, retries, kills."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from billing.budgets import service as budgets
from billing.budgets.schemas import Allocation, Funding
from billing.escrow import rules
from billing.escrow import service as escrow
from billing.escrow.schemas import Ask, Lease, Promise
from billing.issuance import service as issuance
from billing.issuance.schemas import Issue, IssueCode, Terms
from billing.money import Money
from server.access import PLATFORM_TENANT
from server.kit import db, ids
from world.books.killer import BROKEN, Killer
from world.books.trial import OPERATOR
from world.books.units.plan import AMOUNT, Doing, Kind, Plan

T = TypeVar("T")
_TRIES_MAX: Final = 200
_LIMIT: Final = 1


class Promised(msgspec.Struct, frozen=True):
    """A promise, and what its phone knew and heard."""

    unit_id: UUID
    key: UUID
    is_sure: bool
    """The phone held the unit for certain: nobody could have released it."""
    is_kept: bool
    """It was told so."""


class Played(msgspec.Struct):
    """What happened: every promise, and how much went wrong."""

    promised: list[Promised] = []
    issued: set[UUID] = set()
    """Keys of benefits that were issued without a unit."""
    attempts: int = 0
    broken: int = 0


class Phone:
    """A phone: does one thing after the other, and knows what it was told."""

    def __init__(
        self, plan: Plan, phone_id: UUID, played: Played, killer: Killer, now: datetime
    ) -> None:
        self._plan, self._id, self._played = plan, phone_id, played
        self._killer, self._now = killer, now
        self._held: dict[UUID, datetime] = {}
        """By unit, until when it was leased."""
        self._named: list[UUID] = []

    async def do(self, doing: Doing) -> None:
        """Do one thing."""
        match doing.kind:
            case Kind.LEASE:
                leases = await self._send(doing, lambda: self._lease(doing), twins=1)
                self._held |= {
                    unit: max(doing.until, self._held.get(unit, doing.until))
                    for unit in leases[0].unit_ids
                    if unit not in self._named
                }
            case Kind.GIVE_BACK:
                self._held = {}
                await self._send(doing, lambda: self._give_back(doing), twins=1)
            case Kind.PROMISE if self._held:
                unit_id = min(self._held)
                until = self._held.pop(unit_id)
                self._named.append(unit_id)
                await self._promise(doing, unit_id, is_sure=until > self._now)
            case Kind.PROMISE_AGAIN if self._named:
                await self._promise(doing, self._named[-1], is_sure=False)
            case Kind.ISSUE:
                [*answers] = await self._send(doing, lambda: self._issue(doing))
                if any(code is IssueCode.ISSUED for code in answers):
                    self._played.issued.add(doing.key)
            case Kind.SWEEP:
                await self._send(doing, self._sweep, of_platform=True)
            case _:
                pass

    async def _promise(self, doing: Doing, unit_id: UUID, *, is_sure: bool) -> None:
        """Promise, as often as it is sent."""
        answers = await self._send(doing, lambda: self._keep(doing, unit_id))
        self._played.promised.append(
            Promised(unit_id, doing.key, is_sure=is_sure, is_kept=any(answers))
        )

    async def _lease(self, doing: Doing) -> Lease:
        made = [ids.new_id(self._now) for _ in range(rules.UNITS_MAX)]
        group_id = ids.new_id(self._now)
        return await escrow.lease(self._ask(doing), unit_ids=made, group_id=group_id, now=self._now)

    async def _give_back(self, doing: Doing) -> Lease:
        return await escrow.give_back(self._ask(doing), now=self._now)

    def _ask(self, doing: Doing) -> Ask:
        return Ask(
            agent_id=self._plan.agent_id,
            program_id=self._plan.program_id,
            person_id=self._id,
            device_id=self._id,
            count=doing.count,
            amount=Money(AMOUNT, "CNY"),
            until=doing.until,
        )

    async def _keep(self, doing: Doing, unit_id: UUID) -> bool:
        promise = Promise(
            unit_id=unit_id,
            key=doing.key,
            agent_id=self._plan.agent_id,
            program_id=self._plan.program_id,
            person_id=self._id,
            customer_token=doing.key.hex,
            limit_per_customer=_LIMIT,
            expires_at=None,
        )
        return await escrow.keep(promise, now=self._now)

    async def _issue(self, doing: Doing) -> IssueCode:
        row = Issue(
            key=doing.key,
            id=ids.new_id(self._now),
            agent_id=self._plan.agent_id,
            customer_token=doing.key.hex,
            amount=Money(AMOUNT, "CNY"),
        )
        terms = Terms(program_id=self._plan.program_id)
        [answer] = await issuance.issue(
            terms, [row], group_id=row.id, actor_id=self._id, now=self._now
        )
        return answer.code

    async def _sweep(self) -> int:
        return await escrow.release(
            transfer_ids=[ids.new_id(self._now) for _ in range(20)],
            owner_id=PLATFORM_TENANT,
            actor_id=OPERATOR.user_id,
            now=self._now,
        )

    async def _send(
        self,
        doing: Doing,
        attempt: Callable[[], Awaitable[T]],
        *,
        twins: int | None = None,
        of_platform: bool = False,
    ) -> list[T]:
        """Send something, perhaps several times at once, each until it is answered."""

        def door() -> Any:
            if of_platform:
                return db.platform_transaction(OPERATOR)
            return db.tenant_transaction(self._plan.agent_id)

        async def once() -> T:
            for number in range(_TRIES_MAX):
                self._played.attempts += 1
                try:
                    async with door() as opened:
                        answer = await attempt()
                        if number < doing.dies:
                            await self._killer.end(opened)
                except BROKEN:
                    self._played.broken += 1
                    continue
                return answer
            raise RuntimeError("a phone was not answered however often it asked")

        return list(await asyncio.gather(*(once() for _ in range(twins or doing.twins))))


async def play(plan: Plan, killer: Killer, *, now: datetime) -> Played:
    """Allocate, and let all phones do what they do at the same time."""
    await _allocate(plan, now)
    played = Played(promised=[], issued=set())

    async def carried(phone_id: UUID, doings: list[Doing]) -> None:
        phone = Phone(plan, phone_id, played, killer, now)
        for doing in doings:
            await phone.do(doing)

    phones: Mapping[UUID, list[Doing]] = plan.phones
    await asyncio.gather(*(carried(phone_id, doings) for phone_id, doings in phones.items()))
    return played


async def _allocate(plan: Plan, now: datetime) -> None:
    """Fund the program, and give all of it to the agent."""
    begun = now - timedelta(days=3)
    amount = Money(plan.allocated * AMOUNT, "CNY")
    async with db.platform_transaction(OPERATOR):
        await budgets.open_program(
            plan.program_id, platform_id=PLATFORM_TENANT, currency="CNY", now=begun
        )
        about: dict[str, Any] = {
            "platform_id": PLATFORM_TENANT,
            "actor_id": OPERATOR.user_id,
            "now": begun,
        }
        fund = Funding(key=ids.new_id(begun), program_id=plan.program_id, amount=amount)
        await budgets.fund(fund, transfer_id=ids.new_id(begun), **about)
        share = Allocation(
            key=ids.new_id(begun),
            program_id=plan.program_id,
            agent_id=plan.agent_id,
            amount=amount,
        )
        await budgets.allocate(share, transfer_id=ids.new_id(begun), **about)
