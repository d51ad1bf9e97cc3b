"""Play a plan against a real PostgreSQL: callers at once, retries, killed connections, a sealer."""

import asyncio
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billing.ledger import service as ledger
from billing.ledger.schemas import Code, Journal, Outcome
from billing.sealing import service as sealing
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.kit import db
from world.books import plan as plans
from world.books.killer import BROKEN, Killer
from world.books.plan import Order, Plan

OPERATOR: Final = Actor(
    user_id=PLATFORM_TENANT,
    tenant_id=PLATFORM_TENANT,
    role=Role.PLATFORM_OPERATOR,
    scope=Scope.TENANT,
    name="soak",
)
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
_CALLERS: Final = 8
_ALTERED: Final = "something else"
_TRIES_MAX: Final = 200


class Answer(msgspec.Struct, frozen=True):
    """What one attempt was told, after its commit."""

    journal: Journal
    outcome: Outcome
    is_altered: bool


class Played(msgspec.Struct):
    """What happened: every attempt by its group, every answer, and what went wrong."""

    attempts: dict[UUID, Journal] = {}
    answers: list[Answer] = []
    broken: int = 0


class Trial:
    """One plan being played."""

    def __init__(self, plan: Plan, killer: Killer, *, now: datetime) -> None:
        self.plan = plan
        self.now = now
        self.played = Played(attempts={}, answers=[])
        self._killer = killer
        self._ids = random.SystemRandom()
        self._known: dict[UUID, UUID] = {}

    async def play(self) -> Played:
        """Open the accounts, fund them, and let callers take orders until there are none left."""
        async with db.platform_transaction(OPERATOR):
            await ledger.open_accounts(self.plan.accounts, now=self.now)
        for journal in self.plan.funding:
            await self._send(journal, is_altered=False, dies=0)
        orders = iter(self.plan.orders)
        is_over = asyncio.Event()
        sealer = asyncio.create_task(self._seal(is_over))
        try:
            await asyncio.gather(*(self._call(orders) for _ in range(_CALLERS)))
        finally:
            is_over.set()
            await sealer
        return self.played

    async def _call(self, orders: Iterator[Order]) -> None:
        """Take one order after the other; all callers share the iterator."""
        for order in orders:
            journal = plans.naming(order.journal, self._known)
            sends = [
                self._send(journal, is_altered=False, dies=order.dies) for _ in range(order.twins)
            ]
            if order.is_altered:
                altered = msgspec.structs.replace(journal, reason=_ALTERED)
                sends.append(self._send(altered, is_altered=True, dies=0))
            await asyncio.gather(*sends)

    async def _send(self, journal: Journal, *, is_altered: bool, dies: int) -> None:
        """Send a journal until it is answered, each time under new ids but the first."""
        attempt = journal
        if journal.group_id in self.played.attempts:
            attempt = plans.again(journal, self._ids)
        for number in range(_TRIES_MAX):
            self.played.attempts[attempt.group_id] = attempt
            try:
                outcome = await self._once(attempt, is_dying=number < dies)
            except BROKEN:
                self.played.broken += 1
                attempt = plans.again(journal, self._ids)
                continue
            self.played.answers.append(Answer(attempt, outcome, is_altered))
            self._learn(journal, outcome)
            return
        raise RuntimeError("an order was not answered however often it was sent")

    def _learn(self, journal: Journal, outcome: Outcome) -> None:
        """Note under which ids the transfers of a plan were recorded, for who settles them."""
        if outcome.code is Code.RECORDED:
            made = self.played.attempts[outcome.group_id]
            for drawn, recorded in zip(journal.transfers, made.transfers, strict=True):
                self._known[drawn.id] = recorded.id

    async def _once(self, journal: Journal, *, is_dying: bool) -> Outcome:
        """Record, and lose the backend before the commit if it is to die."""
        async with db.platform_transaction(OPERATOR) as opened:
            outcome = await ledger.record(journal, now=self.now)
            if is_dying:
                await self._killer.end(opened)
        return outcome

    async def _seal(self, is_over: asyncio.Event) -> None:
        """Seal while others write, and what is left when they are done."""
        is_last = False
        while True:
            try:
                async with db.platform_transaction(OPERATOR):
                    head = await sealing.seal(KEY, now=self.now, transfers_max=7)
            except BROKEN:
                continue
            if head is None:
                if is_last:
                    return
                is_last = is_over.is_set()
                await asyncio.sleep(0)
