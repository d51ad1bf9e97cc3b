"""Disputes: evidence of both sides, a verdict that anybody can replay, one appeal."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from server.access import Role
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.identity import keys
from server.kit import db
from server.kit.errors import NotFound
from server.registrations import queries, service, tonglu_replay
from server.registrations.rules.order import Rule
from server.registrations.rules.states import (
    AppealBySame,
    AppealedOnce,
    CaseMoved,
    CaseState,
    DifferencesUnseen,
    EvidenceOfAnother,
    EvidenceOpen,
    EvidenceTooLate,
    NotAParty,
    RulesUndecided,
    VerdictTooLate,
    VerdictUnexplained,
)
from server.registrations.rules.terms import (
    EvidenceAfterVerdict,
    SettlesTooSoon,
    Terms,
    TermsInThePast,
)
from server.registrations.schemas import (
    Appeal,
    Evidence,
    NewRules,
    NewTerms,
    NewVerdict,
    Show,
    SwitchOn,
    Word,
)
from server.registrations.sync import MUTATIONS
from server.settings import Settings
from sync_protocol.messages import Intent
from sync_protocol.registering import State
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant, new_id
from tests.server.contracts import stories as contracts
from tests.server.registrations.stories import (
    ANOTHER,
    DAY,
    HOUR,
    OPERATOR,
    SETTLED,
    Dispute,
    decide,
    make_shop,
    new_phone,
    register,
    work,
)


@pytest.fixture(scope="module")
async def rivals(database: Settings) -> list[Tenant]:
    """Three agents that compete."""
    keys.open_keys(database)
    return [await make_tenant() for _ in range(3)]


@pytest.fixture
async def dispute(rivals: list[Tenant]) -> Dispute:
    """A case in which the challenger was an hour earlier."""
    made = Dispute(*rivals[:2])
    await made.begin(NOW - HOUR)
    return made


async def test_m1_the_rules_decide_by_evidence_with_a_trace_in_plain_words(
    dispute: Dispute,
) -> None:
    """Both read the same: each rule, what it compared, what came of it."""
    told = await dispute.rule(now=SETTLED + DAY)

    assert await dispute.states(SETTLED + DAY) == (State.REVOKED, State.GRANTED)
    holder = await queries.of_registration(dispute.holder.rep, dispute.held, now=SETTLED)
    challenger = await queries.of_registration(dispute.challenger.rep, dispute.claimed, now=SETTLED)
    assert holder.trace_zh == challenger.trace_zh == told.trace_zh
    assert [line.partition("：")[0] for line in told.trace_zh] == [
        *("独家区域权", "有效报备", "证据时间", "结论"),
    ]
    assert told.trace_en[-1].startswith("Decided: ")
    assert (holder.winner, holder.verdict_hash) == (challenger.winner, told.verdict_hash)
    assert (holder.may_appeal, challenger.may_appeal) == (True, False)


async def test_the_arbitrator_sees_no_customer_and_both_agents_see_that_it_looked(
    dispute: Dispute,
) -> None:
    """Letters, times, kinds of evidence; a line in each feed."""
    paper = await contracts.write(dispute.challenger.rep, customer_id=dispute.shop, now=NOW)
    shown = Show(evidence=Evidence(kind="contract", record_id=paper))
    await service.show(dispute.challenger.rep, dispute.claimed, shown, now=SETTLED)
    await work(SETTLED)

    case = await queries.case(OPERATOR, dispute.case_id, now=SETTLED)
    line = next(
        each
        for each in (await queries.queue(OPERATOR, limit=200, now=SETTLED)).items
        if each.id == dispute.case_id
    )

    own = await queries.of_registration(dispute.challenger.rep, dispute.claimed, now=SETTLED)
    later = await queries.of_registration(
        dispute.challenger.rep, dispute.claimed, now=SETTLED + 6 * DAY
    )
    told = {each.is_you: each for each in own.parties}
    assert told[True].earliest_ms == told[True].latest_ms
    assert told[False].latest_ms - told[False].earliest_ms == 86_400_000 - 1
    assert [each.latest_ms - each.earliest_ms for each in later.parties] == [0, 0]
    assert [(each.kind, each.is_vouched) for each in case.evidence] == [("contract", True)]
    assert (line.parties, line.hours_left) == (2, 240)
    for agent in (dispute.holder, dispute.challenger):
        feed = await audit.platform_reads(agent.owner)
        assert {"registrations.case", "registrations.queue"} <= {each.what for each in feed.items}
    with pytest.raises(NotPermitted):
        await queries.case(dispute.holder.owner, dispute.case_id, now=SETTLED)


async def test_an_arbitrator_decides_otherwise_with_a_reason_and_not_too_late(
    dispute: Dispute, rivals: list[Tenant]
) -> None:
    """A stranger, no reason, a forged case, the day after: refused."""
    stranger = await register(rivals[2].rep)
    with pytest.raises(NotAParty):
        await dispute.rule(stranger, "因为", now=SETTLED)
    with pytest.raises(VerdictUnexplained):
        await dispute.rule(dispute.held, now=SETTLED)
    with pytest.raises(NotFound):
        await service.rule(OPERATOR, new_id(), NewVerdict(), now=SETTLED)
    with pytest.raises(VerdictTooLate):
        await dispute.rule(dispute.held, "客户确认", now=SETTLED + 10 * DAY)
    view = await dispute.rule(dispute.held, "客户确认", now=SETTLED + DAY)

    assert (view.by_arbitrator, view.reason) == (True, "客户确认")
    assert await dispute.states(SETTLED + DAY) == (State.GRANTED, State.REFUSED)
    with pytest.raises(CaseMoved):
        await dispute.rule(dispute.claimed, "再想想", now=SETTLED + 2 * DAY)


async def test_nobody_decides_before_all_were_heard_or_want_no_more(dispute: Dispute) -> None:
    """Not in the second in which a case opens; both together may have it sooner.

    One says so on a page, the other on a phone.
    """
    on_a_phone = Intent(
        number=1,
        id=str(new_id()),
        name="registration.waive",
        args={"registration_id": str(dispute.claimed)},
        at_ms=0,
    )
    words: list[Callable[[], Awaitable[Any]]] = [
        lambda: service.waive(dispute.holder.rep, dispute.held, now=SETTLED),
        lambda: MUTATIONS[on_a_phone.name](dispute.challenger.rep, on_a_phone, SETTLED),
    ]
    for waives in words:
        with pytest.raises(EvidenceOpen):
            await service.rule(OPERATOR, dispute.case_id, NewVerdict(), now=SETTLED)
        await waives()
        await waives()
        await work(SETTLED)
    view = await service.rule(OPERATOR, dispute.case_id, NewVerdict(), now=SETTLED)

    assert [each.has_waived for each in view.parties] == [True, True]
    with pytest.raises(EvidenceTooLate):
        await service.waive(dispute.holder.rep, dispute.held, now=SETTLED + 6 * DAY)


async def test_a_case_that_nobody_decides_goes_by_the_rules(dispute: Dispute) -> None:
    """On its day, and no sooner."""
    await work(SETTLED + 9 * DAY)
    before = await dispute.states(SETTLED + 9 * DAY)
    await work(SETTLED + 10 * DAY)

    assert before == (State.GRANTED, State.CONTESTED)
    assert await dispute.states(SETTLED + 10 * DAY) == (State.REVOKED, State.GRANTED)


async def test_evidence_of_both_sides_under_one_id_is_all_in_the_case(dispute: Dispute) -> None:
    """Who shows makes the id, and cannot know what a rival has made."""
    shown_id = new_id()
    for side, mine in ((dispute.holder, dispute.held), (dispute.challenger, dispute.claimed)):
        shop = (await queries.one(side.rep, mine, now=SETTLED)).customer_id
        paper = await contracts.write(side.rep, customer_id=shop, now=SETTLED)
        show = Show(id=shown_id, evidence=Evidence(kind="contract", record_id=paper))
        await service.show(side.rep, mine, show, now=SETTLED)
        await work(SETTLED)

    case = await queries.case(OPERATOR, dispute.case_id, now=SETTLED)

    assert sorted(each.party for each in case.evidence) == sorted(
        each.label for each in case.parties
    )


async def test_evidence_that_the_server_saw_counts_and_what_only_a_phone_says_is_shown(
    rivals: list[Tenant],
) -> None:
    """Of this customer, one's own, in time, once."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin(NOW)
    rep, other = dispute.challenger.rep, await make_shop(dispute.challenger.rep, new_phone())
    paper = await contracts.write(rep, customer_id=dispute.shop, now=NOW - DAY)
    elsewhere = await contracts.write(rep, customer_id=other, now=NOW - DAY)
    theirs = await contracts.write(dispute.holder.rep, now=NOW - DAY)

    for stranger in (elsewhere, theirs):
        show = Show(evidence=Evidence(kind="contract", record_id=stranger))
        with pytest.raises(EvidenceOfAnother):
            await service.show(rep, dispute.claimed, show, now=SETTLED)
    show = Show(id=new_id(), evidence=Evidence(kind="contract", record_id=paper))
    with pytest.raises(EvidenceTooLate):
        await service.show(rep, dispute.claimed, show, now=SETTLED + 5 * DAY)
    await service.show(rep, dispute.claimed, show, now=SETTLED)
    await service.show(rep, dispute.claimed, show, now=SETTLED)
    await work(SETTLED)
    view = await dispute.rule(now=SETTLED + HOUR)

    assert len(view.evidence) == 1
    assert await dispute.states(SETTLED + HOUR) == (State.REVOKED, State.GRANTED)


async def test_the_customers_own_word_decides_between_equals(rivals: list[Tenant]) -> None:
    """Whom the customer names wins where nobody was earlier without a doubt."""
    dispute = Dispute(*rivals[:2])
    await dispute.begin(NOW)
    with pytest.raises(NotAParty):
        await service.hear(OPERATOR, dispute.case_id, Word(registration_id=new_id()), now=SETTLED)

    await service.hear(
        OPERATOR, dispute.case_id, Word(registration_id=dispute.claimed), now=SETTLED
    )
    view = await dispute.rule(now=SETTLED)

    assert view.trace_en[-1].endswith("(the customer's own word).")
    assert await dispute.states(SETTLED) == (State.REVOKED, State.GRANTED)


async def test_a_verdict_is_appealed_once_and_the_second_is_the_last(dispute: Dispute) -> None:
    """Who lost waits again; who won cannot appeal."""
    await dispute.rule(now=SETTLED)
    appeal, later = Appeal(reason="我们三月一日就签了意向书"), SETTLED + DAY
    with pytest.raises(CaseMoved):
        await service.appeal(dispute.challenger.rep, dispute.claimed, appeal, now=later)

    await service.appeal(dispute.holder.rep, dispute.held, appeal, now=later)
    await service.appeal(dispute.holder.rep, dispute.held, appeal, now=later)
    await work(later)
    waiting = await dispute.states(later)
    for side, mine in (
        (dispute.holder, dispute.held),
        (dispute.challenger, dispute.claimed),
    ):
        await service.waive(side.rep, mine, now=later)
    with pytest.raises(AppealBySame):
        await dispute.rule(dispute.held, "意向书在先", now=later)
    view = await dispute.rule(dispute.held, "意向书在先", by=ANOTHER, now=later)

    assert (view.appeal_reason, view.trace_zh[-1][-6:]) == (appeal.reason, "，理由另附。")
    assert waiting == (State.CONTESTED, State.GRANTED)
    assert view.state == CaseState.CLOSED
    assert await dispute.states(later) == (State.GRANTED, State.REVOKED)
    with pytest.raises(AppealedOnce):
        await service.appeal(dispute.challenger.rep, dispute.claimed, appeal, now=later)


async def test_who_is_left_alone_in_a_case_is_protected(dispute: Dispute) -> None:
    """The other gave the customer back."""
    await decide(dispute.holder.rep, dispute.held, "release", now=SETTLED)
    await work(SETTLED)

    assert await dispute.states(SETTLED) == (State.RELEASED, State.GRANTED)


async def test_m1_everything_replays_and_other_rules_show_what_they_would_change_first(
    dispute: Dispute,
) -> None:
    """Switched on by who has seen the difference; the past keeps its own rules."""
    await dispute.rule(now=SETTLED)
    with pytest.raises(RulesUndecided):
        await service.propose_rules(OPERATOR, NewRules(steps=(Rule.LOT, Rule.LIVE)), now=SETTLED)

    tried = await service.propose_rules(
        OPERATOR, NewRules(steps=(Rule.TERRITORY, Rule.LIVE, Rule.LOT)), now=SETTLED
    )
    blind = await service.propose_rules(
        OPERATOR, NewRules(steps=(Rule.EVIDENCE, Rule.LOT), tolerance_ms=86_400_000), now=SETTLED
    )
    with pytest.raises(DifferencesUnseen):
        await service.switch_rules_on(
            OPERATOR, SwitchOn(version=tried.version, diff_hash=blind.diff_hash), now=SETTLED
        )
    replayed = await queries.replay(OPERATOR)

    assert tried.replayed == replayed.replayed > 0
    assert replayed.differing == []
    assert len(await queries.versions(OPERATOR)) >= 3


async def test_m1_each_party_replays_the_verdict_and_learns_nothing_of_the_other(
    dispute: Dispute,
) -> None:
    """Both are given the same text, whose hash is that of the verdict; before it there is none."""
    before = await queries.of_registration(dispute.holder.rep, dispute.held, now=SETTLED)
    await dispute.rule(now=SETTLED)

    views = [
        await queries.of_registration(side.rep, mine, now=SETTLED)
        for side, mine in (
            (dispute.holder, dispute.held),
            (dispute.challenger, dispute.claimed),
        )
    ]
    texts = [msgspec.json.encode(each.replay) for each in views]
    told = tonglu_replay.read(texts[0])

    assert before.replay is None
    assert texts[0] == texts[1]
    assert told["hash"] == views[0].verdict_hash
    tonglu_replay.check(told)
    won = {told["names"][each["winner"]] for each in told["rulings"]}
    assert won == {views[0].winner}
    known = {str(dispute.held), str(dispute.claimed), dispute.phone, str(dispute.holder.tenant_id)}
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "SELECT key FROM registry_key WHERE entry_id = ANY ($1::uuid[])",
            [dispute.held, dispute.claimed],
        )
    assert not any(each in texts[0].decode() for each in known | {row["key"] for row in rows})


async def test_terms_hold_from_now_on_and_settle_no_sooner_than_a_lease_ends() -> None:
    """Nobody loses because a phone was offline no longer than allowed."""
    short = NewTerms(holds_from=SETTLED, terms=Terms(settles_after_hours=24))
    with pytest.raises(SettlesTooSoon):
        await service.set_terms(OPERATOR, short, now=NOW)
    hasty = NewTerms(holds_from=SETTLED, terms=Terms(evidence_days=5, decide_days=4))
    with pytest.raises(EvidenceAfterVerdict):
        await service.set_terms(OPERATOR, hasty, now=NOW)
    with pytest.raises(TermsInThePast):
        await service.set_terms(OPERATOR, NewTerms(holds_from=NOW, terms=Terms()), now=SETTLED)
    far = NewTerms(holds_from=NOW + 9_000 * DAY, terms=Terms(warn_days=(30,)))

    held = await service.set_terms(OPERATOR, far, now=NOW)

    assert (await service.terms_now(OPERATOR, now=far.holds_from)).terms.warn_days == (30,)
    assert (await service.terms_now(OPERATOR, now=NOW)).version < held.version
    finance = make_platform_actor(Role.PLATFORM_FINANCE)
    with pytest.raises(NotPermitted):
        await service.set_terms(finance, far, now=NOW)
