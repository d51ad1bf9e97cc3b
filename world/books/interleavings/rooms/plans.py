"""Plans: an agent with a final invoice, a draft, and a grant that does not end."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from billing.invoices import queries as invoices
from billing.invoices import service as invoicing
from billing.invoices.rules import accounts
from billing.invoices.schemas import Credit, Payment, Settled
from billing.plans import service as plans
from billing.plans.rules.clock import next_month
from billing.plans.rules.grants import Grant, Source
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import Meter, PlanVersion
from billing.plans.schemas import Desk
from server.access import PLATFORM_TENANT
from server.kit import ids
from world.books.interleavings.pairs import Given, Move, Room, Scene
from world.books.interleavings.rooms.reading import balances, do, rows
from world.books.trial import OPERATOR

_STATE: Final = (
    "SELECT clock_on::text, standing, parked_reason FROM saas_subscription WHERE agent_id = $1",
    "SELECT begins_on::text, ends_on::text FROM saas_grant WHERE agent_id = $1 ORDER BY 1, 2",
    "SELECT begins_on::text FROM saas_change WHERE agent_id = $1 ORDER BY 1",
    """
    SELECT month::text, state, number IS NULL, total_minor, left_minor FROM invoice
    WHERE agent_id = $1 ORDER BY month
    """,
    "SELECT amount_minor FROM invoice_payment WHERE agent_id = $1",
    "SELECT amount_minor FROM credit_note WHERE agent_id = $1",
    "SELECT count(*) FROM invoice_fapiao WHERE agent_id = $1",
    "SELECT on_day::text, standing FROM dunning_step WHERE agent_id = $1 ORDER BY 1, 2",
)
_VERSIONS: Final = "SELECT count(*) FROM saas_plan_version WHERE plan_id = $1"


class _Plans:
    """An agent that has had a plan for two months, of which the second is not final."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.plan_id, self.grant_id = ids.new_id(given.now), ids.new_id(given.now)
        self.neighbour_id = ids.new_id(given.now)
        self.starts = next_month(given.now.date())
        self.clock_on = next_month(next_month(self.starts))
        self.final_id = self.draft_id = UUID(int=0)
        self.fapiao = f"264420{self.grant_id.int % 10**14:014d}"

    def desk(self, on: date | None = None) -> Desk:
        """Stand at the desk on a day, by itself that of the agent's clock."""
        on = on or self.clock_on
        now = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
        return Desk(platform_id=PLATFORM_TENANT, actor_id=OPERATOR.user_id, today=on, now=now)

    async def set_up(self) -> None:
        """Let the agent have the plan, and carry it on."""
        today = self.given.now.date()
        await self.publish(ids.new_id(self.given.now), self.starts, self.desk(today))
        agent_id = self.given.agent_id
        change = Change(
            id=ids.new_id(self.given.now),
            agent_id=agent_id,
            begins_on=self.starts,
            plan_id=self.plan_id,
        )
        await do(plans.change, change, self.desk(today))
        await do(plans.grant, self._grant(self.grant_id, self.starts), self.desk(today))
        until = next_month(self.starts)
        [self.final_id] = (await do(invoicing.advance, agent_id, until, self.desk(until))).invoices
        carried = await do(invoicing.advance, agent_id, self.clock_on, self.desk(), finalises=False)
        [self.draft_id] = carried.invoices
        await do(plans.hold, self.neighbour_id, self.clock_on)

    def _grant(self, key: UUID, begins_on: date) -> Grant:
        return Grant(
            id=key,
            agent_id=self.given.agent_id,
            source=Source.AGENT,
            meter=Meter.SEATS,
            units=1,
            begins_on=begins_on,
        )

    async def publish(
        self, key: UUID, begins_on: date | None = None, desk: Desk | None = None
    ) -> bool:
        """Publish a version of the plan."""
        version = PlanVersion(
            id=key,
            plan_id=self.plan_id,
            name="专业版",
            begins_on=begins_on or self.clock_on + timedelta(days=90),
            price_minor=100_00,
            unit_minor={Meter.SEATS: 10_00},
        )
        return await do(plans.publish, version, desk or self.desk())

    async def change(self, key: UUID) -> bool:
        """Let the agent pause from the next month on."""
        asked = Change(
            id=key,
            agent_id=self.given.agent_id,
            begins_on=next_month(self.clock_on),
            plan_id=None,
        )
        return await do(plans.change, asked, self.desk())

    async def grant(self, key: UUID) -> bool:
        """Give it one seat more."""
        return await do(plans.grant, self._grant(key, self.clock_on), self.desk())

    async def end_grant(self, days: int) -> object:
        """Let the seat that it has end so many days from now."""
        ends_on = self.clock_on + timedelta(days=days)
        ended, is_new = await do(plans.end_grant, self.grant_id, ends_on, self.desk())
        return [str(ended.ends_on), is_new]

    async def advance(self, _: UUID) -> object:
        """Carry the agent's plan on for a month."""
        until = next_month(self.clock_on)
        found = await do(invoicing.advance, self.given.agent_id, until, self.desk(until))
        return [str(found.clock_on), found.standing, len(found.invoices), found.parked_reason]

    async def advance_all(self, _: UUID) -> object:
        """Carry its plan on together with a neighbour's."""
        until = next_month(self.clock_on)
        named = [self.given.agent_id, self.neighbour_id]
        found = await do(invoicing.advance_all, named, until, self.desk(until))
        own_first = sorted(found, key=lambda each: each.agent_id == self.neighbour_id)
        return [[str(each.clock_on), each.standing, len(each.invoices)] for each in own_first]

    async def finalise(self, _: UUID) -> object:
        """Make the draft final."""
        return (await do(invoicing.finalise, self.draft_id, self.desk())).state

    async def pay(self, key: UUID) -> object:
        """Write down a payment of more than half of the final invoice."""
        asked = Payment(id=key, invoice_id=self.final_id, amount_minor=70_00, paid_on=self.clock_on)
        return _settled(await do(invoicing.pay, asked, self.desk()))

    async def credit(self, key: UUID) -> object:
        """Void more than half of the final invoice."""
        asked = Credit(id=key, invoice_id=self.final_id, amount_minor=70_00, reason="误开")
        return _settled(await do(invoicing.credit, asked, self.desk()))

    async def note_fapiao(self, _: UUID) -> object:
        """Note the fapiao of the final invoice."""
        return _settled(await do(invoicing.note_fapiao, self.final_id, self.fapiao, self.desk()))

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        return {
            "publish": self.publish,
            "change": self.change,
            "grant": self.grant,
            "end grant": lambda _: self.end_grant(3),
            "end grant later": lambda _: self.end_grant(40),
            "move clock": self.advance,
            "move clocks": self.advance_all,
            "finalise": self.finalise,
            "pay": self.pay,
            "credit": self.credit,
            "note fapiao": self.note_fapiao,
        }

    async def state(self) -> object:
        """Give all that the agent has, and whether numbers have gaps."""
        own = accounts.receivable_account(self.given.agent_id, "CNY")
        return [
            await balances([own]),
            [await rows(each, self.given.agent_id) for each in _STATE],
            await rows(_STATE[0], self.neighbour_id),
            await rows(_VERSIONS, self.plan_id),
            [str(each) for each in await do(invoices.gaps)],
        ]


def _settled(done: Settled) -> object:
    """Say what an invoice was after something was written down of it."""
    return [done.invoice.left_minor, done.is_new]


async def _set_up(given: Given) -> Scene:
    made = _Plans(given)
    await made.set_up()
    return Scene(made.moves, made.state)


PLANS: Final = Room(
    "plans",
    (
        *("publish", "change", "grant", "end grant", "end grant later", "move clock"),
        *("move clocks", "finalise", "pay", "credit", "note fapiao"),
    ),
    _set_up,
)
