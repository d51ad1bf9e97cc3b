"""The board's numbers are those of the leads behind them, whoever asks (S39, S44)."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from hypothesis import HealthCheck
from hypothesis import settings as rules_of_play
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

from server.access import Actor, Scope
from server.kit import db
from server.kit.errors import Refusal
from server.leads import queries, service
from server.leads.rules.states import LeadState, ReturnReason
from server.leads.schemas import LeadEdit, LeadFilters, Return
from server.leads.service import counting, handing_over
from server.tenants import service as tenants
from tests import factories
from tests.factories import NOW, Tenant, new_id
from tests.server.leads.stories import a_lead, a_rep, decide, receive
from tests.waiting import meanwhile

T = TypeVar("T")


class BoardMachine(RuleBasedStateMachine):
    """Whatever is done with leads, each number is that of the leads that its reader can list.

    The counts are summed up now and then, so that each question meets some that are not.
    """

    loop: asyncio.AbstractEventLoop
    leads: Bundle[UUID] = Bundle("leads")

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run on the loop that the database is open on."""
        return self.loop.run_until_complete(steps)

    def attempt(self, steps: Coroutine[Any, Any, object]) -> None:
        """Do what may be refused: the numbers hold either way."""
        try:
            self.run(steps)
        except Refusal:
            return

    @initialize()
    def a_company(self) -> None:
        """Begin with a company of two teams, one rep in each."""
        self.tenant: Tenant = self.run(factories.make_tenant())
        other_team = new_id()
        self.run(tenants.add_team(self.tenant.tenant_id, other_team, name="乙", now=NOW))
        self.reps = [self.tenant.rep, self.run(a_rep(self.tenant, other_team))]
        manager = msgspec.structs.replace(self.tenant.manager, scope=Scope.TEAM)
        theirs = msgspec.structs.replace(manager, user_id=new_id(), team_id=other_team)
        self.readers = [self.tenant.owner, manager, theirs]

    @rule(target=leads, sort=st.sampled_from(["clean", "unphoned", "twins"]))
    def come_in(self, sort: str) -> Any:
        """Take in a lead that is fine, one that is not, or two that are one."""
        made = a_lead(phone="12" if sort == "unphoned" else a_lead().phone)
        saved = self.run(receive(self.tenant.manager, *[made] * (1 + (sort == "twins"))))
        return multiple(*saved.ids)

    @rule(lead=leads, verb=st.sampled_from(["keep", "discard", "restore"]))
    def cleanse(self, lead: UUID, verb: str) -> None:
        """Judge a lead."""
        judged = getattr(service, verb)
        self.attempt(judged(self.tenant.owner, decide([lead], "junk"), now=NOW))

    @rule(lead=leads, phone=st.sampled_from(["1", "13900000001"]))
    def mend(self, lead: UUID, phone: str) -> None:
        """Change a lead, which is judged anew."""
        self.attempt(service.edit(self.tenant.owner, lead, LeadEdit(phone=phone), now=NOW))

    @rule(lead=leads, who=st.integers(0, 1))
    def route(self, lead: UUID, who: int) -> None:
        """Route a lead to one team's rep or the other's."""
        person_id = self.reps[who].user_id
        self.attempt(service.route(self.tenant.owner, lead, person_id=person_id, now=NOW))

    @rule(lead=leads, who=st.integers(0, 1), is_taken=st.booleans())
    def answer(self, lead: UUID, who: int, *, is_taken: bool) -> None:
        """Accept a lead or give it back."""
        rep = self.reps[who]
        if is_taken:
            self.attempt(service.accept(rep, lead, now=NOW))
        else:
            no = Return(reason=ReturnReason.NO_NEED, note="")
            self.attempt(service.give_back(rep, lead, no, now=NOW))

    @rule(lead=leads, who=st.integers(0, 1))
    def hand_over(self, lead: UUID, who: int) -> None:
        """Let a lead that somebody has go to the other rep."""
        self.run(self._hand_over(lead, self.reps[who].user_id))

    async def _hand_over(self, lead: UUID, person_id: UUID) -> None:
        """Do as a hand-over of customers does with the leads of those that move."""
        held = await queries.detail(self.tenant.owner, lead)
        if held.lead.assignee_id is not None:
            async with db.tenant_transaction(self.tenant.tenant_id):
                await handing_over.moved(self.tenant.owner, {lead: person_id}, NOW)

    @rule()
    def sum_up(self) -> None:
        """Put the counts together."""
        self.run(counting.sum_up(self.tenant.tenant_id))

    @invariant()
    def numbers_are_those_of_the_leads(self) -> None:
        """Ask everybody who manages leads."""
        for reader in getattr(self, "readers", ()):
            self.run(ensure_equal(reader))


async def ensure_equal(reader: Actor) -> None:
    """Hold the board against the list of all leads within sight."""
    listed = (await queries.list_page(reader, LeadFilters(), limit=200)).items
    board = await queries.board(reader)
    counted = Counter(lead.state for lead in listed)
    assert board.states == {str(state): counted[state] for state in LeadState}
    suspects = Counter(lead.verdict for lead in listed if lead.state is LeadState.SUSPECT)
    assert board.verdicts == dict(suspects)
    for verdict in suspects:
        filters = LeadFilters(state=LeadState.SUSPECT, verdict=verdict)
        assert len((await queries.list_page(reader, filters)).items) == suspects[verdict]


def test_s39_the_board_counts_what_its_reader_can_list(loop: asyncio.AbstractEventLoop) -> None:
    BoardMachine.loop = loop
    run_state_machine_as_test(
        BoardMachine,
        settings=rules_of_play(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_summing_up_twice_at_once_counts_nothing_twice(tenant: Tenant) -> None:
    await receive(tenant.manager, a_lead())
    await receive(tenant.manager, a_lead())
    async with db.tenant_transaction(tenant.tenant_id):
        await counting.sum_up(tenant.tenant_id)
        other = await meanwhile(counting.sum_up(tenant.tenant_id))
    await other

    assert (await queries.board(tenant.owner)).states["ready"] == 2
    async with db.tenant_transaction(tenant.tenant_id):
        rows = await db.connection().fetch(
            "SELECT leads FROM lead_count WHERE tenant_id = $1", tenant.tenant_id
        )
    assert [row["leads"] for row in rows] == [2]
