"""Whoever lets a payment go sees what came of its items before, and what its agent is now."""

from datetime import timedelta

import msgspec
import pytest

from billing.commissions import paying, queries, taxes
from billing.commissions.rules.payouts import PaymentState
from billing.commissions.schemas import NaturalPersonSaid, OrderedBefore, PersonDeclared
from tests.billing.commissions.test_service import (
    CHECKER,
    MAKER,
    WHY,
    a_plan,
    a_sale,
    accrue,
    do,
    earn,
    of,
    pay,
)
from tests.factories import NOW, new_id

pytestmark = pytest.mark.usefixtures("database")


async def test_what_was_ordered_before_is_said_at_the_payment_that_pays_it_anew() -> None:
    agent, teller = new_id(), new_id()
    await accrue(a_sale(await a_plan(), agent))
    await earn()
    first = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
    await do(paying.approve, first.id, first.hash, CHECKER)
    one = of(first, agent)
    said = msgspec.structs.replace(MAKER, actor_id=teller, now=NOW + timedelta(hours=1))
    await do(paying.settle, one.id, PaymentState.FAILED, said, reason=WHY)
    # A draft that nobody lets go was never ordered.
    draft = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
    await do(paying.discard, draft.id, MAKER)

    again = of(await do(paying.make_batch, new_id(), MAKER, minimum_minor=1), agent)
    settled = await do(paying.settle, one.id, PaymentState.FAILED, MAKER, reason=WHY)

    assert (one.before, settled.before, of(draft, agent).before) == ([], [], again.before)
    assert again.before == [
        OrderedBefore(
            batch_id=first.id,
            ordered_at=NOW,
            state=PaymentState.FAILED,
            reason=WHY,
            said_by=teller,
            said_at=NOW + timedelta(hours=1),
        )
    ]


async def test_what_an_agent_was_said_to_be_since_its_last_payment_is_said_at_the_next() -> None:
    agent, plan = new_id(), await a_plan()

    async def say(*, is_one: bool) -> None:
        await do(taxes.say, NaturalPersonSaid(id=new_id(), agent_id=agent, is_one=is_one), MAKER)

    await say(is_one=True)
    await accrue(a_sale(plan, agent))
    await earn()
    first = of(await pay(), agent)
    # Said by a server whose clock is behind.
    await say(is_one=False)
    await accrue(a_sale(plan, agent))
    await earn()
    batch = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
    later = msgspec.structs.replace(CHECKER, now=NOW + timedelta(minutes=1))
    second = of(await do(paying.approve, batch.id, batch.hash, later), agent)
    await accrue(a_sale(plan, agent))
    await earn()
    draft = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
    await say(is_one=True)
    looked_at = of(await do(queries.batch, draft.id), agent)

    told = PersonDeclared(is_one=True, said_by=MAKER.actor_id, said_at=NOW)
    assert first.declared == [told]
    assert second.declared == [msgspec.structs.replace(told, is_one=False)]
    assert (of(draft, agent).declared, looked_at.declared) == ([], [told])
    # What was let go stays as it was looked at.
    assert of(await do(queries.batch, batch.id), agent) == second


async def test_the_last_word_counts_whatever_the_clocks_of_servers_say() -> None:
    agent = new_id()
    ahead = msgspec.structs.replace(MAKER, now=NOW + timedelta(seconds=2))
    for is_one, books in ((True, ahead), (False, MAKER)):
        said = NaturalPersonSaid(id=new_id(), agent_id=agent, is_one=is_one)
        await do(taxes.say, said, books)

    assert agent not in await do(taxes.people, [agent])
