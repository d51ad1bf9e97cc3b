"""Commissions: an agent whose sales are held, earned, in a draft, and on their way to the bank."""

from datetime import date, timedelta
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions import paying, queries
from billing.commissions import service as commissions
from billing.commissions.books import Books
from billing.commissions.rules import accounts
from billing.commissions.rules.payouts import PaymentState
from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.rules.shares import Seller
from billing.commissions.schemas import BatchView, Correction, PaymentView, Refund, Sale
from server.access import PLATFORM_TENANT
from server.kit import ids
from world.books.interleavings.pairs import Given, Move, Room, Scene
from world.books.interleavings.rooms.reading import balances, do, rows
from world.books.trial import OPERATOR

_CHECKER: Final = UUID(int=8)
_WHY: Final = "户名不符"
"""The bank did not pay, or gave back."""
_LINES: Final = """
SELECT line.state, line.amount_minor, sale.sold, sale.refunded FROM commission_line line
JOIN commission_sale sale ON sale.id = line.sale_id WHERE line.agent_id = $1 ORDER BY 1, 2, 3, 4
"""
_ITEMS: Final = """
SELECT kind, amount_minor, (
    SELECT count(*) FROM payout_item claim WHERE claim.item_id = item.id AND claim.is_live
) FROM commission_item item WHERE agent_id = $1 ORDER BY 1, 2, 3
"""
_PAYMENTS: Final = """
SELECT state, amount_minor, (
    SELECT count(*) FROM payout_item claim WHERE claim.payment_id = payment.id
) FROM payout_payment payment WHERE agent_id = $1 ORDER BY 1, 2, 3
"""
_VERSIONS: Final = "SELECT count(*) FROM commission_plan_version WHERE plan_id = $1"


class _Commissions:
    """What an agent has sold, at ten per cent and twenty from 5,000 yuan on."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.on = given.now.date()
        self.plan_id = self.new_id()
        self.free_id = self.new_id()
        self.drafted: BatchView
        self.payment: PaymentView
        self.before: list[list[int]] = []

    def new_id(self) -> UUID:
        """Make an id."""
        return ids.new_id(self.given.now)

    def books(self, actor_id: UUID = OPERATOR.user_id) -> Books:
        """Say who keeps the books, and when."""
        return Books(platform_id=PLATFORM_TENANT, actor_id=actor_id, now=self.given.now)

    async def set_up(self) -> None:
        """Sell four times: one sale is paid out, one in a draft, one earned, and one still held."""
        await do(commissions.earn_due, self.new_id(), self.on, self.books())
        await do(paying.make_batch, self.new_id(), self.books(), minimum_minor=1)
        await self.publish(self.plan_id, self.on.replace(day=1))
        gone = await self._paid_out(self.new_id())
        await do(paying.approve, gone.id, gone.hash, self.books(_CHECKER))
        self.payment = gone.payments[0]
        self.drafted = await self._paid_out(self.new_id())
        await self.sell(self.free_id)
        await self.earn(self.new_id())
        await self.sell(self.new_id())
        self.before = await self._balances()

    async def _paid_out(self, sale_id: UUID) -> BatchView:
        """Sell something, and put a payout of it together."""
        await self.sell(sale_id)
        await self.earn(self.new_id())
        return await do(paying.make_batch, self.new_id(), self.books(), minimum_minor=1)

    async def publish(self, key: UUID, begins_on: date | None = None) -> bool:
        """Publish a version of the plan."""
        version = PlanVersion(
            id=key,
            plan_id=self.plan_id,
            begins_on=begins_on or self.on + timedelta(days=40),
            currency="CNY",
            measure=Measure.REVENUE,
            tiers=[Tier(at_least=0, rate=100_000), Tier(at_least=5_000_00, rate=200_000)],
            hold_days=0,
        )
        return await do(commissions.publish, version, self.books())

    async def sell(self, key: UUID) -> object:
        """Sell for 1,000 yuan; the fifth sale and those after it earn more than the others."""
        sale = Sale(
            id=key,
            plan_id=self.plan_id,
            contract_id=key,
            on=self.on,
            sold=1_200_00,
            sellers=[Seller(self.given.agent_id)],
        )
        return [each.amount_minor for each in await do(commissions.accrue, sale, {}, self.books())]

    async def earn(self, key: UUID) -> int:
        """Earn what is due."""
        return await do(commissions.earn_due, key, self.on, self.books())

    async def refund(self, key: UUID) -> object:
        """Take more than half of the sale back that is earned and in no payout."""
        asked = Refund(id=key, sale_id=self.free_id, refunded=700_00)
        return len(await do(commissions.refund, asked, self.books()))

    async def correct(self, key: UUID) -> object:
        """Correct that sale's line."""

        async def work() -> object:
            [line] = await queries.lines_of(self.free_id)
            asked = Correction(id=key, line_id=line.id, amount_minor=5_00, reason="少计")
            return (await commissions.correct(asked, self.books()))[1]

        return await do(work)

    async def make(self, key: UUID) -> object:
        """Put a payout together of all that is free."""
        made = await do(paying.make_batch, key, self.books(), minimum_minor=1)
        return sorted([each.amount_minor, len(each.item_ids)] for each in made.payments)

    async def approve(self, _: UUID) -> object:
        """Let the draft go."""
        batch = self.drafted
        return _seen(await do(paying.approve, batch.id, batch.hash, self.books(_CHECKER)))

    async def discard(self, _: UUID) -> object:
        """Give the draft up."""
        return _seen(await do(paying.discard, self.drafted.id, self.books()))

    async def settle(self, state: PaymentState) -> object:
        """Say what the bank did."""
        return (await do(paying.settle, self.payment.id, state, self.books(), reason=_WHY)).state

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        return {
            "publish": self.publish,
            "sell": self.sell,
            "earn": self.earn,
            "refund": self.refund,
            "correct": self.correct,
            "make payout": self.make,
            "approve payout": self.approve,
            "discard payout": self.discard,
            "payment paid": lambda _: self.settle(PaymentState.PAID),
            "payment failed": lambda _: self.settle(PaymentState.FAILED),
        }

    async def _balances(self) -> list[list[int]]:
        """Give what stands on the agent's account and on the platform's."""
        return await balances(
            [
                accounts.commission_account(self.given.agent_id, "CNY"),
                accounts.cost_account(PLATFORM_TENANT, "CNY"),
                accounts.payout_account(PLATFORM_TENANT, "CNY"),
                accounts.bank_account(PLATFORM_TENANT, "CNY"),
            ]
        )

    async def state(self) -> object:
        """Give lines, items and payments, and what the accounts have moved by."""
        agent_id = self.given.agent_id
        return [
            [
                [now - was for now, was in zip(*both, strict=True)]
                for both in zip(await self._balances(), self.before, strict=True)
            ],
            await rows(_LINES, agent_id),
            await rows(_ITEMS, agent_id),
            await rows(_PAYMENTS, agent_id),
            await rows(_VERSIONS, self.plan_id),
        ]


def _seen(batch: BatchView) -> object:
    """Say how far a batch is."""
    return [
        batch.approved_by is not None,
        batch.discarded_at is not None,
        msgspec.to_builtins([each.state for each in batch.payments]),
    ]


async def _set_up(given: Given) -> Scene:
    made = _Commissions(given)
    await made.set_up()
    return Scene(made.moves, made.state)


COMMISSIONS: Final = Room(
    "commissions",
    (
        *("publish", "sell", "earn", "refund", "correct", "make payout"),
        *("approve payout", "discard payout", "payment paid", "payment failed"),
    ),
    _set_up,
)
