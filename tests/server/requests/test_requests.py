"""Help is called up in the field, sent on, answered at either end, and seen at both."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.access import PLATFORM_TENANT, Actor, Role
from server.activities.rules.tasks import AssigneeUnfit
from server.audit import queries as audit
from server.customers import service as customers
from server.customers.schemas import NewContact
from server.kit import db, live, outbox
from server.kit.errors import IdReused, NotFound
from server.notifications import queries as notifications
from server.requests import jobs, queries, service
from server.requests.queries.platform import ANSWERED
from server.requests.rules import (
    BriefingMissing,
    BriefingTells,
    RequestAtPlatform,
    RequestMoved,
    RequestNotYours,
    RequestOfAnother,
    RequestUnexplained,
)
from server.requests.schemas import (
    Answer,
    Decide,
    NewRequest,
    PlatformRequestView,
    RequestEdit,
    RequestFilters,
    RequestView,
)
from server.settings import Settings
from server.sync.merging import merge
from sync_protocol.helping import Verb
from sync_protocol.messages import Intent, Status
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.pipeline.stories import begin, make_customer
from tests.server.sync.devices import Device, make_device

HOUR = timedelta(hours=1)
BRIEFING = "连锁餐饮，三十家门店，要看并发压测报告"


async def ask(actor: Actor, *, now: datetime = NOW, **fields: Any) -> UUID:
    """Call up help, for a new customer unless one is said, and let its clock begin."""
    given: dict[str, Any] = {
        "subject": "请架构师一起去谈",
        "resource": "expert",
        "briefing": BRIEFING,
        **fields,
    }
    if "customer_id" not in given:
        given["customer_id"] = await make_customer(actor)
    request = (await service.create(actor, NewRequest(**given), now=now)).id
    await service.set_dues(actor.tenant_id, [str(request)], now=now)
    return request


async def do(
    actor: Actor, request: UUID, verb: str, *, now: datetime = NOW, **asked: Any
) -> RequestView:
    """Do something with a request."""
    return await service.decide(actor, request, Decide(verb=Verb(verb), **asked), now=now)


async def seen(actor: Actor, request: UUID, *, now: datetime = NOW) -> RequestView:
    """Look at a request."""
    return await queries.one(actor, request, now=now)


async def lying(operator: Actor, tenant: Tenant) -> list[PlatformRequestView]:
    """Look at what waits for the platform of one agent."""
    page = await queries.queue(operator, limit=200, now=NOW)
    return [each for each in page.items if each.agent_id == tenant.tenant_id]


async def answer(
    operator: Actor, dispatch: UUID, verb: Any, *, now: datetime = NOW, **asked: Any
) -> PlatformRequestView:
    """Answer as the platform."""
    return await service.answer(operator, dispatch, Answer(verb=verb, **asked), now=now)


async def deliver(tenant_id: UUID, topic: str) -> int:
    """Do the waiting jobs of one topic of a tenant, as the worker would; say how many."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "DELETE FROM outbox WHERE tenant_id = $1 AND topic = $2 RETURNING *", tenant_id, topic
        )
    for row in sorted(rows, key=lambda row: row["id"]):
        payload = msgspec.json.decode(row["payload"])
        await jobs.HANDLERS[topic](outbox.Job(row["id"], tenant_id, topic, payload, 0, 1), NOW)
    return len(rows)


async def told(actor: Actor) -> list[str]:
    """Give the kinds of what somebody was told about requests, the newest first."""
    page = await notifications.notifications(actor)
    return [each.kind for each in page.items if each.kind.startswith("resource_")]


# --------------------------------------------------------------------------- inside the company


async def test_s79_a_request_goes_from_the_field_to_a_result_on_the_deal(tenant: Tenant) -> None:
    customer = await make_customer(tenant.rep)
    deal = await begin(tenant.rep, customer)
    request = await ask(
        tenant.rep, customer_id=customer, opportunity_id=deal, wished_on="2026-03-12"
    )
    assert await told(tenant.manager) == ["resource_asked"]

    sent = await do(tenant.manager, request, "dispatch", helper_id=tenant.owner.user_id)
    accepted = await do(tenant.owner, request, "accept", now=NOW + HOUR)
    done = await do(tenant.owner, request, "complete", now=NOW + 5 * HOUR, text="压测报告已过会")
    judged = await do(tenant.rep, request, "judge", now=NOW + 6 * HOUR, verdict="helped")

    assert (sent.state, sent.party, sent.helper_id) == (
        "dispatched",
        "company",
        tenant.owner.user_id,
    )
    # Answered within a working day; helped by the evening of the day that was wished for.
    assert sent.due_at == NOW + 9 * HOUR
    assert accepted.due_at == datetime(2026, 3, 12, 10, tzinfo=UTC)
    assert (done.state, done.result, done.due_at) == ("done", "压测报告已过会", None)
    assert judged.verdict == "helped"
    (on_deal,) = await queries.of_deal(tenant.rep, deal, now=NOW)
    assert (on_deal.id, on_deal.result) == (request, "压测报告已过会")
    assert await told(tenant.rep) == ["resource_answered"] * 3
    events = (await queries.detail(tenant.rep, request, now=NOW)).events
    assert [each.verb for each in events] == ["judge", "complete", "accept", "dispatch"]


async def test_s79_cycle_time_and_hit_rate_are_shown(tenant: Tenant) -> None:
    for hours, verdict in ((2, "helped"), (4, "missed"), (9, None)):
        request = await ask(tenant.rep)
        await do(tenant.manager, request, "dispatch", now=NOW, helper_id=tenant.owner.user_id)
        await do(tenant.owner, request, "accept", now=NOW + HOUR)
        await do(tenant.owner, request, "complete", now=NOW + hours * HOUR, text="去过了")
        if verdict:
            await do(tenant.rep, request, "judge", verdict=verdict)
    refused = await ask(tenant.rep, resource="executive")
    await do(tenant.manager, refused, "decline", text="本月排满")

    everything, executive, expert = await queries.figures(tenant.rep)

    assert (everything.resource, everything.asked, everything.declined) == (None, 4, 1)
    assert (executive.resource, executive.cycle_hours, executive.hit_rate) == (
        "executive",
        None,
        None,
    )
    assert (expert.done, expert.answer_hours, expert.cycle_hours) == (3, 1.0, 4.0)
    assert (expert.judged, expert.hit_rate) == (2, 0.5)


async def test_a_request_is_due_by_working_time_and_told_once_a_step(tenant: Tenant) -> None:
    # Friday, 16:00 in Shanghai: two of the four hours are left of the day.
    friday = datetime(2026, 3, 6, 8, tzinfo=UTC)
    request = await ask(tenant.rep, now=friday)
    monday = datetime(2026, 3, 9, 3, tzinfo=UTC)

    new = [
        await service.remind(tenant.tenant_id, now=monday + minutes * timedelta(minutes=1))
        for minutes in (0, 1, 2)
    ]

    assert (await seen(tenant.rep, request, now=monday)).due_at == monday
    assert (new[0], new[2]) == (0, 0)
    assert new[1] >= 1
    assert await told(tenant.manager) == ["resource_overdue", "resource_asked"]
    assert (await seen(tenant.rep, request, now=monday + HOUR)).is_late


async def test_who_may_do_what_and_from_where(tenant: Tenant) -> None:
    request, stranger = await ask(tenant.rep), tenant.actor(Role.SALES_REP).user_id

    with pytest.raises(RequestNotYours):
        await do(tenant.rep, request, "dispatch", helper_id=tenant.owner.user_id)
    with pytest.raises(RequestMoved):
        await do(tenant.manager, request, "complete", text="去过了")
    with pytest.raises(AssigneeUnfit, match="sees the customer"):
        await do(tenant.manager, request, "dispatch", helper_id=stranger)
    await do(tenant.manager, request, "dispatch", helper_id=tenant.owner.user_id)
    with pytest.raises(RequestNotYours):
        await do(tenant.rep, request, "accept")
    with pytest.raises(RequestUnexplained):
        await do(tenant.owner, request, "decline", text=" ")
    declined = await do(tenant.owner, request, "decline", text="出差")
    again = await do(tenant.manager, request, "dispatch", helper_id=tenant.manager.user_id)
    cancelled = await do(tenant.rep, request, "cancel")

    assert (declined.state, declined.reason) == ("declined", "出差")
    assert (again.state, again.reason, again.closed_at) == ("dispatched", None, None)
    assert (cancelled.state, cancelled.due_at) == ("cancelled", None)
    with pytest.raises(NotFound):
        await seen(tenant.actor(Role.SALES_REP, team_id=new_id()), request)


async def test_asked_twice_it_is_done_once(tenant: Tenant) -> None:
    request, asked = await ask(tenant.rep), new_id()
    helper = tenant.owner.user_id

    first, again = await asyncio.gather(
        *(do(tenant.manager, request, "dispatch", id=asked, helper_id=helper) for _ in range(2))
    )

    assert first == again
    assert len((await queries.detail(tenant.rep, request, now=NOW)).events) == 1
    with pytest.raises(IdReused):
        await do(tenant.manager, request, "cancel", id=asked)
    for other in (tenant.rep.user_id, None):
        with pytest.raises(IdReused):
            await do(tenant.manager, request, "dispatch", id=asked, helper_id=other)


async def test_a_deal_of_somebody_else_is_refused_and_a_merge_takes_requests_along(
    tenant: Tenant,
) -> None:
    one, other = await make_customer(tenant.rep), await make_customer(tenant.rep, "另一家")
    deal = await begin(tenant.rep, other)
    with pytest.raises(RequestOfAnother):
        await ask(tenant.rep, customer_id=one, opportunity_id=deal)
    request = await ask(tenant.rep, customer_id=one)

    await merge(tenant.owner, one, other, now=NOW)

    assert (await seen(tenant.rep, request)).customer_id == other
    assert (await do(tenant.rep, request, "cancel")).state == "cancelled"


async def test_requests_are_found(tenant: Tenant) -> None:
    mine = await ask(tenant.rep)
    other = await ask(tenant.manager, subject="高层拜访", resource="executive")
    await do(tenant.manager, other, "dispatch", helper_id=tenant.owner.user_id)

    async def found(now: datetime = NOW, **filters: Any) -> set[UUID]:
        page = await queries.list_page(tenant.owner, RequestFilters(**filters), now=now)
        return {each.id for each in page.items}

    assert await found() == await found(is_live=True) == {mine, other}
    assert await found(state="requested") == {mine}
    assert await found(requested_by=tenant.rep.user_id) == {mine}
    assert await found(helper_id=tenant.owner.user_id) == await found(q="高层") == {other}
    assert await found(is_late=True) == set()
    assert await found(NOW + 5 * HOUR, is_late=True) == {mine}


# --------------------------------------------------------------------------------- the platform


async def test_s112_the_platform_reads_what_was_written_for_it_and_nothing_of_whom(
    tenant: Tenant,
) -> None:
    operator = make_platform_actor()
    customer = await make_customer(
        tenant.rep, "杭州福满楼餐饮有限公司", phone="13811112222", city="杭州", level="A"
    )
    await customers.add_contact(
        tenant.rep, customer, NewContact(name="周建国", phone="13911112222"), now=NOW
    )
    deal = await begin(tenant.rep, customer)
    request = await ask(
        tenant.rep, customer_id=customer, opportunity_id=deal, detail="周总最关心停机时间"
    )

    for briefing in (None, "给福满楼看", "周建国要的报告", "电话 138-1111 2222", "a@b.cn"):
        await service.edit(tenant.rep, request, RequestEdit(briefing=briefing), now=NOW)
        with pytest.raises(BriefingTells if briefing else BriefingMissing):
            await do(tenant.manager, request, "dispatch")
    await service.edit(tenant.rep, request, RequestEdit(briefing=BRIEFING), now=NOW)
    await do(tenant.manager, request, "dispatch")
    (shown,) = await lying(operator, tenant)

    assert (shown.briefing, shown.level, shown.city, shown.stage, shown.resource) == (
        BRIEFING,
        "A",
        "杭州市",
        "lead",
        "expert",
    )
    whole = str(shown)
    for secret in ("福满楼", "周", "1381111", "停机", str(customer), str(request), str(deal)):
        assert secret not in whole
    # The agent reads the very same, and that it was looked at.
    assert (await queries.detail(tenant.rep, request, now=NOW)).sent == [shown]
    reads = (await audit.platform_reads(tenant.manager)).items
    assert [each.what for each in reads] == ["requests.queue"]


async def test_s112_a_request_is_seen_at_both_ends_through_the_stream(tenant: Tenant) -> None:
    operator = make_platform_actor()
    ours, theirs = live.subscribe(tenant.tenant_id), live.subscribe(PLATFORM_TENANT)
    request = await ask(tenant.rep)
    await do(tenant.manager, request, "dispatch")
    await deliver(PLATFORM_TENANT, "requests.sent")

    # A page of the platform hears of it, looks, and there it is.
    await anext(theirs)
    (waiting,) = await lying(operator, tenant)
    before = await anext(ours)
    await answer(operator, waiting.id, "accept")
    await deliver(tenant.tenant_id, ANSWERED)
    after = await anext(ours)

    assert after > before
    held = await seen(tenant.rep, request)
    assert (held.state, held.accepted_at) == ("accepted", NOW)
    assert await told(tenant.rep) == ["resource_answered"] * 2


async def test_s112_the_platforms_result_comes_back_whatever_the_order_of_its_word(
    tenant: Tenant,
) -> None:
    operator = make_platform_actor()
    request = await ask(tenant.rep)
    await do(tenant.manager, request, "dispatch")
    (waiting,) = await lying(operator, tenant)
    said = {"accept": {}, "complete": {"text": "报告已发给贵司"}}
    answered = []
    for verb, words in said.items():
        event = new_id()
        await answer(operator, waiting.id, verb, now=NOW + HOUR, id=event, **words)
        answered.append(
            service.Answered(
                dispatch_id=waiting.id,
                event_id=event,
                verb=Verb(verb),
                text=words.get("text"),
                done_by=operator.user_id,
                done_at=NOW + HOUR,
            )
        )

    for each in (*reversed(answered), *answered):
        await service.settle(tenant.tenant_id, each, now=NOW + 2 * HOUR)

    held = await seen(tenant.rep, request)
    assert (held.state, held.result) == ("done", "报告已发给贵司")
    assert (held.accepted_at, held.closed_at) == (NOW + HOUR, NOW + HOUR)
    detail = await queries.detail(tenant.rep, request, now=NOW)
    assert sorted((each.verb, each.party) for each in detail.events) == [
        ("accept", "platform"),
        ("complete", "platform"),
        ("dispatch", "company"),
    ]
    await do(tenant.rep, request, "judge", verdict="helped")
    (sent,) = (await queries.detail(tenant.rep, request, now=NOW)).sent
    assert sent.verdict == "helped"


async def test_a_word_that_comes_late_changes_nothing_that_was_sent_elsewhere_since(
    tenant: Tenant,
) -> None:
    operator = make_platform_actor()
    request = await ask(tenant.rep)
    await do(tenant.manager, request, "dispatch")
    (waiting,) = await lying(operator, tenant)
    answered = []
    for verb, text in ((Verb.ACCEPT, None), (Verb.DECLINE, "本季没有名额")):
        event = new_id()
        await answer(operator, waiting.id, verb, id=event, text=text)
        told = service.Answered(
            dispatch_id=waiting.id,
            event_id=event,
            verb=verb,
            text=text,
            done_by=operator.user_id,
            done_at=NOW,
        )
        answered.append(told)
    late, declined = answered
    await service.settle(tenant.tenant_id, declined, now=NOW)
    await do(tenant.manager, request, "dispatch", helper_id=tenant.owner.user_id)

    await service.settle(tenant.tenant_id, late, now=NOW + HOUR)

    held = await seen(tenant.rep, request)
    assert (held.state, held.party, held.accepted_at) == ("dispatched", "company", None)
    events = (await queries.detail(tenant.rep, request, now=NOW)).events
    assert sorted(each.verb for each in events) == ["accept", "decline", "dispatch", "dispatch"]


async def test_what_lies_with_the_platform_is_its_to_answer_and_ours_to_take_back(
    tenant: Tenant,
) -> None:
    operator = make_platform_actor()
    request = await ask(tenant.rep)
    await do(tenant.manager, request, "dispatch")
    (waiting,) = await lying(operator, tenant)

    with pytest.raises(RequestAtPlatform):
        await do(tenant.owner, request, "accept")
    with pytest.raises(RequestUnexplained):
        await answer(operator, waiting.id, "decline")
    await do(tenant.manager, request, "dispatch", helper_id=tenant.owner.user_id)

    assert await lying(operator, tenant) == []
    with pytest.raises(RequestMoved):
        await answer(operator, waiting.id, "accept")
    with pytest.raises(NotFound):
        await answer(operator, new_id(), "accept")
    assert (await seen(tenant.rep, request)).party == "company"


async def test_an_answer_under_way_is_not_taken_back(tenant: Tenant) -> None:
    operator, asked = make_platform_actor(), new_id()
    request = await ask(tenant.rep)
    await do(tenant.manager, request, "dispatch")
    (waiting,) = await lying(operator, tenant)
    for _ in range(2):
        await answer(operator, waiting.id, "decline", id=asked, text="本季没有名额")

    with pytest.raises(RequestMoved):
        await do(tenant.rep, request, "cancel")
    with pytest.raises(IdReused):
        await answer(operator, waiting.id, "decline", id=asked, text="另一句")
    assert await deliver(tenant.tenant_id, ANSWERED) == 1

    held = await seen(tenant.rep, request)
    assert (held.state, held.reason) == ("declined", "本季没有名额")


# ----------------------------------------------------------------------------------- on a phone


async def test_help_is_called_up_without_a_network(database: Settings, tenant: Tenant) -> None:
    phone: Device = await make_device(database, tenant)
    customer, request = new_id(), new_id()

    def asks(verb: str, **args: Any) -> Intent:
        phone.number += 1
        given = {"resource_request_id": str(request), "customer_id": str(customer), **args}
        name = f"resource_request.{verb}"
        return Intent(number=phone.number, id=str(new_id()), name=name, args=given, at_ms=0)

    answered = await phone.push(
        phone.create("customer", customer, name="老街茶庄"),
        phone.create(
            "resource_request",
            request,
            customer_id=str(customer),
            subject="打样测试",
            resource="sample_test",
        ),
        asks("dispatch"),
        asks("judge", verdict="wonderful"),
        asks("cancel"),
    )
    await phone.pull()

    assert [each.status for each in answered.outcomes] == [
        *[Status.APPLIED] * 2,
        *[Status.REJECTED] * 2,
        Status.APPLIED,
    ]
    assert [each.code for each in answered.outcomes[2:4]] == ["request_not_yours", "invalid"]
    held = phone.replica["resource_request", str(request)]
    assert (held["state"], held["requested_by"]) == ("cancelled", str(phone.actor.user_id))
    assert phone.replica == await phone.snapshot()
