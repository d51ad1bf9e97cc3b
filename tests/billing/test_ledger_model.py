"""The ledger in PostgreSQL does what one in plain Python does, step by step (I1-I5, I7-I10)."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from billing.ledger import queries, service
from billing.ledger.schemas import (
    AccountKind,
    Bound,
    Code,
    Expire,
    Hold,
    Journal,
    NewAccount,
    Outcome,
    Post,
    Reversal,
    Single,
    Transfer,
    Void,
)
from billing.money import Money
from server.kit import db, ids
from server.settings import Settings
from tests.billing.books import OPERATOR
from tests.factories import NOW
from world.books.model import Model

T = TypeVar("T")

amounts = st.integers(1, 40)
bounds = st.sampled_from([Bound.NONE, Bound.DEBITS_WITHIN_CREDITS, Bound.CREDITS_WITHIN_DEBITS])


class LedgerMachine(RuleBasedStateMachine):
    """Random journals against both; each answer and all counters agree after each step."""

    loop: asyncio.AbstractEventLoop
    accounts: Bundle[UUID] = Bundle("accounts")
    transfers: Bundle[UUID] = Bundle("transfers")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.answers: list[tuple[Journal, Outcome]] = []
        self.fortune = random.SystemRandom()

    def new_id(self) -> UUID:
        """Make an id; examples share a database, so ids are never repeated."""
        return ids.from_random(NOW, self.fortune)

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run on the loop that the database is open on."""
        return self.loop.run_until_complete(steps)

    @initialize(target=accounts)
    def two_accounts(self) -> Any:
        """Begin with a source and a bounded account."""
        return multiple(self.open(Bound.NONE, "CNY"), self.open(Bound.DEBITS_WITHIN_CREDITS, "CNY"))

    @rule(target=accounts, bound=bounds, currency=st.sampled_from(["CNY", "CNY", "POINTS"]))
    def open(self, bound: Bound, currency: str) -> UUID:
        """Open one more account."""
        account = NewAccount(
            id=self.new_id(),
            owner_id=OPERATOR.tenant_id,
            subject_id=OPERATOR.tenant_id,
            kind=AccountKind.BUDGET,
            currency=currency,
            bound=bound,
        )

        async def opened() -> None:
            async with db.platform_transaction(OPERATOR):
                await service.open_accounts([account], now=NOW)

        self.run(opened())
        self.model.open(account)
        return account.id

    @rule(
        target=transfers,
        debit=accounts,
        credit=accounts,
        amount=amounts,
        is_hold=st.booleans(),
        currency=st.sampled_from(["CNY", "CNY", "CNY", "POINTS"]),
    )
    def move(self, debit: UUID, credit: UUID, amount: int, is_hold: bool, currency: str) -> UUID:  # noqa: FBT001 - hypothesis draws it
        """Move or hold an amount."""
        kind = Hold if is_hold else Single
        if debit == credit:
            debit = self.new_id()
        return self.record(
            kind(
                id=self.new_id(),
                debit_id=debit,
                credit_id=credit,
                amount=Money(amount, currency),
                event="test.moved",
            )
        )

    @rule(target=transfers, target_id=transfers, part=st.none() | amounts)
    def post(self, target_id: UUID, part: int | None) -> UUID:
        """Post a hold, or a part of it."""
        return self.record(
            Post(id=self.new_id(), pending_id=target_id, event="test.posted", amount_minor=part)
        )

    @rule(target=transfers, target_id=transfers, kind=st.sampled_from([Void, Expire]))
    def release(self, target_id: UUID, kind: type[Void | Expire]) -> UUID:
        """Release a hold."""
        return self.record(kind(id=self.new_id(), pending_id=target_id, event="test.released"))

    @rule(target=transfers, target_id=transfers)
    def reverse(self, target_id: UUID) -> UUID:
        """Undo what was moved."""
        return self.record(Reversal(id=self.new_id(), reversal_of=target_id, event="test.undone"))

    @rule(one=transfers, other=transfers, debit=accounts, credit=accounts, amount=amounts)
    def settle_together(
        self, one: UUID, other: UUID, debit: UUID, credit: UUID, amount: int
    ) -> None:
        """Record several transfers together, all or none."""
        group: list[Transfer] = [
            Post(id=self.new_id(), pending_id=one, event="test.posted"),
            Void(id=self.new_id(), pending_id=other, event="test.released"),
        ]
        if debit != credit:
            money = Money(amount, "CNY")
            moved = Single(
                id=self.new_id(),
                debit_id=debit,
                credit_id=credit,
                amount=money,
                event="test.moved",
            )
            group.insert(0, moved)
        self.record(*group)

    @rule(data=st.data(), is_altered=st.booleans())
    def repeat(self, data: st.DataObject, is_altered: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        """Send an answered journal again, as it was or with another reason."""
        if not self.answers:
            return
        journal, held = data.draw(st.sampled_from(self.answers))
        reason = "another" if is_altered else journal.reason
        again = self.run(self.send(msgspec.structs.replace(journal, reason=reason)))

        expected = Code.ID_REUSED if is_altered else held.code
        assert again == Outcome(expected, held.group_id, is_new=False)

    def record(self, *transfers: Transfer) -> UUID:
        """Record on both sides and compare the answers."""
        journal = Journal(
            owner_id=OPERATOR.tenant_id,
            key=self.new_id(),
            group_id=self.new_id(),
            transfers=list(transfers),
            actor_id=OPERATOR.user_id,
            effective_at=NOW,
        )
        outcome = self.run(self.send(journal))

        assert outcome.is_new
        assert outcome.code in self.model.record(transfers), transfers
        self.answers.append((journal, outcome))
        return transfers[0].id

    async def send(self, journal: Journal) -> Outcome:
        """Record in PostgreSQL."""
        async with db.platform_transaction(OPERATOR):
            return await service.record(journal, now=NOW)

    @invariant()
    def the_counters_agree(self) -> None:
        """Compare all accounts of this example."""

        async def held() -> dict[UUID, tuple[int, int, int, int]]:
            async with db.platform_transaction(OPERATOR):
                found = await queries.balances(list(self.model.accounts))
            return {
                one: (b.debits_pending, b.debits_posted, b.credits_pending, b.credits_posted)
                for one, b in found.items()
            }

        expected = {
            one: msgspec.structs.astuple(counters) for one, counters in self.model.counters.items()
        }
        assert self.run(held()) == expected

    def teardown(self) -> None:
        """Let the whole books contradict themselves nowhere, each statement lead to its balance."""

        async def looked() -> None:
            async with db.platform_transaction(OPERATOR):
                assert await queries.contradictions() == []
                for one, balance in (await queries.balances(list(self.model.accounts))).items():
                    lines = await queries.statement(one)
                    if lines:
                        last = lines[-1]
                        assert last.posted_after == balance.credits_posted - balance.debits_posted
                        assert (
                            last.pending_after == balance.credits_pending - balance.debits_pending
                        )

        self.run(looked())


def test_the_ledger_agrees_with_its_model(
    database: Settings, loop: asyncio.AbstractEventLoop
) -> None:
    LedgerMachine.loop = loop

    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
