"""What devices hold agrees with a plain count, whatever comes twice, late or not at all."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from billing.escrow.schemas import LeaseCode
from billing.issuance.schemas import IssueCode
from server.settings import Settings
from tests.billing import books, units
from tests.factories import NOW, Tenant, new_id

T = TypeVar("T")


class EscrowMachine(RuleBasedStateMachine):
    """Two phones of one company lease, promise, give back and go silent; sweeps come by."""

    loop: asyncio.AbstractEventLoop
    UNITS = 12

    def __init__(self) -> None:
        super().__init__()
        self.agent_id = new_id()
        self.phones = [new_id(), new_id()]
        self.held: dict[UUID, UUID] = {}
        """By unit, the phone that holds it."""
        self.gone: list[UUID] = []
        self.waiting: list[UUID] = []
        """Given back, and not yet released."""
        self.benefits: set[UUID] = set()

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run on the loop that the database is open on."""
        return self.loop.run_until_complete(steps)

    @initialize()
    def an_allocation(self) -> None:
        """Begin with an allocation."""
        self.program = self.run(units.own_program(self.agent_id, self.UNITS))

    @property
    def free(self) -> int:
        """Count what is available."""
        return self.UNITS - len(self.held) - len(self.waiting) - len(self.benefits)

    @rule(phone=st.integers(0, 1), count=st.integers(1, 25), answers=st.integers(1, 2))
    def leases(self, phone: int, count: int, answers: int) -> None:
        """Ask for units, again where the answer was lost: half stands on both phones at most."""
        device = self.phones[phone]
        for _ in range(answers):
            mine = {unit for unit, holder in self.held.items() if holder == device}
            standing = len(self.held) + len(self.waiting)
            half = (self.free + standing) // 2
            more = max(0, min(min(count, 20) - len(mine), half - standing))
            wish = units.ask(self.program, self.agent_id, device, count)
            answer = self.run(units.lease(wish))

            if mine or more:
                assert answer.code is LeaseCode.LEASED
            elif self.free:
                assert answer.code is LeaseCode.LIMIT_REACHED
            else:
                assert answer.code is LeaseCode.EXHAUSTED
            assert len(answer.unit_ids) == len(mine) + more
            assert mine <= set(answer.unit_ids)
            self.held |= dict.fromkeys(answer.unit_ids, device)

    @rule(at=st.integers(0, 99), again=st.booleans())
    def promises(self, at: int, again: bool) -> None:  # noqa: FBT001
        """Promise a unit that is held, and perhaps once more under another key."""
        if not self.held:
            return
        unit = sorted(self.held)[at % len(self.held)]
        device = self.held.pop(unit)
        kept = self.run(units.promise(self.program, self.agent_id, device, unit))

        assert kept, "a promise from a held unit is never refused"
        self.benefits.add(unit)
        if again:
            twice = units.promise(self.program, self.agent_id, device, unit)
            assert not self.run(twice), "no unit becomes two benefits"

    @rule(at=st.integers(0, 99), phone=st.integers(0, 1))
    def promises_what_is_gone(self, at: int, phone: int) -> None:
        """Promise what was given back or released; that decides nothing."""
        lost = [*self.gone, *self.waiting]
        if lost:
            unit = lost[at % len(lost)]
            late = units.promise(self.program, self.agent_id, self.phones[phone], unit)
            assert not self.run(late)

    @rule(phone=st.integers(0, 1))
    def gives_back(self, phone: int) -> None:
        """Give back all that one phone holds."""
        device = self.phones[phone]
        self.run(units.lease(units.ask(self.program, self.agent_id, device, 0)))
        mine = [unit for unit, holder in self.held.items() if holder == device]
        self.waiting += mine
        for unit in mine:
            del self.held[unit]

    @rule(is_over=st.booleans())
    def is_swept(self, is_over: bool) -> None:  # noqa: FBT001
        """Let the sweep come by, in time or after everybody's grace."""
        self.run(units.sweep(units.OVER if is_over else NOW))
        self.gone += self.waiting
        self.waiting = []
        if is_over:
            self.gone += self.held
            self.held = {}

    @rule()
    def issues_online(self) -> None:
        """Issue from what is available, as everybody does."""
        free = self.free
        [answer] = self.run(books.issue(self.program, [books.ask(self.agent_id, units.AMOUNT)]))
        assert (answer.code is IssueCode.ISSUED) == (free > 0)
        if answer.issuance_id is not None:
            self.benefits.add(answer.issuance_id)

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        """Hold the law: what is available, held and issued is what was allocated."""
        if not hasattr(self, "program"):
            return
        own = self.run(books.balance(self.program.own_budget_id(self.agent_id)))
        assert own.available_minor == self.free * units.AMOUNT
        assert own.available_minor + own.debits_pending == self.UNITS * units.AMOUNT

    def teardown(self) -> None:
        """Look for contradictions at the end of each run."""
        if hasattr(self, "program"):
            assert self.run(units.contradictions()) == []


def test_units_agree_with_a_plain_count(
    database: Settings, loop: asyncio.AbstractEventLoop
) -> None:
    EscrowMachine.loop = loop

    run_state_machine_as_test(
        EscrowMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_whoever_comes_first_nothing_is_made_or_lost(
    wide_database: Settings, tenant: Tenant
) -> None:
    agent_id, program = tenant.tenant_id, await units.own_program(tenant.tenant_id, 60)
    phones = [new_id() for _ in range(4)]
    kept = dict[UUID, int]()
    rng = random.Random(6)

    async def carries(phone: UUID) -> None:
        for _ in range(4):
            held = (await units.lease(units.ask(program, agent_id, phone, 5))).unit_ids
            twice = [*held[:3], *held[:3]]
            rng.shuffle(twice)
            answers = await asyncio.gather(
                *(units.promise(program, agent_id, phone, unit) for unit in twice)
            )
            for unit, answer in zip(twice, answers, strict=True):
                kept[unit] = kept.get(unit, 0) + answer
            await units.lease(units.ask(program, agent_id, phone, 0))

    async def sweeps() -> None:
        for _ in range(12):
            await units.release(NOW)

    async def issues() -> None:
        for _ in range(6):
            await books.issue(program, [books.ask(agent_id, units.AMOUNT)])

    await asyncio.gather(*(carries(phone) for phone in phones), sweeps(), sweeps(), issues())
    await units.sweep(NOW)

    assert set(kept.values()) == {1}, "each promise from a held unit is kept, once"
    own = await books.balance(program.own_budget_id(agent_id))
    assert own.debits_pending == (len(kept) + 6) * units.AMOUNT
    assert own.available_minor == (60 - len(kept) - 6) * units.AMOUNT
    assert await units.contradictions() == []
    assert await books.contradictions() == []
