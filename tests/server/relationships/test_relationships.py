"""How well a customer's people are known falls with silence, rises with contact; gaps are work."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor
from server.activities import queries as activities
from server.activities import service as todo
from server.activities.schemas import (
    CallOutcome,
    Completion,
    NewCall,
    NewTask,
    NewVisit,
    VisitEdit,
)
from server.customers import queries as customers
from server.customers import service as customers_service
from server.customers.schemas import ContactEdit, NewContact
from server.kit.errors import NotFound
from server.relationships import queries, rules, service
from server.relationships.rules import Gap, Kind, Missing, Stakeholder, Touch
from server.settings import Settings
from sync_protocol.process.definition import Canonical
from tests.factories import NOW, Tenant, new_id
from tests.server.cases.test_cases import open_case
from tests.server.pipeline.stories import begin, make_customer
from tests.server.sync.devices import make_device

DAY = timedelta(days=1)
ONE, OTHER = new_id(), new_id()


def depth(*touches: Touch, now: datetime = NOW) -> int:
    """Measure one of two contacts."""
    return rules.depths(touches, [ONE, OTHER], now)[ONE]


def person(role: str | None, depth: int, stance: str | None = None) -> Stakeholder:
    """Make somebody who is known so well."""
    return Stakeholder(id=new_id(), name="某人", role=role, stance=stance, depth=depth)


# ------------------------------------------------------------------------------------- the rule


def test_s75_score_falls_with_silence_and_rises_with_two_way_contact() -> None:
    visit = Touch(Kind.VISIT, NOW, ONE)
    silence = [depth(visit, now=NOW + days * DAY) for days in (0, 30, 60, 120, 365)]

    assert silence == sorted(silence, reverse=True)
    assert silence[0] > silence[1] > silence[2] > silence[3] > silence[4]
    # By the formula: a visit today is 1 - e^(-1/1.5), sixty days later 1 - e^(-0.5/1.5).
    assert (silence[0], silence[2]) == (49, 28)
    answered = depth(visit, Touch(Kind.ANSWERED, NOW, ONE))
    one_way = depth(visit, Touch(Kind.DONE, NOW, ONE))
    assert answered > one_way > silence[0]


def test_s75_who_was_not_written_down_is_shared_and_the_future_counts_for_nothing() -> None:
    unnamed = Touch(Kind.VISIT, NOW)

    assert depth(unnamed) == depth(Touch(Kind.VISIT, NOW - rules.HALF_LIFE, ONE))
    assert depth(Touch(Kind.VISIT, NOW + DAY, ONE)) == 0
    assert depth(Touch(Kind.VISIT, NOW, OTHER)) == 0
    assert rules.depths([unnamed], [], NOW) == {}


@given(
    st.lists(
        st.builds(
            Touch,
            st.sampled_from(Kind),
            st.integers(0, 900).map(lambda days: NOW - days * DAY),
            st.sampled_from([ONE, OTHER, None]),
        ),
        max_size=20,
    ),
    st.sampled_from(Kind),
)
def test_s75_more_contact_never_lowers_and_silence_never_raises(
    touches: list[Touch], kind: Kind
) -> None:
    before = depth(*touches)

    assert 0 <= before <= 100
    assert depth(*touches, Touch(kind, NOW, ONE)) >= before
    assert depth(*touches, now=NOW + 7 * DAY) <= before


def test_those_who_decide_count_more() -> None:
    assert rules.score([person("decides", 80), person("uses", 0)]) == 60
    assert rules.score([]) == 0


def test_what_a_stage_wants() -> None:
    doubter = person("uses", 10, "doubts")
    decider, champion = person("decides", 39), person("buys", 50, "supports")

    assert rules.missing(Canonical.LEAD, []) == [Missing(Gap.NOBODY_MET)]
    assert rules.missing(Canonical.LEAD, [person(None, 20)]) == []
    assert rules.missing(Canonical.PRE_OPPORTUNITY, [champion]) == [Missing(Gap.DECIDER_UNKNOWN)]
    assert rules.missing(Canonical.OPPORTUNITY, [decider, champion, doubter]) == [
        Missing(Gap.DECIDER_DISTANT, decider.id),
        Missing(Gap.OPPONENT_UNHEARD, doubter.id),
    ]
    assert Missing(Gap.SUPPORTER_MISSING) in rules.missing(Canonical.OPPORTUNITY, [decider])


# ------------------------------------------------------------------------------- at a customer


async def add_contact(actor: Actor, customer: UUID, name: str, **fields: Any) -> UUID:
    """Add one of a customer's people."""
    new = NewContact(name=name, **fields)
    return (await customers_service.add_contact(actor, customer, new, now=NOW)).id


async def test_s75_visits_tasks_and_cases_move_the_map(tenant: Tenant) -> None:
    customer = await make_customer(tenant.rep)
    boss = await add_contact(tenant.rep, customer, "周总", role="decides", stance="leans")
    clerk = await add_contact(tenant.rep, customer, "小李")

    async def depths(now: datetime = NOW) -> tuple[int, int]:
        found = await queries.of_customer(tenant.rep, customer, now=now)
        held = {each.id: each.depth for each in found.people}
        return held[boss], held[clerk]

    nothing = await depths()
    visit = NewVisit(checked_in_at=NOW, contact_id=boss)
    await todo.add_visit(tenant.rep, customer, visit, now=NOW)
    visited = await depths()
    tried = NewCall(outcome=CallOutcome.NO_ANSWER, contact_id=clerk)
    await todo.add_call(tenant.rep, customer, tried, now=NOW)
    unanswered = await depths()
    answered = NewCall(outcome=CallOutcome.ANSWERED, contact_id=clerk)
    await todo.add_call(tenant.rep, customer, answered, now=NOW)
    called = await depths()
    new = NewTask(title="寄样册", contact_id=clerk)
    task = await todo.add_task(tenant.rep, customer, new, now=NOW)
    await todo.complete_task(tenant.rep, task.id, Completion(result="已签收"), now=NOW)
    sent = await depths()
    await open_case(tenant.rep, customer_id=customer)
    complained = await depths()
    cancelled = NewVisit(planned_at=NOW, contact_id=clerk)
    planned = await todo.add_visit(tenant.rep, customer, cancelled, now=NOW)
    await todo.change_visit(tenant.rep, planned.id, VisitEdit(cancelled_at=NOW), now=NOW)

    assert nothing == (0, 0)
    assert visited[0] > 0 == visited[1]
    assert unanswered == visited
    assert sent[0] == called[0] == visited[0]
    assert sent[1] > called[1] > 0
    assert complained[0] > sent[0]
    assert complained[1] > sent[1]
    assert await depths() == complained
    later = await queries.of_customer(tenant.rep, customer, now=NOW + 90 * DAY)
    assert later.score < later.score_before
    assert later.people[0].touched_at == NOW
    with pytest.raises(NotFound):
        await queries.of_customer(tenant.rep, new_id(), now=NOW)


async def test_s75_a_gap_becomes_a_task(tenant: Tenant) -> None:
    customer = await make_customer(tenant.rep)
    doubter = await add_contact(tenant.rep, customer, "老王", role="uses", stance="doubts")
    await begin(tenant.rep, customer)

    first = await service.order(tenant.manager, customer, now=NOW)
    again = await service.order(tenant.manager, customer, now=NOW + DAY)
    next_month = await service.order(tenant.rep, customer, now=NOW + 31 * DAY)

    assert [each.gap for each in first.map.gaps] == [Gap.NOBODY_MET, Gap.OPPONENT_UNHEARD]
    assert (first.tasks, again.tasks, next_month.tasks) == (2, 0, 2)
    made = await activities.tasks_of(tenant.rep, customer)
    about = [each for each in made if each.contact_id == doubter]
    assert {each.title for each in about} == {"提升关系 · 听听老王的顾虑"}
    assert {each.assignee_id for each in made} == {tenant.rep.user_id}
    assert first.map.gaps[1].task_id in {each.id for each in made}


async def test_s75_what_is_ordered_twice_at_once_is_ordered_once(tenant: Tenant) -> None:
    customer = await make_customer(tenant.rep)

    ordered = await asyncio.gather(
        *(
            service.order(tenant.rep, customer, now=NOW + timedelta(seconds=second))
            for second in range(3)
        )
    )

    assert sorted(each.tasks for each in ordered) == [0, 0, 1]


async def test_a_name_that_fills_its_field_becomes_a_task_too(tenant: Tenant) -> None:
    customer = await make_customer(tenant.rep)
    await add_contact(tenant.rep, customer, "长" * 200, stance="doubts")

    assert (await service.order(tenant.rep, customer, now=NOW)).tasks == 2


async def test_role_and_stance_are_noted_without_a_network(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    customer, contact = new_id(), new_id()

    answer = await phone.push(
        phone.create("customer", customer, name="老街茶庄"),
        phone.create("contact", contact, customer_id=str(customer), name="周总", role="decides"),
        phone.create(
            "visit",
            new_id(),
            customer_id=str(customer),
            checked_in_at=1_772_000_000_000,
            contact_id=str(contact),
        ),
    )
    await customers_service.edit_contact(
        tenant.owner, contact, ContactEdit(stance="supports"), now=NOW
    )
    await phone.pull()

    assert [each.status for each in answer.outcomes] == ["applied"] * 3
    held = phone.replica["contact", str(contact)]
    assert (held["role"], held["stance"]) == ("decides", "supports")
    assert phone.replica == await phone.snapshot()
    (shown,) = (await customers.detail(tenant.owner, customer)).contacts
    assert shown.role == "decides"
