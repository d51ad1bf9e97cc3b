"""A case is answered and resolved in working time, and everybody hears of a serious one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from server.access import Actor, Role
from server.access.rules import NotPermitted
from server.activities.rules.tasks import AssigneeUnfit
from server.automation import service as automation
from server.automation.rules import Terms
from server.cases import queries, service
from server.cases.rules import (
    CaseMoved,
    CaseUnexplained,
    NotYoursToAssign,
    Target,
    Targets,
    TargetsChanged,
    TargetsUnfit,
    ensure_targets,
)
from server.cases.schemas import (
    CaseEdit,
    CaseFilters,
    CaseView,
    Decide,
    NewCase,
    NewComment,
    SetTargets,
)
from server.customers.bulk import service as bulk
from server.customers.bulk.schemas import NewHandOver
from server.kit.errors import IdReused, Invalid, NotFound
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.settings import Settings
from server.sync.merging import merge
from sync_protocol.messages import Intent, Status
from sync_protocol.serving import Verb
from tests.factories import NOW, Tenant, new_id
from tests.server.pipeline.stories import make_customer
from tests.server.sync.devices import Device, make_device

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def open_case(actor: Actor, *, now: datetime = NOW, **fields: Any) -> UUID:
    """Note down a case, with a new customer unless one is said, and let its clocks begin."""
    given: dict[str, Any] = {"subject": "收银机打不出小票", "severity": "high", **fields}
    if "customer_id" not in given:
        given["customer_id"] = await make_customer(actor)
    case = (await service.create(actor, NewCase(**given), now=now)).id
    await service.set_dues(actor.tenant_id, [str(case)], now=now)
    return case


async def do(actor: Actor, case: UUID, verb: str, *, now: datetime = NOW, **asked: Any) -> CaseView:
    """Do something with a case."""
    return await service.decide(actor, case, Decide(verb=Verb(verb), **asked), now=now)


async def seen(actor: Actor, case: UUID, *, now: datetime = NOW) -> CaseView:
    """Look at a case."""
    return await queries.one(actor, case, now=now)


async def told(actor: Actor) -> list[str]:
    """Give the kinds of what somebody was told about cases, the newest first."""
    page = await notifications.notifications(actor)
    return [each.kind for each in page.items if each.kind.startswith("case_")]


async def test_s94_a_case_is_due_by_the_companys_working_time(tenant: Tenant) -> None:
    # Friday, 17:30 in Shanghai: half an hour is left of the day.
    friday = datetime(2026, 3, 6, 9, 30, tzinfo=UTC)

    case = await open_case(tenant.rep, now=friday)

    held = await seen(tenant.rep, case, now=friday)
    assert held.answer_due_at == datetime(2026, 3, 9, 1, 30, tzinfo=UTC)
    # A day of nine hours: Friday's half an hour, and Monday but for its last.
    assert held.resolve_due_at == datetime(2026, 3, 9, 9, 30, tzinfo=UTC)
    assert not held.is_answer_late
    assert (await seen(tenant.rep, case, now=friday + 3 * DAY)).is_answer_late


async def test_a_case_that_is_noted_down_is_dated_at_once(tenant: Tenant) -> None:
    new = NewCase(customer_id=await make_customer(tenant.rep), subject="收银机打不出小票")

    case = (await service.create(tenant.rep, new, now=NOW)).id

    held = await seen(tenant.rep, case)
    assert (held.answer_due_at, held.resolve_due_at) == (NOW + 4 * HOUR, NOW + 2 * DAY + 9 * HOUR)


async def test_s94_the_companys_own_hours_count(tenant: Tenant) -> None:
    around = Terms(
        opens_minute=0, closes_minute=1_440, weekdays=tuple(range(7)), keeps_holidays=False
    )
    await automation.set_sla(tenant.owner, around, now=NOW)

    case = await open_case(tenant.rep, severity="critical")

    held = await seen(tenant.rep, case)
    assert (held.answer_due_at, held.resolve_due_at) == (NOW + HOUR / 2, NOW + 4 * HOUR)


def swift(**other: Target) -> Targets:
    """Ask for everything within a quarter and two hours."""
    soon = Target(answer_minutes=15, resolve_minutes=120)
    return Targets(**{"critical": soon, "high": soon, "normal": soon, "low": soon, **other})


async def test_s94_the_companys_targets_hold_for_later_cases_alone(tenant: Tenant) -> None:
    before = await open_case(tenant.rep, severity="normal")
    asked = SetTargets(targets=swift(), base=0)

    told = [await service.set_targets(tenant.manager, asked, now=NOW + HOUR) for _ in range(2)]
    after = await open_case(tenant.rep, severity="normal", now=NOW + 2 * HOUR)
    await service.edit(tenant.rep, before, CaseEdit(severity="high"), now=NOW + 3 * HOUR)

    assert [each.latest for each in told] == [1, 1]
    held = await seen(tenant.rep, after)
    assert held.answer_due_at == NOW + 2 * HOUR + HOUR / 4
    assert held.resolve_due_at == NOW + 4 * HOUR
    # By another severity too, a case keeps what held when it was opened.
    assert (await seen(tenant.rep, before)).answer_due_at == NOW + HOUR


async def test_s94_targets_begin_on_their_day(tenant: Tenant) -> None:
    asked = SetTargets(targets=swift(), base=0, valid_from="2026-03-04")
    await service.set_targets(tenant.manager, asked, now=NOW)

    today, then = [
        await open_case(tenant.rep, severity="normal", now=NOW + days * DAY) for days in (0, 2)
    ]

    assert (await seen(tenant.rep, today)).answer_due_at == NOW + 4 * HOUR
    assert (await seen(tenant.rep, then)).answer_due_at == NOW + 2 * DAY + HOUR / 4
    for day in ("2026-03-01", "0001-01-01", "2026-02-30"):
        late = SetTargets(targets=Targets(), base=1, valid_from=day)
        with pytest.raises(Invalid) as past:
            await service.set_targets(tenant.manager, late, now=NOW)
        assert past.value.field == "valid_from"


async def test_targets_are_set_by_managers_and_not_over_each_other(tenant: Tenant) -> None:
    asked = SetTargets(targets=swift(), base=0)
    with pytest.raises(NotPermitted):
        await service.set_targets(tenant.rep, asked, now=NOW)
    await service.set_targets(tenant.manager, asked, now=NOW)

    with pytest.raises(TargetsChanged):
        await service.set_targets(tenant.owner, SetTargets(targets=Targets(), base=0), now=NOW)

    assert (await queries.targets(tenant.rep, now=NOW)).current.targets == swift()


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"low": Target(answer_minutes=30, resolve_minutes=20)}, "targets.low.resolve_minutes"),
        ({"high": Target(answer_minutes=10, resolve_minutes=120)}, "targets.high.answer_minutes"),
    ],
)
def test_targets_that_nobody_can_mean_are_refused(other: dict[str, Target], field: str) -> None:
    with pytest.raises(TargetsUnfit) as refused:
        ensure_targets(swift(**other))

    assert refused.value.field == field


async def test_s94_the_clock_stands_still_while_the_customer_is_to_answer(tenant: Tenant) -> None:
    case = await open_case(tenant.rep)
    await do(tenant.rep, case, "start")
    due = (await seen(tenant.rep, case)).resolve_due_at
    assert due is not None

    await do(tenant.rep, case, "wait", now=NOW + HOUR)
    waiting = await seen(tenant.rep, case, now=NOW + 30 * DAY)
    # Two hours of work later: the lunch of an office is not left out.
    await do(tenant.rep, case, "resume", now=NOW + 3 * HOUR)

    assert not waiting.is_resolve_late
    held = await seen(tenant.rep, case, now=NOW + 3 * HOUR)
    # Nine hours from Monday morning end that evening; two hours more are Tuesday's first.
    assert (due, held.resolve_due_at) == (NOW + 9 * HOUR, NOW + DAY + 2 * HOUR)


async def test_a_case_goes_its_way_and_back(tenant: Tenant) -> None:
    case = await open_case(tenant.rep)

    with pytest.raises(CaseMoved):
        await do(tenant.rep, case, "close")
    with pytest.raises(CaseUnexplained):
        await do(tenant.rep, case, "resolve")
    resolved = await do(tenant.rep, case, "resolve", text="换了打印头")
    await do(tenant.rep, case, "close")
    with pytest.raises(CaseUnexplained):
        await do(tenant.rep, case, "reopen", text=" ")
    again = await do(tenant.manager, case, "reopen", text="又卡纸了")

    assert (resolved.state, resolved.result) == ("resolved", "换了打印头")
    assert resolved.answered_at == NOW
    assert (again.state, again.resolved_at) == ("in_progress", None)
    events = (await queries.detail(tenant.rep, case, now=NOW)).events
    assert {each.verb for each in events} == {"reopen", "close", "resolve"}


async def test_the_first_word_of_ours_answers_a_case(tenant: Tenant) -> None:
    case, asked = await open_case(tenant.rep), new_id()
    said = NewComment(text="明天上午上门", id=asked)

    first, again = await asyncio.gather(
        *(service.comment(tenant.rep, case, said, now=NOW + HOUR / 2) for _ in range(2))
    )
    later = await service.comment(tenant.rep, case, NewComment(text="已到店"), now=NOW + HOUR)

    assert first == again
    assert len((await queries.detail(tenant.rep, case, now=NOW)).events) == 2
    assert later.answered_at == NOW + HOUR / 2
    assert later.state == "open"
    with pytest.raises(IdReused):
        await do(tenant.rep, case, "start", id=asked)


async def test_other_words_under_the_same_id_are_refused_and_not_swallowed(tenant: Tenant) -> None:
    case, asked = await open_case(tenant.rep), new_id()
    said = NewComment(id=asked, text="明天上门")
    await service.comment(tenant.rep, case, said, now=NOW)
    await service.comment(tenant.rep, case, said, now=NOW)

    with pytest.raises(IdReused):
        await service.comment(tenant.rep, case, NewComment(id=asked, text="改为后天"), now=NOW)

    detail = await queries.detail(tenant.rep, case, now=NOW)
    assert [each.text for each in detail.events] == ["明天上门"]


async def test_another_severity_sets_other_times(tenant: Tenant) -> None:
    case = await open_case(tenant.rep, severity="low")

    await service.edit(tenant.rep, case, CaseEdit(severity="critical"), now=NOW)
    again = await service.set_dues(tenant.tenant_id, [str(case)], now=NOW)

    # At once, and the job that comes later finds nothing to do.
    assert (await seen(tenant.rep, case)).resolve_due_at == NOW + 4 * HOUR
    assert again == 0


async def test_late_cases_are_told_once_a_step(tenant: Tenant) -> None:
    await open_case(tenant.rep)

    new = [await service.remind(tenant.tenant_id, now=NOW + hours * HOUR) for hours in (1, 2, 2)]

    # An hour is not over at its end; then who helps hears, and who answers for the team.
    assert new[0] == new[2] == 0
    assert new[1] >= 2
    assert await told(tenant.rep) == ["case_overdue"]
    assert await told(tenant.manager) == ["case_overdue"]


async def test_managers_give_cases_and_anybody_takes_one(tenant: Tenant) -> None:
    colleague = tenant.actor(Role.SALES_REP)
    case = await open_case(tenant.rep)

    with pytest.raises(NotYoursToAssign):
        await service.assign(tenant.rep, case, tenant.manager.user_id, now=NOW)
    with pytest.raises(AssigneeUnfit):
        await service.assign(tenant.manager, case, colleague.user_id, now=NOW)
    given = await service.assign(tenant.manager, case, tenant.manager.user_id, now=NOW)
    taken = await service.assign(tenant.rep, case, tenant.rep.user_id, now=NOW)

    assert given.assignee_id == tenant.manager.user_id
    assert taken.assignee_id == tenant.rep.user_id
    for person in (tenant.owner, tenant.rep, tenant.owner):
        await service.assign(tenant.manager, case, person.user_id, now=NOW)
    told = (await notifications.notifications(tenant.owner)).items
    assert [each.kind for each in told] == [Kind.CASE_OPENED] * 2, "each time it is given anew"


async def test_s94_serious_cases_alarm_whoever_opens_the_customer(tenant: Tenant) -> None:
    customer = await make_customer(tenant.rep)
    serious = await open_case(tenant.rep, customer_id=customer, severity="critical")
    await open_case(tenant.rep, customer_id=customer, severity="normal")

    alarming = queries.alarming(await queries.of_customer(tenant.manager, customer, now=NOW))
    await do(tenant.rep, serious, "resolve", text="已更换")
    after = queries.alarming(await queries.of_customer(tenant.manager, customer, now=NOW))

    assert [each.id for each in alarming] == [serious]
    assert after == []


async def test_cases_are_found_and_out_of_sight_is_nothing(tenant: Tenant) -> None:
    stranger = tenant.actor(Role.SALES_REP, team_id=new_id())
    customer = await make_customer(tenant.rep, "滨江小馆")
    printer = await open_case(tenant.rep, customer_id=customer)
    other = await open_case(tenant.rep, subject="想加一台设备", severity="low")
    await do(tenant.rep, other, "resolve", text="已下单")

    async def found(now: datetime = NOW, **filters: Any) -> set[UUID]:
        page = await queries.list_page(tenant.rep, CaseFilters(**filters), now=now)
        return {each.id for each in page.items}

    assert await found() == {printer, other}
    assert await found(is_live=True) == {printer}
    assert await found(state="resolved") == {other}
    assert await found(q="小票") == await found(q="滨江") == {printer}
    assert await found(is_late=True) == set()
    assert await found(NOW + 2 * HOUR, is_late=True) == {printer}
    assert await found(customer_id=customer) == {printer}
    with pytest.raises(NotFound):
        await seen(stranger, printer)


async def test_a_case_goes_with_its_customer(tenant: Tenant) -> None:
    one, other = await make_customer(tenant.rep), await make_customer(tenant.rep, "另一家")
    case = await open_case(tenant.rep, customer_id=one)

    await merge(tenant.owner, one, other, now=NOW)

    assert (await seen(tenant.rep, case)).customer_id == other
    assert (await do(tenant.rep, case, "start")).state == "in_progress"


async def test_open_cases_go_along_when_a_book_is_handed_over(tenant: Tenant) -> None:
    live, helped = await open_case(tenant.rep), await open_case(tenant.rep)
    await do(tenant.rep, helped, "resolve", text="已更换")

    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[tenant.manager.user_id])
    await bulk.hand_over(tenant.owner, wanted, now=NOW)

    held = [await seen(tenant.manager, each) for each in (live, helped)]
    assert [each.assignee_id for each in held] == [tenant.manager.user_id, tenant.rep.user_id]


# --------------------------------------------------------------------------------- on a phone


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """The phone of a rep."""
    return await make_device(database, tenant)


def asks(phone: Device, verb: str, case: UUID, **args: Any) -> Intent:
    """Ask for something about a case."""
    phone.number += 1
    given = {"case_id": str(case), **args}
    name = f"service_case.{verb}"
    return Intent(number=phone.number, id=str(new_id()), name=name, args=given, at_ms=0)


async def test_a_case_is_noted_and_worked_on_without_a_network(
    phone: Device, tenant: Tenant
) -> None:
    customer, case = new_id(), new_id()

    answer = await phone.push(
        phone.create("customer", customer, name="老街茶庄"),
        phone.create("service_case", case, customer_id=str(customer), subject="漏水"),
        asks(phone, "start", case, customer_id=str(customer)),
        asks(phone, "comment", case, text="已约师傅"),
        asks(phone, "resolve", case),
        asks(phone, "resolve", case, text=5),
    )
    await phone.pull()

    assert [each.status for each in answer.outcomes] == [Status.APPLIED] * 4 + [Status.REJECTED] * 2
    assert [each.code for each in answer.outcomes[4:]] == ["case_unexplained", "invalid"]
    held = phone.replica["service_case", str(case)]
    assert (held["state"], held["severity"]) == ("in_progress", "normal")
    assert held["assignee_id"] == str(phone.actor.user_id)
    assert phone.replica == await phone.snapshot()
