"""What was tried against registrations, and does not work."""

import msgspec
import pytest

from server.identity import keys
from server.kit.errors import Invalid
from server.partners.rules.agents import Tier
from server.registrations import queries, service
from server.registrations.rules.states import AlreadyRegistered, EvidenceOnItsWay
from server.registrations.rules.terms import Terms
from server.registrations.schemas import Evidence, NewTerms, NewVerdict, Show
from server.registrations.service import passing
from server.settings import Settings
from server.sync.merging import merge
from server.sync.unmerging import unmerge
from tests.factories import NOW, Tenant, make_tenant, new_id
from tests.server.contracts import stories as contracts
from tests.server.registrations.stories import (
    DAY,
    HOUR,
    OPERATOR,
    SETTLED,
    Dispute,
    decide,
    make_shop,
    new_phone,
    register,
    seen,
    work,
)


@pytest.fixture(scope="module")
async def rivals(database: Settings) -> list[Tenant]:
    """Three agents that compete."""
    keys.open_keys(database)
    return [await make_tenant() for _ in range(3)]


async def test_a_registered_customer_that_is_merged_stays_protected_and_finds_back(
    rivals: list[Tenant],
) -> None:
    agent = rivals[0]
    shop, double = [await make_shop(agent.rep, new_phone()) for _ in range(2)]
    mine = await register(agent.rep, customer_id=shop)
    await work(SETTLED)
    told = await merge(agent.owner, shop, double, now=SETTLED)
    await work(SETTLED + HOUR)
    view = await seen(agent.owner, mine, now=SETTLED)
    with pytest.raises(AlreadyRegistered):
        await register(agent.rep, customer_id=double, now=SETTLED)
    await unmerge(agent.owner, double, told.id, now=SETTLED + HOUR)
    await work(SETTLED + 2 * HOUR)
    back = await seen(agent.owner, mine, now=SETTLED)

    assert (view.state, view.customer_id) == ("granted", double)
    assert (back.state, back.customer_id) == ("granted", shop)


async def test_terms_name_each_tier() -> None:
    short = msgspec.structs.replace(Terms(), tiers={Tier.GOLD: Terms().tiers[Tier.GOLD]})
    with pytest.raises(Invalid) as refused:
        await service.set_terms(OPERATOR, NewTerms(holds_from=NOW + DAY, terms=short), now=NOW)
    assert refused.value.field == "terms.tiers"


async def test_evidence_that_is_on_its_way_is_waited_for(rivals: list[Tenant]) -> None:
    """Brought in time, while the worker was away: neither arbitrator nor rules pass it by."""
    dispute, other = Dispute(*rivals[:2]), Dispute(*rivals[1:])
    await dispute.begin(NOW - HOUR)
    await other.begin(NOW - HOUR)
    record = await contracts.write(dispute.challenger.rep, customer_id=dispute.shop, now=NOW - DAY)
    await service.bring(
        dispute.challenger.rep,
        dispute.claimed,
        Show(evidence=Evidence(kind="contract", record_id=record), id=new_id()),
        now=SETTLED + 4 * DAY,
    )

    with pytest.raises(EvidenceOnItsWay):
        await service.rule(OPERATOR, dispute.case_id, NewVerdict(), now=SETTLED + 6 * DAY)
    # No other case waits for it.
    decided = await service.rule(OPERATOR, other.case_id, NewVerdict(), now=SETTLED + 6 * DAY)
    assert decided.verdict_hash is not None
    await service.decide_due(dispute.case_id, now=SETTLED + 11 * DAY)
    before = await dispute.states(SETTLED + 11 * DAY)
    await work(SETTLED + 11 * DAY)
    await work(SETTLED + 12 * DAY)

    assert before == ("granted", "contested")
    case = await queries.of_registration(
        dispute.challenger.rep, dispute.claimed, now=SETTLED + 12 * DAY
    )
    assert case.replay is not None
    assert [each.evidence_ms for each in case.replay.claims if each.evidence_ms] != []


@pytest.mark.parametrize("is_party", [False, True])
async def test_m14_who_leaves_in_the_middle_of_a_case_leaves_no_two_and_nobody_against_itself(
    rivals: list[Tenant], *, is_party: bool
) -> None:
    """The successor has its days; whom the leaver stood against stands against the successor."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin(NOW - HOUR)
    heir = rivals[1] if is_party else rivals[2]
    shop = await make_shop(heir.rep, new_phone())
    passed_id, now = new_id(), SETTLED + DAY
    is_passed = await passing.pass_on(
        dispute.held,
        to=heir.tenant_id,
        new_id=passed_id,
        customer_id=shop,
        holder_id=heir.rep.user_id,
        now=now,
    )
    await work(now)
    passed = await seen(heir.owner, passed_id, now=now)
    claimed = await seen(rivals[1].owner, dispute.claimed, now=now)

    assert is_passed
    assert passed.state == "granted"
    if is_party:
        # What it stood against is its own now.
        assert (claimed.state, passed.case_id) == ("released", None)
    else:
        assert claimed.state == "contested"
        assert claimed.case_id == passed.case_id is not None


async def test_nobody_releases_a_registration_by_registering_under_its_id(
    rivals: list[Tenant],
) -> None:
    """Who knows it from an old export, or foresees that of a leaver's successor."""
    holder, rival = rivals[0], rivals[2]
    theirs = await register(holder.rep, new_phone())
    await work(SETTLED)
    shop = await make_shop(rival.rep, new_phone(), now=SETTLED)
    forged = await register(rival.rep, customer_id=shop, registration_id=theirs, now=SETTLED)
    await decide(rival.rep, forged, "release", now=SETTLED)
    await work(SETTLED)

    assert (await seen(holder.rep, theirs, now=SETTLED)).state == "granted"
