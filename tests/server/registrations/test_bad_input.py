"""What nobody may do: each is refused with a code that says what to do, and nothing is half done.

Outside one's territory: see `test_registrations`, where territories are dated.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.customers import service as customers
from server.customers.schemas import CustomerEdit
from server.kit.errors import NotFound, Refusal
from server.registrations import queries, service
from server.registrations.rules.terms import Terms
from server.registrations.schemas import Evidence, NewVerdict, Show, Word
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant, new_id
from tests.server.activities import stories as activities
from tests.server.registrations.stories import (
    DAY,
    SETTLED,
    at,
    make_shop,
    new_phone,
    register,
    work,
)

OPERATOR = make_platform_actor()


class Dispute(msgspec.Struct, frozen=True):
    """A case between two agents, each with a visit of its own."""

    holder: Tenant
    agent: Tenant
    shop: UUID
    mine: UUID
    case_id: UUID
    visits: dict[str, UUID]

    async def show(self, visit: str, registration: UUID | None = None) -> object:
        """Bring a visit to the case."""
        shown = Show(evidence=Evidence(kind="visit", record_id=self.visits[visit]))
        return await service.show(self.agent.rep, registration or self.mine, shown, now=SETTLED)


@pytest.fixture(scope="module")
async def dispute(database: object) -> Dispute:
    """Let one agent be protected, and another, whose phone comes late, stand against it."""
    holder, agent = await make_tenant(), await make_tenant()
    phone = new_phone()
    theirs = await make_shop(holder.rep, phone)
    await register(holder.rep, customer_id=theirs, made=at(NOW))
    await work(SETTLED)
    shop = await make_shop(agent.rep, phone)
    mine = await register(agent.rep, customer_id=shop, made=at(NOW), now=SETTLED)
    await work(SETTLED)
    case = await queries.of_registration(agent.rep, mine, now=SETTLED)
    elsewhere = await make_shop(agent.rep, new_phone())
    visits = {
        "a rival's": (await activities.go(holder.rep, theirs)).id,
        "of another customer": (await activities.go(agent.rep, elsewhere)).id,
        "nobody's": new_id(),
    }
    return Dispute(holder, agent, shop, mine, case.id, visits)


async def _nobody(given: Dispute) -> None:
    nobody = await make_shop(given.agent.rep, new_phone())
    await customers.edit(given.agent.rep, nobody, CustomerEdit(phone=None), now=NOW)
    await register(given.agent.rep, customer_id=nobody)


async def _too_many(given: Dispute) -> None:
    rep = given.agent.actor(given.agent.rep.role, scope=given.agent.owner.scope)
    for _ in range(Terms().per_day_rep + 1):
        await register(rep)


async def _late(given: Dispute) -> None:
    await service.rule(OPERATOR, given.case_id, NewVerdict(), now=SETTLED + 10 * DAY)


_REFUSED: dict[str, tuple[Callable[[Dispute], Awaitable[Any]], str, str | None]] = {
    "without-identity": (_nobody, "registration_without_identity", "customer_id"),
    "of-ones-own-customer-twice": (
        lambda given: register(given.agent.rep, customer_id=given.shop, now=SETTLED),
        "already_registered",
        "customer_id",
    ),
    "beyond-the-quota": (_too_many, "registration_quota", None),
    **{
        f"on-a-visit-{whose.replace(' ', '-')}": (
            partial(Dispute.show, visit=whose),
            "evidence_of_another",
            "evidence.record_id",
        )
        for whose in ("a rival's", "of another customer", "nobody's")
    },
    "ruled-after-the-deadline": (_late, "verdict_too_late", "case_id"),
}


@pytest.mark.parametrize("what", _REFUSED)
async def test_s67_what_may_not_be_is_refused_and_nothing_is_half_done(
    dispute: Dispute, what: str
) -> None:
    """The code, the field that it is about, a sentence; the case stands as before."""
    attempt, code, field = _REFUSED[what]
    before = await queries.of_registration(dispute.agent.rep, dispute.mine, now=SETTLED)

    with pytest.raises(Refusal) as refused:
        await attempt(dispute)
    await work(SETTLED)

    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.detail
    after = await queries.of_registration(dispute.agent.rep, dispute.mine, now=SETTLED)
    assert after == before


async def test_m1_a_forged_case_is_like_one_that_is_not_there(dispute: Dispute) -> None:
    """To the arbitrator, and to an agent that tries with a rival's registration."""
    forged, told = new_id(), Word(registration_id=dispute.mine)
    attempts: list[Awaitable[object]] = [
        queries.case(OPERATOR, forged, now=SETTLED),
        service.rule(OPERATOR, forged, NewVerdict(), now=SETTLED),
        service.hear(OPERATOR, forged, told, now=SETTLED),
        queries.of_registration(dispute.holder.rep, dispute.mine, now=SETTLED),
        dispute.show("nobody's", new_id()),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            await attempt


async def test_what_may_be_shown_is_listed_with_what_it_is_good_for(dispute: Dispute) -> None:
    """One's own visits of this customer, the newest first; only a recent one extends."""
    agent, phone = dispute.agent, new_phone()
    shop = await make_shop(agent.rep, phone)
    mine = await register(agent.rep, customer_id=shop)
    early = (await activities.go(agent.rep, shop)).id
    await work(SETTLED)
    recent = (await activities.go(agent.rep, shop, minutes=29 * 24 * 60)).id

    told = await queries.showable(agent.rep, mine, now=SETTLED + DAY)

    assert [(each.record_id, each.extends, each.in_case) for each in told] == [
        (recent, True, False),
        (early, False, False),
    ]
    rules = await queries.published(agent.rep)
    assert rules.steps[-1] == "lot"
