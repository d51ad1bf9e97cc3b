"""An agent that leaves begins nothing new, keeps all it has, and loses nothing that comes late."""

from datetime import date, timedelta

import msgspec
import pytest

from server.access import Role
from server.audit import queries as audit
from server.benefits import queries as benefits
from server.benefits.rules import BenefitState, LeavingRequestsNone
from server.customers import queries as customers
from server.customers.pools import service as pools
from server.customers.pools.schemas import NewPool, Release
from server.kit import db
from server.kit.errors import Forbidden, IdReused, NotFound
from server.partners import queries, service
from server.partners.rules.exits import (
    AgentLeaving,
    ExitLastDayPast,
    ExitOpen,
    ExitState,
    ExitUnderWay,
    Freeze,
    SuccessorWrong,
    ensure_staying,
)
from server.partners.schemas import NewExit
from server.settings import Settings
from sync_protocol.messages import Intent, Status
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories
from tests.server.registrations import stories as registering
from tests.server.sync.devices import make_device

OPERATOR = make_platform_actor()
KEY = bytes(32)
LAST_DAY = date(2099, 1, 31)


async def leave(tenant: Tenant, **fields: object) -> NewExit:
    """Let the platform open a company's exit."""
    await stories.admit(tenant)
    new = msgspec.convert(
        {"id": new_id(), "reason": "合作到期", "last_day": LAST_DAY, **fields}, NewExit
    )
    await service.open_exit(OPERATOR, tenant.tenant_id, new, token_key=KEY, now=NOW)
    return new


def test_m14_a_company_is_frozen_from_the_moment_that_was_said() -> None:
    freeze = Freeze(frozen_from=NOW, last_day=LAST_DAY)

    ensure_staying(None, now=NOW)
    ensure_staying(freeze, now=NOW - timedelta(microseconds=1))
    with pytest.raises(AgentLeaving, match="2099-01-31"):
        ensure_staying(freeze, now=NOW)


async def test_m14_who_leaves_hears_of_it_and_begins_nothing_new(tenant: Tenant) -> None:
    program = await stories.make_program()
    customer_id = await stories.make_customer(tenant.rep)
    pooled = await stories.make_customer(tenant.rep)
    pool = await pools.create_pool(tenant.owner, NewPool(name="公海"), now=NOW)
    await pools.release(tenant.rep, pooled, Release(pool_id=pool.id), now=NOW)
    await leave(tenant)

    with pytest.raises(AgentLeaving):
        await registering.register(tenant.rep, registering.new_phone())
    with pytest.raises(AgentLeaving):
        await pools.pick(tenant.actor(Role.SALES_REP), pooled, now=NOW)
    with pytest.raises(LeavingRequestsNone) as refused:
        await stories.request(tenant.manager, customer_id, program.id)

    assert refused.value.code == AgentLeaving.code
    held = await queries.partnership(tenant.owner)
    assert held.exit is not None
    assert (held.exit.state, held.exit.last_day) == (ExitState.OPEN, LAST_DAY)
    feed = await audit.platform_reads(tenant.owner)
    assert "exit.opened" in {line.what for line in feed.items}
    assert (await customers.one(tenant.manager, customer_id)).name


async def test_m14_what_was_edited_offline_is_kept_and_what_was_asked_is_answered(
    database: Settings, tenant: Tenant
) -> None:
    program = await stories.make_program()
    phone = await make_device(database, tenant)
    await leave(tenant)
    customer_id, request_id = new_id(), new_id()

    def asks(name: str, asked_id: object, **args: object) -> Intent:
        phone.number += 1
        told = {key: str(value) for key, value in args.items()}
        return Intent(number=phone.number, id=str(asked_id), name=name, args=told, at_ms=0)

    answer = await phone.push(
        phone.create("customer", customer_id, name="老街茶庄", phone=registering.new_phone()),
        asks("registration.register", new_id(), customer_id=customer_id),
        asks("benefits.request", request_id, customer_id=customer_id, program_id=program.id),
    )

    kept, *asked = answer.outcomes
    assert kept.status is Status.APPLIED
    assert {(each.status, each.code) for each in asked} == {(Status.REJECTED, AgentLeaving.code)}
    assert (await customers.one(phone.actor, customer_id)).name == "老街茶庄"
    assert (await benefits.benefit(phone.actor, request_id)).state is BenefitState.REFUSED


async def test_m14_an_exit_is_opened_once_and_called_off_before_it_is_carried_out(
    tenant: Tenant,
) -> None:
    new, agent = await leave(tenant), tenant.tenant_id

    async def opens(asked: NewExit) -> None:
        await service.open_exit(OPERATOR, agent, asked, token_key=KEY, now=NOW)

    await opens(new)
    with pytest.raises(IdReused):
        await opens(msgspec.structs.replace(new, reason="别的"))
    with pytest.raises(ExitOpen):
        await opens(msgspec.structs.replace(new, id=new_id()))
    for _ in range(2):
        view = await service.cancel_exit(OPERATOR, agent, now=NOW)
    assert view.state is ExitState.CANCELLED
    await registering.register(tenant.rep, registering.new_phone())

    again = msgspec.structs.replace(new, id=new_id(), frozen_on=LAST_DAY)
    await opens(again)
    await registering.register(tenant.rep, registering.new_phone())
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute(
            "UPDATE agent_exit SET state = 'carrying' WHERE id = $1", again.id
        )
    with pytest.raises(ExitUnderWay):
        await service.cancel_exit(OPERATOR, agent, now=NOW)


async def test_bad_exits_are_refused(tenant: Tenant) -> None:
    with pytest.raises(ExitLastDayPast):
        await leave(tenant, last_day=NOW.date() - timedelta(days=1))
    with pytest.raises(ExitLastDayPast):
        await leave(tenant, frozen_on=LAST_DAY + timedelta(days=1))
    with pytest.raises(NotFound):
        await service.cancel_exit(OPERATOR, tenant.tenant_id, now=NOW)
    with pytest.raises(SuccessorWrong):
        await leave(tenant, successor_ids=[tenant.tenant_id])
    new = NewExit(id=new_id(), reason="", last_day=LAST_DAY)
    with pytest.raises(Forbidden):
        await service.open_exit(tenant.owner, tenant.tenant_id, new, token_key=KEY, now=NOW)
