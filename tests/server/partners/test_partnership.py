"""What platform and agent have agreed: both read the same, and it holds from when it was said."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor, Role
from server.kit import db
from server.kit.errors import Forbidden, IdReused, NotFound
from server.partners import queries, service
from server.partners.rules.agents import Tier
from server.partners.rules.sharing import (
    STANDARD,
    ContractReplaced,
    ContractVersionTaken,
    Shared,
    Version,
    in_force,
)
from server.partners.schemas import (
    NewAgent,
    NewAgreement,
    NewContract,
    NewOwner,
    NewStep,
    NewTier,
    Tick,
)
from tests.factories import NOW, make_actor, make_platform_actor, new_id

LATER = NOW + timedelta(days=40)


@pytest.fixture(scope="module")
def operator() -> Actor:
    return make_platform_actor()


@pytest.fixture
async def owner(database: object, operator: Actor) -> Actor:
    """The owner of an agent that has just been admitted."""
    new = NewAgent(name="诚远商贸", city="金华", owner=NewOwner(name="老板"))
    admitted = await service.admit(operator, new, now=NOW)
    return make_actor(admitted.tenant_id, Role.AGENT_OWNER)


versions = st.lists(
    st.builds(
        Version,
        st.integers(1, 9),
        st.frozensets(st.sampled_from(Shared)),
        is_accepted=st.booleans(),
    ),
    unique_by=lambda each: each.version,
)


@given(versions)
def test_m4_what_was_accepted_last_holds_and_nothing_that_was_only_offered(
    held: list[Version],
) -> None:
    holds = in_force(held)

    later = [each for each in held if each.version > holds.version]
    assert not any(each.is_accepted for each in later)
    assert holds in held or (holds.version, holds.fields) == (0, STANDARD)


async def test_both_sides_read_the_same(operator: Actor, owner: Actor) -> None:
    agent = owner.tenant_id
    agreement = NewAgreement(
        id=new_id(), number="A-7", title="代理协议", signed_on=NOW.date(), valid_from=NOW.date()
    )
    await service.record_agreement(operator, agent, agreement, now=NOW)
    await service.tick(operator, agent, "licence", Tick(note="原件已看"), now=NOW)
    await service.offer_contract(operator, agent, NewContract(version=1, fields=[]), now=NOW)

    seen = await queries.file(operator, agent, now=NOW)

    assert await queries.partnership(owner) == seen
    assert [(each.number, each.version) for each in seen.agreements] == [("A-7", 1)]
    assert {step.code for step in seen.missing} >= {"agreement", "territory"}
    assert "licence" not in {step.code for step in seen.missing}
    assert seen.offer is not None


async def test_a_tier_has_its_days(operator: Actor, owner: Actor) -> None:
    agent = owner.tenant_id
    asked = NewTier(tier=Tier.GOLD, reason="连续两年达标", id=new_id())

    for _ in range(2):
        view = await service.set_tier(operator, agent, asked, now=LATER)

    assert [(each.tier, each.since) for each in view.tiers] == [
        (Tier.GOLD, LATER.date()),
        (Tier.BRONZE, NOW.date()),
    ]
    assert (await queries.agent(operator, agent)).tier is Tier.GOLD


async def test_an_agreement_has_versions_and_comes_once(operator: Actor, owner: Actor) -> None:
    agent, first = (
        owner.tenant_id,
        NewAgreement(
            id=new_id(), number="A-1", title="代理协议", signed_on=NOW.date(), valid_from=NOW.date()
        ),
    )
    for _ in range(2):
        assert (await service.record_agreement(operator, agent, first, now=NOW)).version == 1

    second = msgspec.structs.replace(first, id=new_id(), title="补充协议")
    assert (await service.record_agreement(operator, agent, second, now=NOW)).version == 2
    other = msgspec.structs.replace(first, title="别的")
    with pytest.raises(IdReused):
        await service.record_agreement(operator, agent, other, now=NOW)


async def test_steps_call_the_owner_as_pages_do(operator: Actor, owner: Actor) -> None:
    seen = await queries.file(operator, owner.tenant_id, now=NOW)

    labels = {each.code: each.label_zh for each in seen.missing}
    assert labels["owner"] == "公司负责人账号开通并改好密码"
    assert labels["contract"] == "数据共享约定已由公司负责人确认"


async def test_steps_come_from_data_and_are_ticked_once(operator: Actor, owner: Actor) -> None:
    agent, code = owner.tenant_id, f"step_{new_id().hex[-8:]}"
    step = NewStep(code=code, label_zh="门店实地走访", label_en="Store visited")
    for _ in range(2):
        await service.add_step(operator, step, now=NOW)
    with pytest.raises(IdReused):
        await service.add_step(operator, msgspec.structs.replace(step, label_en="x"), now=NOW)

    assert code in {each.code for each in (await queries.file(operator, agent, now=NOW)).missing}
    await service.tick(operator, agent, code, Tick(), now=NOW)
    again = await service.tick(operator, agent, code, Tick(note="再说一次"), now=LATER)
    assert [(each.ticked_at, each.note) for each in again.steps if each.code == code] == [(NOW, "")]
    undone = await service.untick(operator, agent, code, now=LATER)
    assert code in {each.code for each in undone.missing}
    with pytest.raises(NotFound):
        await service.tick(operator, agent, "nothing", Tick(), now=NOW)


async def test_m4_a_contract_holds_once_the_owner_has_accepted_the_one_on_offer(
    operator: Actor, owner: Actor
) -> None:
    agent = owner.tenant_id
    narrow = NewContract(version=1, fields=[Shared.DEVICES])
    for _ in range(2):
        offered = await service.offer_contract(operator, agent, narrow, now=NOW)
    assert (offered.contract_version, set(offered.shared)) == (0, set(STANDARD))
    with pytest.raises(ContractVersionTaken):
        await service.offer_contract(operator, agent, NewContract(version=1, fields=[]), now=NOW)
    await service.offer_contract(operator, agent, NewContract(version=2, fields=[]), now=NOW)
    with pytest.raises(ContractReplaced):
        await service.accept_contract(owner, 1, now=NOW)

    for _ in range(2):
        held = await service.accept_contract(owner, 2, now=NOW)

    assert (held.contract_version, held.shared, held.offer) == (2, [], None)


async def test_who_may_not(operator: Actor, owner: Actor) -> None:
    agent = owner.tenant_id
    manager = make_actor(agent, Role.SALES_MANAGER)
    finance = make_platform_actor(Role.PLATFORM_FINANCE)
    await service.offer_contract(operator, agent, NewContract(version=1, fields=[]), now=NOW)
    for actor in (manager, operator):
        with pytest.raises(Forbidden):
            await service.accept_contract(actor, 1, now=NOW)
    for actor in (owner, finance):
        with pytest.raises(Forbidden):
            await service.set_tier(actor, agent, NewTier(tier=Tier.GOLD), now=NOW)
    with pytest.raises(Forbidden):
        await queries.partnership(operator)
    with pytest.raises(NotFound):
        await queries.file(operator, new_id(), now=NOW)


async def test_one_agents_rows_are_not_anothers(operator: Actor, owner: Actor) -> None:
    """Not even to the database: another tenant's transaction reads and accepts nothing."""
    contract = NewContract(version=1, fields=[])
    await service.offer_contract(operator, owner.tenant_id, contract, now=NOW)
    other = make_actor(new_id(), Role.AGENT_OWNER)

    with pytest.raises(NotFound):
        await service.accept_contract(other, 1, now=NOW)
    async with db.tenant_transaction(other.tenant_id):
        for table in ("agent_tier", "agent_agreement", "onboarding_tick", "sharing_contract"):
            rows = await db.connection().fetch(f"SELECT * FROM {table}")
            assert rows == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant_transaction(owner.tenant_id):
            await db.connection().execute("UPDATE sharing_contract SET fields = '{}'")
