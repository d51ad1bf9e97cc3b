"""The pipeline's numbers are those of the deals behind them, for whoever asks (S61, S76)."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec
from hypothesis import HealthCheck
from hypothesis import settings as rules_of_play
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from server.access import Actor, Role, Scope
from server.changelog import service as changelog
from server.customers import service as customers
from server.customers.schemas import CustomerEdit
from server.kit import clock, db
from server.kit.errors import Refusal
from server.pipeline import queries, service
from server.pipeline.kinds import WRITTEN
from server.pipeline.queries import totals
from server.pipeline.schemas import DealFilters, Migrate, OpportunityView
from server.pipeline.service import counting
from server.settings import Settings
from server.sync import merging
from sync_protocol.messages import Create
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Canonical
from sync_protocol.process.gates import Verb
from tests import factories
from tests.factories import NOW, Tenant, new_id
from tests.postgres import Postgres
from tests.server.pipeline.stories import begin, change, make_customer, move, process_of, publish

T = TypeVar("T")

PROCESS: Final = process_of(("lead", Canonical.LEAD, 33), ("talk", Canonical.OPPORTUNITY, 67))


async def deals(actor: Actor, *, limit: int = 3, **filters: Any) -> list[OpportunityView]:
    """List what the filters leave, over all pages."""
    found: list[OpportunityView] = []
    cursor: str | None = None
    while True:
        page = await queries.list_page(
            actor, DealFilters(**filters), now=NOW, cursor=cursor, limit=limit
        )
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


class PipelineMachine(RuleBasedStateMachine):
    """Whatever happens to deals and their customers, each number is the sum of its deals.

    The totals are counted on every few steps, so that each question meets some that are behind.
    """

    loop: asyncio.AbstractEventLoop
    customers: Bundle[UUID] = Bundle("customers")
    gone: Bundle[UUID] = Bundle("gone")
    deals: Bundle[UUID] = Bundle("deals")

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run on the loop that the database is open on."""
        return self.loop.run_until_complete(steps)

    def attempt(self, steps: Coroutine[Any, Any, object]) -> None:
        """Do what may be refused: the numbers hold either way."""
        try:
            self.run(steps)
        except Refusal:
            return

    @initialize(target=customers, counts_every=st.integers(1, 4))
    def a_company(self, counts_every: int) -> Any:
        """Begin with a company that has two customers, and is counted every few steps."""
        self.steps, self.counts_every = 0, counts_every
        self.tenant: Tenant = self.run(factories.make_tenant())
        tenant = self.tenant
        self.people = [tenant.rep, tenant.manager, tenant.owner]
        self.process = self.run(publish(tenant.owner, PROCESS))
        return multiple(*(self.run(make_customer(tenant.rep)) for _ in range(2)))

    @rule(target=customers, who=st.integers(0, 2))
    def another_customer(self, who: int) -> UUID:
        """Add a customer of somebody."""
        return self.run(make_customer(self.people[who]))

    @rule(
        target=deals,
        customer=customers,
        amount=st.none() | st.integers(0, 10**13),
        day=st.sampled_from([None, "2026-03-31", "2026-04-01", "2027-12-31"]),
        is_own=st.booleans(),
    )
    def begin(self, customer: UUID, amount: int | None, day: str | None, *, is_own: bool) -> UUID:
        """Begin a deal by one process or the other."""
        process_id = self.process.id if is_own else None
        made = begin(
            self.tenant.owner,
            customer,
            amount_minor=amount,
            expected_on=day,
            process_id=process_id,
        )
        return self.run(made)

    @rule(deal=deals, amount=st.none() | st.integers(0, 999))
    def amend(self, deal: UUID, amount: int | None) -> None:
        """Change a deal's amount, category and day."""
        category = "commit" if amount else "omitted"
        self.attempt(
            change(
                self.tenant.owner,
                deal,
                amount_minor=amount,
                forecast_category=category,
                expected_on="2026-05-01",
            )
        )

    @rule(deal=deals, verb=st.sampled_from(list(Verb)))
    def move(self, deal: UUID, verb: Verb) -> None:
        """Move a deal anywhere."""
        reason = "price" if verb is Verb.LOSE else None
        self.attempt(move(self.tenant.owner, deal, verb, reason=reason))

    @rule(deal=consumes(deals))
    def delete(self, deal: UUID) -> None:
        """Delete a deal."""
        self.attempt(service.delete(self.tenant.owner, deal, base=None, now=NOW))

    @rule(customer=customers, who=st.integers(0, 2), has_team=st.booleans())
    def hand_over(self, customer: UUID, who: int, *, has_team: bool) -> None:
        """Give a customer to somebody, or to somebody and nobody's team."""
        edit = CustomerEdit(owner_id=self.people[who].user_id)
        if not has_team:
            edit = CustomerEdit(owner_id=self.people[who].user_id, team_id=None)
        self.attempt(customers.edit(self.tenant.owner, customer, edit, now=NOW))

    @rule(target=gone, customer=consumes(customers))
    def end(self, customer: UUID) -> UUID:
        """Delete a customer; its deals are gone with it."""
        self.run(customers.delete(self.tenant.owner, customer, base=None, now=NOW))
        return customer

    @rule(target=customers, customer=consumes(gone))
    def come_back(self, customer: UUID) -> UUID:
        """Restore a customer with its deals."""
        self.run(customers.restore(self.tenant.owner, customer, now=NOW))
        return customer

    @rule(one=consumes(customers), other=customers)
    def merge(self, one: UUID, other: UUID) -> None:
        """Merge a customer into another one, which has the deals then."""
        self.attempt(merging.merge(self.tenant.owner, one, other, now=NOW))

    @rule()
    def migrate(self) -> None:
        """Move the deals of the built-in process on."""
        assert self.process.id is not None
        mapping = {"pre_opportunity": "talk", "opportunity": "talk"}
        asked = Migrate(to_id=self.process.id, mapping=mapping)
        self.run(service.migrate(self.tenant.owner, None, asked, now=NOW))

    @invariant()
    def numbers_are_those_of_the_deals(self) -> None:
        """Ask everybody, each in every scope."""
        if not hasattr(self, "tenant"):
            return
        rep, manager, owner = self.people
        for person, scope in (
            (rep, Scope.MINE),
            (manager, Scope.MINE),
            (manager, Scope.TEAM),
            (owner, Scope.TENANT),
        ):
            self.run(ensure_equal(msgspec.structs.replace(person, scope=scope)))
        self.steps += 1
        if self.steps % self.counts_every == 0:
            self.run(counting.count(self.tenant.tenant_id))


async def ensure_equal(actor: Actor) -> None:
    """Hold the kept sums against the list of all deals within sight."""
    listed = await deals(actor, limit=200)
    for grain in ("stage", "month"):
        held = {
            (each.process_id, each.stage, each.state, each.category, each.month): (
                each.deals,
                each.amount_minor,
            )
            for each in await totals.sums(actor, grain)
        }
        counts: Counter[tuple[Any, ...]] = Counter()
        amounts: Counter[tuple[Any, ...]] = Counter()
        for deal in listed:
            by_month = (deal.forecast_category, (deal.expected_on or "none")[:7])
            key = (
                deal.process_id,
                deal.stage,
                deal.state,
                *(by_month if grain == "month" else ("", "")),
            )
            counts[key] += 1
            amounts[key] += deal.amount_minor or 0
        assert held == {key: (count, amounts[key]) for key, count in counts.items()}


def test_s61_the_kept_totals_are_the_live_sums(loop: asyncio.AbstractEventLoop) -> None:
    PipelineMachine.loop = loop
    run_state_machine_as_test(
        PipelineMachine,
        settings=rules_of_play(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_s61_every_figure_drills_to_its_deals(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    for amount in (300, None, 200, 700):
        await begin(tenant.rep, customer_id, amount_minor=amount, expected_on="2026-04-01")
    lost = await begin(tenant.rep, customer_id, amount_minor=50)
    await move(tenant.rep, lost, "lose", reason="price")

    numbers = await queries.pipeline(tenant.rep, None)
    for total in numbers.stages:
        state = "won" if total.stage == "signed" else "open"
        behind = await deals(tenant.rep, is_built_in=True, stage=total.stage, state=state)
        assert total.deals == len(behind)
        assert total.amount_minor == sum(deal.amount_minor or 0 for deal in behind)
    gone = await deals(tenant.rep, is_built_in=True, state="lost")
    assert (numbers.lost_deals, numbers.lost_amount_minor) == (len(gone), 50)

    [line] = await queries.forecast(tenant.rep)
    behind = await deals(tenant.rep, state="open", category=line.category, month=line.month)
    assert (line.month, line.deals, line.amount_minor) == ("2026-04", len(behind), 1200)
    assert {deal.amount_minor for deal in behind} == {700, 300, 200, None}


async def test_s76_the_weighted_sum_is_rounded_once(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    for amount in (1, 3, 7):
        await begin(tenant.rep, customer_id, amount_minor=amount)

    numbers = await queries.pipeline(tenant.rep, None)

    # A tenth of 11 fen is 1.1; fen by fen it would have been nothing, nothing and one.
    assert BUILT_IN.first.probability == 10
    assert numbers.weighted_minor == 1


async def test_the_board_shows_the_largest_deals_of_each_column(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    for amount in (300, 100, 200):
        await begin(tenant.rep, customer_id, amount_minor=amount)

    board = await queries.board(tenant.rep, None, now=NOW)

    assert [card.amount_minor for card in board.cards["lead"]] == [300, 200, 100]
    assert board.pipeline.stages[0].deals == 3
    assert board.cards["signed"] == []


async def test_what_is_out_of_scope_is_not_counted(tenant: Tenant, rival: Tenant) -> None:
    colleague = tenant.actor(Role.SALES_REP)
    await begin(tenant.rep, amount_minor=100)
    await counting.count(tenant.tenant_id)

    seen = [
        (await queries.pipeline(actor, None)).stages[0].deals
        for actor in (tenant.rep, colleague, tenant.manager, tenant.owner, rival.owner)
    ]

    assert seen == [1, 0, 1, 1, 0]


async def test_p11_what_changed_since_is_looked_up_deal_by_deal(
    tenant: Tenant, postgres: Postgres, settings: Settings
) -> None:
    actor = tenant.owner
    customer_id = str(await make_customer(tenant.rep))
    for _ in range(3):
        ops = [
            Create(
                number=number,
                kind="opportunity",
                id=str(new_id()),
                fields={"customer_id": customer_id, "name": "收银"},
                at_ms=clock.to_ms(NOW),
                base=0,
            )
            for number in range(1, 1001)
        ]
        await changelog.write(actor, ops, kinds=WRITTEN, now=NOW)
    await counting.count(tenant.tenant_id)
    database = urlsplit(settings.database_url).path.strip("/")
    superuser = await asyncpg.connect(postgres.superuser_url(database))
    await superuser.execute("ANALYZE opportunity, customer, opportunity_counted, pipeline_total")
    await superuser.close()

    async with db.tenant_transaction(actor.tenant_id) as opened:
        rows = await opened.connection.fetch(
            f"EXPLAIN {totals.question(actor.scope, 'stage')}",
            *(actor.tenant_id, actor.user_id, actor.team_id),
        )

    plan = "\n".join(row[0] for row in rows)
    for index in ("opportunity_seq", "opportunity_pkey", "opportunity_counted_pkey"):
        assert index in plan
    assert "Seq Scan on opportunity" not in plan
