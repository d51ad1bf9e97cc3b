"""Issuing agrees with a plain count of budgets and limits, step by step (I1, I6, I7, I10, I20)."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from billing.budgets import queries as budget_queries
from billing.budgets.schemas import BudgetView
from billing.issuance import queries
from billing.issuance.schemas import IssuanceState, IssuanceTotal, Issue, IssueCode, Issued
from billing.ledger.schemas import Code
from server.kit import db
from server.settings import Settings
from tests.billing import books
from tests.billing.books import OPERATOR, Program
from tests.factories import new_id

T = TypeVar("T")
LIMIT = 2

agents = st.integers(0, 2)
amounts = st.integers(1, 30)
requests = st.lists(st.tuples(st.integers(0, 5), amounts), min_size=1, max_size=4)


class IssuanceMachine(RuleBasedStateMachine):
    """Fund, allocate, issue, repeat and void at random; the model counts with integers alone."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.agents = [new_id() for _ in range(3)]
        self.available: dict[UUID | None, int] = {None: 0}
        """By agent with an allocation; None is the pool."""
        self.live: dict[UUID, tuple[Issue, UUID | None]] = {}
        """What is issued and not voided: what was asked, and the budget that it is held on."""
        self.voided: list[UUID] = []
        self.answers: list[tuple[Issue, Issued]] = []

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run on the loop that the database is open on."""
        return self.loop.run_until_complete(steps)

    @initialize()
    def a_program(self) -> None:
        """Begin with a program without money."""
        self.program: Program = self.run(books.make_program(limit_per_customer=LIMIT))

    @rule(amount=st.integers(1, 150), is_return=st.booleans())
    def fund(self, amount: int, is_return: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        """Put money in or take it out."""
        outcome = self.run(books.fund(self.program, amount, is_return=is_return))

        is_possible = not is_return or self.available[None] >= amount
        assert outcome.code is (Code.RECORDED if is_possible else Code.EXCEEDS_CREDITS)
        if is_possible:
            self.available[None] += -amount if is_return else amount

    @rule(agent=agents, amount=amounts, is_return=st.booleans())
    def allocate(self, agent: int, amount: int, is_return: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        """Give an agent its own part, or take of it."""
        agent_id = self.agents[agent]
        outcome = self.run(books.allocate(self.program, agent_id, amount, is_return=is_return))

        giver, taker = (agent_id, None) if is_return else (None, agent_id)
        is_possible = self.available.get(giver, 0) >= amount
        if not is_possible:
            assert outcome.code in {Code.EXCEEDS_CREDITS, Code.ACCOUNT_NOT_FOUND}
            return
        assert outcome.code is Code.RECORDED
        self.available[giver] -= amount
        self.available[taker] = self.available.get(taker, 0) + amount

    @rule(agent=agents, wanted=requests)
    def issue(self, agent: int, wanted: list[tuple[int, int]]) -> None:
        """Issue some benefits in one call."""
        agent_id = self.agents[agent]
        rows = [
            books.ask(agent_id, amount, customer=f"{agent_id} {customer}")
            for customer, amount in wanted
        ]
        answers = self.run(books.issue(self.program, rows))

        assert [answer.code for answer in answers] == self.expected(agent_id, rows)
        assert all(answer.is_new for answer in answers)
        for row, answer in zip(rows, answers, strict=True):
            self.answers.append((row, answer))
            if answer.issuance_id is not None:
                budget = self.budget_of(agent_id)
                self.available[budget] -= row.amount.amount_minor
                self.live[answer.issuance_id] = (row, budget)

    def budget_of(self, agent_id: UUID) -> UUID | None:
        """Say which budget an agent draws on: its own, once it was given one."""
        return agent_id if agent_id in self.available else None

    def expected(self, agent_id: UUID, rows: list[Issue]) -> list[IssueCode]:
        """Serve the rows in their order; who is too greedy blocks who stands behind."""
        left = self.available[self.budget_of(agent_id)]
        taken = [row.customer_token for row, _ in self.live.values()]
        codes = []
        for row in rows:
            if taken.count(row.customer_token) >= LIMIT:
                codes.append(IssueCode.CUSTOMER_LIMIT_REACHED)
                continue
            taken.append(row.customer_token)
            left -= row.amount.amount_minor
            codes.append(IssueCode.ISSUED if left >= 0 else IssueCode.BUDGET_EXHAUSTED)
        return codes

    @rule(data=st.data(), change=st.sampled_from(["nothing", "amount", "customer"]))
    def repeat(self, data: st.DataObject, change: str) -> None:
        """Ask again under the same key, as before or for something else."""
        if not self.answers:
            return
        row, held = data.draw(st.sampled_from(self.answers))
        again = msgspec.structs.replace(
            row,
            id=new_id(),
            amount=row.amount + row.amount if change == "amount" else row.amount,
            customer_token="another" if change == "customer" else row.customer_token,
        )
        [answer] = self.run(books.issue(self.program, [again]))

        if change == "nothing":
            assert answer == msgspec.structs.replace(held, is_new=False)
        else:
            assert (answer.code, answer.issuance_id) == (IssueCode.ID_REUSED, None)

    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        """Withdraw a benefit; its customer may have another one."""
        if not self.live:
            return
        issuance_id = data.draw(st.sampled_from(sorted(self.live)))
        row, budget = self.live.pop(issuance_id)

        assert self.run(books.void(issuance_id)).code is Code.RECORDED
        assert self.run(books.void(issuance_id)).code is Code.ALREADY_VOIDED
        self.available[budget] += row.amount.amount_minor
        self.voided.append(issuance_id)

    @invariant()
    def the_budgets_agree(self) -> None:
        """Compare every budget, and the sum of what is issued."""
        if not hasattr(self, "program"):
            return
        tree, totals = self.run(self.look())
        by_agent = {
            None if view.owner_id == OPERATOR.tenant_id else view.owner_id: view for view in tree
        }
        for agent_id, view in by_agent.items():
            held = sum(
                row.amount.amount_minor for row, budget in self.live.values() if budget == agent_id
            )
            assert (view.available_minor, view.held_minor) == (
                self.available.get(agent_id, 0),
                held,
            )
            assert view.put_in_minor == view.taken_out_minor + held + view.available_minor
        counted = {
            state: sum(total.count for total in totals if total.state is state)
            for state in (IssuanceState.ISSUED, IssuanceState.VOIDED)
        }
        assert list(counted.values()) == [len(self.live), len(self.voided)]

    async def look(self) -> tuple[list[BudgetView], list[IssuanceTotal]]:
        """Read the program's budgets and issuances."""
        async with db.platform_transaction(OPERATOR):
            tree = await budget_queries.tree(self.program.id)
            totals = await queries.totals()
        return tree, [total for total in totals if total.program_id == self.program.id]

    def teardown(self) -> None:
        """Let the whole books contradict themselves nowhere."""
        assert self.run(books.contradictions()) == []


def test_issuing_agrees_with_its_model(database: Settings, loop: asyncio.AbstractEventLoop) -> None:
    IssuanceMachine.loop = loop

    run_state_machine_as_test(
        IssuanceMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
