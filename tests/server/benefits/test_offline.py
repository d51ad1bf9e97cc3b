"""A benefit that was requested offline is decided when the phone pushes it."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.benefits import queries, sync
from server.benefits.rules import BenefitState
from server.benefits.schemas import BenefitFilters
from server.kit.errors import Invalid
from server.settings import Settings
from sync_protocol.messages import Intent, Status
from tests.factories import NOW, Tenant, new_id
from tests.server.benefits import stories
from tests.server.sync.devices import Device, make_device


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """The phone of a rep."""
    return await make_device(database, tenant)


def asks(phone: Device, request_id: UUID, **args: Any) -> Intent:
    """Write the intent to request a benefit."""
    phone.number += 1
    return Intent(
        number=phone.number,
        id=str(request_id),
        name="benefits.request",
        args={name: str(value) for name, value in args.items()},
        at_ms=0,
    )


async def test_a_benefit_is_issued_for_a_customer_of_the_same_push(phone: Device) -> None:
    program = await stories.make_program()
    customer_id, request_id = new_id(), new_id()

    answer = await phone.push(
        phone.create("customer", customer_id, name="老街茶庄"),
        asks(phone, request_id, customer_id=customer_id, program_id=program.id),
    )

    assert [outcome.status for outcome in answer.outcomes] == [Status.APPLIED, Status.APPLIED]
    view = await queries.benefit(phone.actor, request_id)
    assert view.state is BenefitState.ISSUED


async def test_a_retry_online_meets_the_same_benefit(phone: Device) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(phone.actor)
    request_id = new_id()
    await stories.request(phone.actor, customer_id, program.id, request_id=request_id)

    outcome = await phone.outcome(
        asks(phone, request_id, customer_id=customer_id, program_id=program.id)
    )

    assert outcome.status is Status.APPLIED
    assert (await queries.program(stories.OPERATOR, program.id)).held_minor == stories.AMOUNT


async def test_a_refusal_is_the_ops_outcome_and_leaves_the_rest(phone: Device) -> None:
    program = await stories.make_program(1)
    customers = [new_id(), new_id()]
    answer = await phone.push(
        *(phone.create("customer", each, name=f"茶庄{each.hex[-3:]}") for each in customers),
        *(
            asks(phone, new_id(), customer_id=each, program_id=program.id)
            for each in (customers[0], customers[0], customers[1])
        ),
    )

    told = [(outcome.status, outcome.code) for outcome in answer.outcomes[2:]]
    assert told[0][0] is Status.APPLIED
    assert told[1:] == [
        (Status.REJECTED, "customer_limit_reached"),
        (Status.REJECTED, "budget_exhausted"),
    ]
    listed = await queries.benefits(phone.actor, BenefitFilters(program_id=program.id))
    assert sorted(item.state for item in listed.items) == [
        BenefitState.ISSUED,
        BenefitState.REFUSED,
        BenefitState.REFUSED,
    ]
    assert (await queries.program(stories.OPERATOR, program.id)).available_minor == 0


@pytest.mark.parametrize(
    "args", [{}, {"customer_id": "x", "program_id": "y"}, {"customer_id": UUID(int=1)}]
)
async def test_an_intent_without_its_arguments_is_rejected(
    phone: Device, args: dict[str, Any]
) -> None:
    outcome = await phone.outcome(asks(phone, new_id(), **args))

    assert (outcome.status, outcome.code, outcome.field) == (Status.REJECTED, "invalid", "args")


async def test_an_intent_whose_id_is_no_benefits_is_refused(phone: Device) -> None:
    asked = asks(phone, new_id(), customer_id=new_id(), program_id=new_id())

    with pytest.raises(Invalid) as refused:
        await sync.request(phone.actor, msgspec.structs.replace(asked, id="first"), NOW)

    assert refused.value.field == "id"


async def test_pushes_that_ask_of_programs_in_opposite_orders_both_go_through(
    database: Settings, tenant: Tenant, rival: Tenant
) -> None:
    there, back = [await make_device(database, each) for each in (tenant, rival)]
    programs = [(await stories.make_program(100)).id for _ in range(2)]
    customers = [await stories.make_customer(each.actor) for each in (there, back)]

    for _ in range(12):
        answers = await asyncio.gather(
            *(
                phone.push(
                    *(
                        asks(phone, new_id(), customer_id=customer_id, program_id=program_id)
                        for program_id in order
                    )
                )
                for phone, customer_id, order in (
                    (there, customers[0], programs),
                    (back, customers[1], programs[::-1]),
                )
            )
        )
        assert [len(answer.outcomes) for answer in answers] == [2, 2]
