"""What the platform does with budgets leaves one line each in the platform's own trail."""

import msgspec
import pytest

from server.access import PLATFORM_TENANT, Actor
from server.benefits import service as benefits
from server.benefits.queries import issuances
from server.benefits.rules import BudgetExhausted
from server.benefits.schemas import (
    IssuanceFilters,
    NewAllocation,
    NewFunding,
    NewProgram,
    NewVoid,
)
from server.kit import db
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories


async def trail_of(actor: Actor) -> list[tuple[str, dict[str, object]]]:
    """Read what one of the staff has done."""
    async with db.tenant_transaction(PLATFORM_TENANT, readonly=True):
        rows = await db.connection().fetch(
            "SELECT action, detail FROM audit_entry WHERE tenant_id = $1 AND actor_id = $2"
            " ORDER BY action",
            PLATFORM_TENANT,
            actor.user_id,
        )
    return [(row["action"], msgspec.json.decode(row["detail"])) for row in rows]


async def test_each_movement_of_a_budget_is_in_the_trail_once(tenant: Tenant) -> None:
    await stories.admit(tenant)
    operator = make_platform_actor()
    program = NewProgram(id=new_id(), name="开春进货券", amount_minor=stories.AMOUNT, opens_at=NOW)
    funding = NewFunding(id=new_id(), amount_minor=3 * stories.AMOUNT)
    part = NewAllocation(
        id=new_id(), agent_id=tenant.tenant_id, amount_minor=2 * stories.AMOUNT, is_return=False
    )
    for _ in range(2):
        await benefits.create_program(operator, program, token_key=stories.TOKEN_KEY, now=NOW)
        await benefits.fund(operator, program.id, funding, now=NOW)
        await benefits.allocate(operator, program.id, part, now=NOW)
    customer_id = await stories.make_customer(tenant.rep)
    await stories.request(tenant.rep, customer_id, program.id)
    page = await issuances(operator, IssuanceFilters(program_id=program.id), now=NOW)
    await benefits.void(
        operator, page.items[0].id, NewVoid(id=new_id(), reason="发错了客户"), now=NOW
    )

    told = await trail_of(operator)

    assert [action for action, _ in told] == [
        "allocation.made",
        "benefit.voided",
        "program.created",
        "program.funded",
    ]
    assert told[0][1]["agent_id"] == str(tenant.tenant_id)
    assert told[0][1]["amount_minor"] == 2 * stories.AMOUNT
    assert "发错了客户" not in str(told)


async def test_what_the_books_refuse_is_not_in_the_trail(tenant: Tenant) -> None:
    operator = make_platform_actor()
    program = await stories.make_program(1)
    too_much = NewFunding(id=new_id(), amount_minor=9 * stories.AMOUNT, is_return=True)

    with pytest.raises(BudgetExhausted):
        await benefits.fund(operator, program.id, too_much, now=NOW)

    assert await trail_of(operator) == []
