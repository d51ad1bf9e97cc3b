"""A year of one allocation: phones lease, promise and go silent day by day, beside a plain count.

Nothing here meets by chance and nobody is killed: that is the trial's. A year sees what a moment
does not: what is promised on the last day, what is over, what was given back and stands until the
night, what comes weeks late, and whether the sum of it all stays what was allocated.
"""

import random
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.budgets import rules as names
from billing.budgets import service as budgets
from billing.budgets.schemas import Allocation, Funding
from billing.escrow import queries as escrow_queries
from billing.escrow import service as escrow
from billing.escrow.schemas import Ask, Promise
from billing.issuance import service as issuance
from billing.issuance.schemas import Issue, IssueCode, Terms
from billing.ledger import queries as ledger
from billing.money import Money
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Kind, Wish
from server.access import PLATFORM_TENANT
from server.kit import db, ids
from world.books.trial import OPERATOR

DAYS: Final = 365
AMOUNT: Final = 100
_PHONES: Final = 5
_PART: Final = 30
"""Of a benefit, used at once."""
_GIVES_BACK, _GOES_AWAY, _PROMISES, _SETTLES, _USES = 0.1, 0.2, 0.3, 0.05, 0.8
"""How likely each is, of what may happen on a day."""
# What the books promise, said once more: they are not asked for it.
_PROMISED_FOR: Final = timedelta(hours=72)
_KEPT_FOR: Final = timedelta(hours=24)
_ON_ONE: Final = 20
_STATES: Final = "SELECT id, state FROM escrow_unit WHERE program_id = $1"
_OPEN: Final = """
SELECT id, amount_minor - used_minor - released_minor AS open_minor FROM issuance
WHERE program_id = $1
"""


class Unit(msgspec.Struct):
    """A unit, as whoever counts along knows it."""

    phone_id: UUID
    until: datetime
    state: str = "held"
    named_at: datetime | None = None
    """When its phone promised it; the promise may still be on its way."""


class Benefit(msgspec.Struct):
    """What is left of a benefit."""

    open_minor: int = AMOUNT
    used_minor: int = 0


class Year:
    """One company's year, and what must stand in the books each night."""

    def __init__(self, seed: int, *, begins_at: datetime) -> None:
        self._fortune = random.Random(seed)
        self.now = begins_at
        self.program_id, self.agent_id = self._new_id(), self._new_id()
        self._phones = [self._new_id() for _ in range(_PHONES)]
        self._back_at = dict.fromkeys(self._phones, begins_at)
        """By phone, when it is back from where there is no network."""
        self._units: dict[UUID, Unit] = {}
        self._benefits: dict[UUID, Benefit] = {}
        self._allocated_minor = 0
        self.found: list[str] = []
        self.kept = self.late = self.swept = 0

    def _new_id(self) -> UUID:
        return ids.from_random(self.now, random.SystemRandom())

    # ------------------------------------------------------------------------- the plain count

    @property
    def _standing(self) -> list[Unit]:
        return [each for each in self._units.values() if each.state in {"held", "given_back"}]

    @property
    def _held_minor(self) -> int:
        """Give what is kept from everybody: by phones and by benefits that are not used."""
        is_open = sum(each.open_minor for each in self._benefits.values())
        return len(self._standing) * AMOUNT + is_open

    @property
    def _available_minor(self) -> int:
        used = sum(each.used_minor for each in self._benefits.values())
        return self._allocated_minor - self._held_minor - used

    def _of(self, phone_id: UUID, state: str) -> dict[UUID, Unit]:
        return {
            unit_id: each
            for unit_id, each in self._units.items()
            if (each.phone_id, each.state) == (phone_id, state)
        }

    # ------------------------------------------------------------------------------ what is done

    async def play(self, days: int = DAYS) -> None:
        """Let the days pass; what is not as it should be is in `found`."""
        async with db.platform_transaction(OPERATOR):
            await budgets.open_program(
                self.program_id, platform_id=PLATFORM_TENANT, currency="CNY", now=self.now
            )
        for day in range(days):
            if day % 30 == 0:
                await self._allocate(self._fortune.randint(10, 60))
            for phone_id in self._phones:
                if self._back_at[phone_id] <= self.now:
                    await self._comes_online(phone_id)
                self._promises_offline(phone_id)
            await self._at_the_desk()
            self.now += timedelta(hours=self._fortune.choice([23, 24, 25]))
            await self._night(day)

    async def _allocate(self, benefits: int) -> None:
        amount = Money(benefits * AMOUNT, "CNY")
        about: dict[str, Any] = {
            "platform_id": PLATFORM_TENANT,
            "actor_id": OPERATOR.user_id,
            "now": self.now,
        }
        async with db.platform_transaction(OPERATOR):
            fund = Funding(key=self._new_id(), program_id=self.program_id, amount=amount)
            await budgets.fund(fund, transfer_id=self._new_id(), **about)
            share = Allocation(
                key=self._new_id(),
                program_id=self.program_id,
                agent_id=self.agent_id,
                amount=amount,
            )
            await budgets.allocate(share, transfer_id=self._new_id(), **about)
        self._allocated_minor += amount.amount_minor

    async def _comes_online(self, phone_id: UUID) -> None:
        """Tell what was promised, then renew, give back or ask for more, and perhaps go away."""
        for unit_id, unit in list(self._units.items()):
            if unit.phone_id == phone_id and unit.named_at is not None and unit.state != "promised":
                await self._keep(unit_id, unit)
        if self._fortune.random() < _GIVES_BACK:
            await self._give_back(phone_id)
        else:
            await self._lease(phone_id, self._fortune.randint(1, 8))
        if self._fortune.random() < _GOES_AWAY:
            self._back_at[phone_id] = self.now + timedelta(days=self._fortune.randint(1, 12))

    def _promises_offline(self, phone_id: UUID) -> None:
        """Name some of what is held, at a moment of the day while that may be promised."""
        for unit in self._of(phone_id, "held").values():
            may = unit.named_at is None and unit.until > self.now
            if may and self._fortune.random() < _PROMISES:
                unit.named_at = self.now

    async def _keep(self, unit_id: UUID, unit: Unit) -> None:
        async with db.tenant_transaction(self.agent_id):
            is_kept = await escrow.keep(
                Promise(
                    unit_id=unit_id,
                    key=self._new_id(),
                    agent_id=self.agent_id,
                    program_id=self.program_id,
                    person_id=unit.phone_id,
                    customer_token=self._new_id().hex,
                    limit_per_customer=1,
                    expires_at=None,
                ),
                now=self.now,
            )
        if is_kept != (unit.state == "held"):
            self.found.append(f"a promise of a unit that is {unit.state} was kept: {is_kept}")
        if is_kept:
            self._benefits[unit_id] = Benefit()
            unit.state = "promised"
            self.kept += 1
        else:
            unit.named_at = None
            self.late += 1

    def _ask(self, phone_id: UUID, count: int) -> Ask:
        return Ask(
            agent_id=self.agent_id,
            program_id=self.program_id,
            person_id=phone_id,
            device_id=phone_id,
            count=count,
            amount=Money(AMOUNT, "CNY"),
            until=self.now + _PROMISED_FOR,
        )

    async def _lease(self, phone_id: UUID, count: int) -> None:
        mine = self._of(phone_id, "held")
        gone = len(self._of(phone_id, "given_back"))
        standing = len(self._standing)
        half = (self._available_minor + standing * AMOUNT) // 2 - standing * AMOUNT
        more = max(0, min(count - len(mine), _ON_ONE - len(mine) - gone, half // AMOUNT))
        made = [self._new_id() for _ in range(_ON_ONE)]
        async with db.tenant_transaction(self.agent_id):
            given = await escrow.lease(
                self._ask(phone_id, count), unit_ids=made, group_id=self._new_id(), now=self.now
            )
        if not mine.keys() <= {*given.unit_ids} or len(given.unit_ids) != len(mine) + more:
            self.found.append(f"{self.now}: {len(given.unit_ids)} units, not {len(mine)} + {more}")
        for unit_id in given.unit_ids:
            unit = self._units.setdefault(unit_id, Unit(phone_id, self.now))
            unit.until = self.now + _PROMISED_FOR

    async def _give_back(self, phone_id: UUID) -> None:
        async with db.tenant_transaction(self.agent_id):
            await escrow.give_back(self._ask(phone_id, 0), now=self.now)
        for unit in self._of(phone_id, "held").values():
            unit.state = "given_back"

    async def _at_the_desk(self) -> None:
        """Issue online, and use or withdraw what customers have."""
        for _ in range(self._fortune.randint(0, 2)):
            await self._issue()
        for benefit_id, benefit in self._benefits.items():
            if benefit.open_minor and self._fortune.random() < _SETTLES:
                is_used = self._fortune.random() < _USES
                await self._settle(benefit_id, benefit, is_used=is_used)

    async def _issue(self) -> None:
        row = Issue(
            key=self._new_id(),
            id=self._new_id(),
            agent_id=self.agent_id,
            customer_token=self._new_id().hex,
            amount=Money(AMOUNT, "CNY"),
        )
        async with db.tenant_transaction(self.agent_id):
            [answer] = await issuance.issue(
                Terms(program_id=self.program_id),
                [row],
                group_id=row.id,
                actor_id=OPERATOR.user_id,
                now=self.now,
            )
        is_issued = answer.code is IssueCode.ISSUED
        if is_issued != (self._available_minor >= AMOUNT):
            self.found.append(f"{self.now}: {answer.code} with {self._available_minor} available")
        if is_issued:
            self._benefits[row.id] = Benefit()

    async def _settle(self, benefit_id: UUID, benefit: Benefit, *, is_used: bool) -> None:
        amount = min(_PART, benefit.open_minor) if is_used else benefit.open_minor
        wish = Wish(
            key=self._new_id(),
            kind=Kind.REDEEM if is_used else Kind.REVOKE,
            issuance_id=benefit_id,
            amount_minor=amount,
        )
        async with db.platform_transaction(OPERATOR):
            settled = await redemptions.settle(
                wish,
                transfer_ids=[self._new_id() for _ in range(redemptions.IDS)],
                owner_id=PLATFORM_TENANT,
                actor_id=OPERATOR.user_id,
                now=self.now,
            )
        if settled.code != "recorded":
            self.found.append(f"{self.now}: {wish.kind} of {amount} was {settled.code}")
        benefit.open_minor -= amount
        benefit.used_minor += amount * is_used

    async def _night(self, day: int) -> None:
        """Sweep, and compare all that stands with the count."""
        released = 1
        while released:
            async with db.platform_transaction(OPERATOR):
                released = await escrow.release(
                    transfer_ids=[self._new_id() for _ in range(100)],
                    owner_id=PLATFORM_TENANT,
                    actor_id=OPERATOR.user_id,
                    now=self.now,
                )
        for unit in self._standing:
            if unit.state == "given_back" or unit.until + _KEPT_FOR <= self.now:
                unit.state = "released"
                self.swept += 1
        await self._compare(day)

    async def _compare(self, day: int) -> None:
        """Look whether available, held and issued are what was allocated, and which ones."""
        account_id = names.agent_budget(self.program_id, self.agent_id, "CNY")
        async with db.platform_transaction(OPERATOR):
            own = (await ledger.balances([account_id]))[account_id]
            states = dict(await db.connection().fetch(_STATES, self.program_id))
            left = dict(await db.connection().fetch(_OPEN, self.program_id))
            wrong = await escrow_queries.contradictions() if day % 30 == 0 else []
        self.found += [f"day {day}: {each}" for each in wrong]
        for what, stands, counted in (
            ("available", own.available_minor, self._available_minor),
            ("held", own.debits_pending, self._held_minor),
            ("units", states, {unit: each.state for unit, each in self._units.items()}),
            ("benefits", left, {key: each.open_minor for key, each in self._benefits.items()}),
        ):
            if stands != counted:
                self.found.append(f"day {day}: {what} are {stands}, counted {counted}")
