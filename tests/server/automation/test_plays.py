"""Plays act once on what comes about, and a trial says before what they would do."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from server.access import Actor, Role, Scope
from server.access.rules import NotPermitted
from server.activities import queries as activities
from server.activities import service as work
from server.activities.rules.tasks import AssigneeUnfit, MustDoStands
from server.activities.schemas import NewTask, TaskFilters, TaskView
from server.automation import service as automation
from server.automation.plays import acting, queries, rules, service
from server.automation.plays.rules import (
    Assignee,
    EventComes,
    FiringOutcome,
    Hearer,
    MakeTask,
    PlayChanged,
    PlayGivesAway,
    PlayTerms,
    SilenceFalls,
    StageSticks,
    Tell,
)
from server.automation.plays.schemas import NewPlay, NewPlayTrial, PlayEdit, PlayView
from server.automation.signals import service as signals
from server.automation.signals.schemas import NewSignal, SignalTaken
from server.customers import queries as customers
from server.customers import service as book
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.customers.schemas import CustomerBatch, CustomerEdit, NewCustomer
from server.customers.service.references import UnknownOwner
from server.identity import service as identity
from server.identity.schemas import NewAbsence, UserChange
from server.kit import db
from server.kit.errors import IdReused, NotFound
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.pipeline import service as pipeline
from server.pipeline.schemas import NewOpportunity
from tests.factories import NOW, Tenant, make_actor, new_id, new_user
from tests.waiting import meanwhile

DAY = timedelta(days=1)
LONG_AGO = NOW - 400 * DAY
S13 = PlayTerms(
    name="沉寂客户登录",
    trigger=EventComes(event="login", silent_days=365),
    action=MakeTask(
        title="24小时内联系沉寂客户", to=Assignee.NEWCOMER, tenure_days=365, gives_customer=True
    ),
)


async def published(tenant: Tenant, terms: PlayTerms = S13, *, now: datetime = NOW) -> PlayView:
    return await service.publish(tenant.owner, NewPlay(id=new_id(), terms=terms), now=now)


async def veteran(tenant: Tenant) -> Actor:
    """Somebody who has been here for long."""
    person = make_actor(tenant.tenant_id, Role.SALES_REP, team_id=tenant.team_id)
    await identity.invite(tenant.owner, new_user(person, team_id=tenant.team_id), now=LONG_AGO)
    return person


async def customer_of(actor: Actor, *, since: datetime = LONG_AGO) -> UUID:
    """Somebody whom a person wrote down, and about whom nobody has done anything since."""
    new = NewCustomer(name=f"老客户 {new_id().hex[-6:]}")
    return (await book.create(actor, new, now=since)).id


async def login(
    tenant: Tenant, customer_id: UUID, *, now: datetime = NOW, event_id: str = ""
) -> SignalTaken:
    told = NewSignal(
        event="login",
        event_id=event_id or new_id().hex,
        customer_id=customer_id,
        happened_at=now,
    )
    return await signals.tell(tenant.owner, told, now=now)


async def tasks_of(tenant: Tenant, customer_id: UUID) -> list[TaskView]:
    return (await activities.tasks(tenant.owner, TaskFilters(customer_id=customer_id))).items


async def told(actor: Actor, kind: Kind) -> list[str]:
    page = await notifications.notifications(actor)
    return [each.subject for each in page.items if each.kind is kind]


async def test_s13_a_silent_customer_that_signs_in_is_a_newcomers_task_of_24_hours(
    tenant: Tenant,
) -> None:
    old = await veteran(tenant)
    customer_id = await customer_of(old)
    play = await published(tenant)

    taken = await login(tenant, customer_id)

    assert taken == SignalTaken(is_new=True, fired=1)
    [task] = await tasks_of(tenant, customer_id)
    assert (task.assignee_id, task.giver_id) == (tenant.rep.user_id, None)
    assert task.due_at == NOW + DAY
    assert task.is_must_do
    assert (task.rule_id, task.rule_version) == (play.id, 1)
    assert (await customers.one(tenant.owner, customer_id)).owner_id == tenant.rep.user_id
    assert await told(tenant.rep, Kind.TASK_GIVEN) == [task.title]
    assert len(await told(old, Kind.CUSTOMER_MOVED)) == 1
    with pytest.raises(MustDoStands):
        await work.cancel_task(tenant.rep, task.id, now=NOW)


async def test_s13_a_second_sign_in_of_the_day_makes_no_second_task(tenant: Tenant) -> None:
    customer_id = await customer_of(tenant.rep)
    await published(tenant)

    answers = [
        await login(tenant, customer_id, event_id="e-1"),
        await login(tenant, customer_id, event_id="e-1"),
        await login(tenant, customer_id, now=NOW + timedelta(hours=3)),
    ]

    assert [(each.is_new, each.fired) for each in answers] == [(True, 1), (False, 0), (True, 0)]
    assert len(await tasks_of(tenant, customer_id)) == 1
    with pytest.raises(IdReused):
        await login(tenant, await customer_of(tenant.rep), event_id="e-1")


async def test_s13_sign_ins_at_once_make_one_task(tenant: Tenant) -> None:
    customer_id = await customer_of(tenant.rep)
    await published(tenant)

    answers = await asyncio.gather(*(login(tenant, customer_id) for _ in range(4)))

    assert sorted(each.fired for each in answers) == [0, 0, 0, 1]
    assert len(await tasks_of(tenant, customer_id)) == 1


async def test_s13_a_customer_that_somebody_cares_for_makes_no_task(tenant: Tenant) -> None:
    silent, cared_for = await customer_of(tenant.rep), await customer_of(tenant.rep)
    new = await customer_of(tenant.rep, since=NOW - 3 * DAY)
    change = CustomerEdit(industry="茶")
    await book.edit(tenant.rep, cared_for, change, now=NOW - 364 * DAY)
    await book.edit(tenant.rep, silent, change, now=NOW - 366 * DAY)
    await published(tenant)

    fired = [(await login(tenant, each)).fired for each in (silent, cared_for, new)]

    assert fired == [1, 0, 0]


async def test_s13_a_task_that_is_late_is_told_to_the_manager(tenant: Tenant) -> None:
    customer_id = await customer_of(tenant.rep)
    await published(tenant)
    await login(tenant, customer_id)

    await automation.escalate(tenant.tenant_id, now=NOW + DAY + timedelta(minutes=5))

    assert await told(tenant.manager, Kind.TASK_OVERDUE) == ["24小时内联系沉寂客户"]


async def test_s13_tasks_are_shared_out_by_load_and_not_to_who_is_away(tenant: Tenant) -> None:
    second, away = [
        make_actor(tenant.tenant_id, Role.SALES_REP, team_id=tenant.team_id) for _ in range(2)
    ]
    for person in (second, away):
        await identity.invite(tenant.owner, new_user(person, team_id=tenant.team_id), now=NOW)
    days = NewAbsence(starts_on=NOW.date(), ends_on=NOW.date())
    await identity.add_absence(tenant.owner, away.user_id, days, now=NOW)
    old = await veteran(tenant)
    play = await published(tenant)

    given = []
    for _ in range(4):
        customer_id = await customer_of(old)
        await login(tenant, customer_id)
        [task] = await tasks_of(tenant, customer_id)
        given.append(task.assignee_id)

    assert sorted(given) == sorted([tenant.rep.user_id, second.user_id] * 2)
    did = await queries.firings(tenant.owner, play.id, now=NOW)
    assert {each.outcome for each in did} == {FiringOutcome.TASK}
    assert {"tenure", "absent", "load"} <= {reason.code for reason in did[0].why}


async def test_s13_where_nobody_can_take_it_the_owners_hear(tenant: Tenant) -> None:
    old = await veteran(tenant)
    customer_id = await customer_of(old)
    seen_only = msgspec.structs.replace(
        S13, action=msgspec.structs.replace(S13.action, gives_customer=False)
    )
    play = await published(tenant, seen_only)

    await login(tenant, customer_id)

    assert await tasks_of(tenant, customer_id) == []
    assert await told(tenant.owner, Kind.PLAY_UNSERVED) == ["沉寂客户登录"]
    [did] = await queries.firings(tenant.owner, play.id, now=NOW)
    assert (did.outcome, did.why[-1].code) == (FiringOutcome.NOBODY, "nobody")


async def test_a_play_that_is_off_does_nothing_and_nothing_later(tenant: Tenant) -> None:
    customer_id = await customer_of(tenant.rep, since=NOW - 50 * DAY)
    terms = PlayTerms(
        name="沉默提醒",
        trigger=SilenceFalls(days=60),
        action=Tell(sentence="太久没联系"),
        again_days=60,
    )
    play = await published(tenant, terms)
    await service.switch(tenant.manager, play.id, is_on=False, now=NOW)

    assert await acting.run(tenant.tenant_id, now=NOW + 20 * DAY) == 0
    await service.switch(tenant.manager, play.id, is_on=True, now=NOW + 20 * DAY)
    assert await acting.run(tenant.tenant_id, now=NOW + 30 * DAY) == 0

    await book.edit(tenant.rep, customer_id, CustomerEdit(industry="茶"), now=NOW + 31 * DAY)
    assert await acting.run(tenant.tenant_id, now=NOW + 92 * DAY) == 1


async def test_silence_is_told_once_and_again_after_the_next_word(tenant: Tenant) -> None:
    customer_id = await customer_of(tenant.rep, since=NOW)
    terms = PlayTerms(
        name="沉默提醒",
        trigger=SilenceFalls(days=30),
        action=Tell(sentence="太久没联系"),
        again_days=30,
    )
    await published(tenant, terms)

    runs = [NOW + n * DAY for n in (10, 29, 31, 31, 40)]
    fired = [await acting.run(tenant.tenant_id, now=now) for now in runs]
    await book.edit(tenant.rep, customer_id, CustomerEdit(industry="茶"), now=NOW + 45 * DAY)
    fired.append(await acting.run(tenant.tenant_id, now=NOW + 80 * DAY))

    assert fired == [0, 0, 1, 0, 0, 1]
    assert [each[:5] for each in await told(tenant.rep, Kind.PLAY_TOLD)] == ["太久没联系"] * 2


async def test_more_that_come_about_at_one_moment_than_are_looked_at_at_once_are_all_told(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "AT_A_TIME", 2)
    new = [NewCustomer(name=f"一批客户{at}") for at in range(5)]
    await book.create_many(tenant.rep, CustomerBatch(customers=new), now=NOW)
    silence = SilenceFalls(days=30)
    terms = PlayTerms(name="沉默", trigger=silence, action=Tell(sentence="联系"), again_days=30)
    await published(tenant, terms)

    assert await acting.run(tenant.tenant_id, now=NOW + 31 * DAY) == 5
    assert await acting.run(tenant.tenant_id, now=NOW + 32 * DAY) == 0


async def test_an_analyst_is_given_nothing(tenant: Tenant) -> None:
    analyst = tenant.actor(Role.ANALYST)
    await identity.invite(tenant.owner, new_user(analyst, team_id=None), now=NOW)
    customer_id = await customer_of(tenant.rep)

    change = CustomerEdit(owner_id=analyst.user_id)
    task = NewTask(title="回访", assignee_id=analyst.user_id)

    with pytest.raises(UnknownOwner):
        await book.edit(tenant.owner, customer_id, change, now=NOW)
    with pytest.raises(AssigneeUnfit):
        await work.add_task(tenant.owner, customer_id, task, now=NOW)
    # Who had a customer as a rep, and reads figures alone since before a role asked for a hand-over
    # first: the owners hear in their place.
    to_owner = MakeTask(title="回访", to=Assignee.OWNER)
    await published(tenant, PlayTerms(name="回访", trigger=S13.trigger, action=to_owner))
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "UPDATE user_account SET role = 'analyst' WHERE tenant_id = $1 AND id = $2",
            *(tenant.tenant_id, tenant.rep.user_id),
        )
    assert (await login(tenant, customer_id)).fired == 1
    assert await tasks_of(tenant, customer_id) == []
    assert await told(tenant.owner, Kind.PLAY_UNSERVED) == ["回访"]


async def test_who_asked_not_to_be_called_gets_nobody_new_and_holds_up_no_other(
    tenant: Tenant,
) -> None:
    old = await veteran(tenant)
    banned, fine = await customer_of(old, since=NOW), await customer_of(old, since=NOW)
    phone = f"139{new_id().int % 10**8:08d}"
    await book.edit(old, banned, CustomerEdit(phone=phone), now=NOW)
    await opt_outs.opt_out(old, f"+86{phone}", OptOutReason.ASKED, now=NOW)
    await published(
        tenant, PlayTerms(name="回访", trigger=SilenceFalls(days=30), action=S13.action)
    )

    assert await acting.run(tenant.tenant_id, now=NOW + 31 * DAY) == 2

    assert await tasks_of(tenant, banned) == []
    assert await told(tenant.owner, Kind.PLAY_UNSERVED) == ["回访"]
    assert (await customers.one(tenant.owner, banned)).owner_id == old.user_id
    assert len(await tasks_of(tenant, fine)) == 1


async def test_what_is_refused_to_one_play_is_not_refused_to_the_next(tenant: Tenant) -> None:
    customer_id = await customer_of(tenant.rep)
    await customer_of(tenant.rep, since=NOW)
    task, word = MakeTask(title="回访", to=Assignee.OWNER), Tell(sentence="看看", to=Hearer.OWNER)
    for trigger in (S13.trigger, SilenceFalls(days=30)):
        for action in (task, word):
            await published(tenant, PlayTerms(name="规则", trigger=trigger, action=action))
    # Nobody may set a calendar in which no task is ever due.
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "INSERT INTO sla_policy (tenant_id, version, terms, set_by, set_at)"
            """ VALUES ($1, 1, '{"weekdays": [], "keeps_holidays": false}', $2, $3)""",
            *(tenant.tenant_id, tenant.owner.user_id, NOW),
        )

    fired = [
        (await login(tenant, customer_id)).fired,
        await acting.run(tenant.tenant_id, now=NOW + 31 * DAY),
    ]

    assert fired == [1, 1]
    assert len(await told(tenant.rep, Kind.PLAY_TOLD)) == 2


async def test_two_workers_that_run_a_play_at_once_act_once(tenant: Tenant) -> None:
    for _ in range(3):
        await customer_of(tenant.rep, since=NOW)
    task = MakeTask(title="回访", is_must_do=False)
    await published(
        tenant, PlayTerms(name="回访", trigger=SilenceFalls(days=30), action=task, again_days=30)
    )

    fired = await asyncio.gather(
        *(acting.run(tenant.tenant_id, now=NOW + 31 * DAY) for _ in range(3))
    )

    assert sum(fired) == 3
    page = await activities.tasks(tenant.owner, TaskFilters(assignee_id=tenant.rep.user_id))
    assert len(page.items) == 3


async def test_a_deal_that_sticks_in_its_stage_is_told_to_the_manager(tenant: Tenant) -> None:
    customer_id = await customer_of(tenant.rep, since=NOW)
    deal = NewOpportunity(customer_id=customer_id, name="春茶年单")
    await pipeline.create(tenant.rep, deal, now=NOW)
    action = Tell(sentence="商机停滞", to=Hearer.MANAGER)
    await published(tenant, PlayTerms(name="停滞", trigger=StageSticks(days=14), action=action))

    assert await acting.run(tenant.tenant_id, now=NOW + 13 * DAY) == 0
    assert await acting.run(tenant.tenant_id, now=NOW + 15 * DAY) == 1

    assert [each[:4] for each in await told(tenant.manager, Kind.PLAY_TOLD)] == ["商机停滞"]
    assert await told(tenant.rep, Kind.PLAY_TOLD) == []


async def test_m15_a_trial_says_what_the_play_then_does(tenant: Tenant) -> None:
    silent = [await customer_of(tenant.rep, since=NOW) for _ in range(3)]
    change = CustomerEdit(industry="茶")
    await book.edit(tenant.rep, silent[0], change, now=NOW + 20 * DAY)
    terms = PlayTerms(
        name="沉默", trigger=SilenceFalls(days=30), action=Tell(sentence="沉默"), again_days=30
    )
    then = NOW + 55 * DAY

    would = await queries.trial(tenant.manager, NewPlayTrial(terms=terms, days=60), now=then)
    play = await published(tenant, terms, now=NOW)
    for day in range(1, 56):
        await acting.run(tenant.tenant_id, now=NOW + day * DAY)
    did = await queries.firings(tenant.owner, play.id, now=then)

    assert (would.fires, would.customers, would.is_cut) == (3, 3, False)
    assert sorted((each.customer_id, each.at) for each in would.newest) == sorted(
        (each.customer_id, each.at) for each in did
    )


async def test_m15_a_trial_of_sign_ins_knows_how_silent_it_was_then(tenant: Tenant) -> None:
    early, twice = await customer_of(tenant.rep), await customer_of(tenant.rep)
    await login(tenant, early, now=NOW - 5 * DAY)
    await book.edit(tenant.rep, early, CustomerEdit(industry="茶"), now=NOW - 4 * DAY)
    for day in (3, 2):
        await login(tenant, twice, now=NOW - day * DAY)

    would = await queries.trial(tenant.manager, NewPlayTrial(terms=S13, days=30), now=NOW)

    assert (would.came, would.fires, would.customers) == (3, 2, 2)
    assert await tasks_of(tenant, early) == []


async def test_s56_each_version_is_kept_and_a_stale_change_is_refused(tenant: Tenant) -> None:
    play = await published(tenant)
    calmer = msgspec.structs.replace(S13, again_days=90)

    same = await service.change(tenant.owner, play.id, PlayEdit(base=1, terms=play.terms), now=NOW)
    changed = await service.change(tenant.owner, play.id, PlayEdit(base=1, terms=calmer), now=NOW)

    assert (same.version, changed.version, changed.terms.again_days) == (1, 2, 90)
    edit = PlayEdit(base=2, terms=msgspec.structs.replace(S13, again_days=60))
    at_once = await asyncio.gather(
        *(service.change(tenant.owner, play.id, edit, now=NOW) for _ in range(3))
    )
    assert [each.version for each in at_once] == [3] * 3
    other = msgspec.structs.replace(S13, again_days=7)
    with pytest.raises(PlayChanged):
        await service.change(tenant.owner, play.id, PlayEdit(base=1, terms=other), now=NOW)
    with pytest.raises(NotPermitted):
        await queries.plays(tenant.rep, now=NOW)


async def test_another_companys_plays_are_not_there(tenant: Tenant, rival: Tenant) -> None:
    play = await published(tenant)
    customer_id = await customer_of(tenant.rep)

    with pytest.raises(NotFound):
        await queries.play(rival.owner, play.id, now=NOW)
    with pytest.raises(NotFound):
        await service.switch(rival.owner, play.id, is_on=False, now=NOW)
    with pytest.raises(NotFound):
        await login(rival, customer_id)
    assert (await login(tenant, customer_id)).fired == 1


async def test_who_writes_about_a_customer_meanwhile_is_waited_for(tenant: Tenant) -> None:
    old = await veteran(tenant)
    first, second = [await customer_of(old, since=NOW + n * DAY) for n in (0, 1)]
    task = MakeTask(title="回访", to=Assignee.NEWCOMER, gives_customer=True)
    terms = PlayTerms(name="回访", trigger=SilenceFalls(days=30), action=task, again_days=30)
    await published(tenant, terms)
    later = NOW + 32 * DAY

    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "SELECT FROM customer WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
            tenant.tenant_id,
            second,
        )
        acted = await meanwhile(acting.run(tenant.tenant_id, now=later))
        await book.edit(tenant.owner, second, CustomerEdit(industry="茶"), now=later)

    assert await acted == 2
    for each in (first, second):
        assert (await customers.one(tenant.owner, each)).owner_id == tenant.rep.user_id


async def test_a_manager_of_one_team_takes_no_customers_of_others_by_a_rule(
    tenant: Tenant,
) -> None:
    giving = msgspec.structs.replace(S13, trigger=SilenceFalls(days=1), again_days=1)
    keeping = msgspec.structs.replace(
        giving, action=msgspec.structs.replace(S13.action, gives_customer=False)
    )
    manager = tenant.manager
    assert manager.scope is Scope.TEAM
    theirs = await published(tenant, giving, now=LONG_AGO)
    own = await service.publish(manager, NewPlay(terms=keeping), now=LONG_AGO)

    for asked in (
        service.publish(manager, NewPlay(terms=giving), now=NOW),
        service.change(manager, own.id, PlayEdit(base=1, terms=giving), now=NOW),
        service.change(manager, theirs.id, PlayEdit(base=1, terms=keeping), now=NOW),
        service.switch(manager, theirs.id, is_on=True, now=NOW),
    ):
        with pytest.raises(PlayGivesAway):
            await asked

    assert (await queries.play(manager, own.id, now=NOW)).terms == keeping
    off = await service.switch(manager, own.id, is_on=False, now=NOW)
    assert not off.is_on


@pytest.mark.parametrize(
    ("role", "scope", "is_kept"),
    [
        (Role.AGENT_OWNER, Scope.TENANT, True),
        (Role.SALES_MANAGER, Scope.TENANT, True),
        (Role.SALES_MANAGER, Scope.TEAM, False),
        (Role.SALES_REP, Scope.TENANT, False),
        (None, None, False),
    ],
)
def test_a_rule_that_gives_customers_away_is_answered_for_today(
    role: Role | None,
    scope: Scope | None,
    is_kept: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    telling = msgspec.structs.replace(S13, action=Tell(to=Hearer.OWNER, sentence="看看"))

    assert rules.is_answered_for(S13, role, scope) is is_kept
    assert rules.is_answered_for(telling, role, scope)


async def test_a_rule_stops_once_who_let_it_act_may_not_any_more(tenant: Tenant) -> None:
    leader = make_actor(tenant.tenant_id, Role.SALES_MANAGER, scope=Scope.TENANT)
    await identity.invite(tenant.owner, new_user(leader, team_id=tenant.team_id), now=LONG_AGO)
    play = await service.publish(leader, NewPlay(terms=S13), now=LONG_AGO)
    first, second, third = [await customer_of(await veteran(tenant)) for _ in range(3)]
    assert (await login(tenant, first)).fired == 1
    smaller = UserChange(scope=Scope.TEAM)
    await identity.change_user(tenant.owner, leader.user_id, smaller, now=NOW)

    assert (await login(tenant, second)).fired == 0

    assert await tasks_of(tenant, second) == []
    assert not (await queries.play(tenant.owner, play.id, now=NOW)).is_on
    assert await told(tenant.owner, Kind.PLAY_STOPPED) == [S13.name]
    # Whoever sees the whole company lets it act again, and answers for it.
    await service.switch(tenant.owner, play.id, is_on=True, now=NOW)
    assert (await login(tenant, third)).fired == 1
