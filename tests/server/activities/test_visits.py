"""Visits: planned or not, told once, and judged, with the last word a person's."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from server.access import Role, Scope
from server.access.rules import NotPermitted
from server.activities import queries, service
from server.activities.rules import visits as rules
from server.activities.rules.trust import Sign
from server.activities.schemas import Decision, NewAppeal, NewVisit, VisitFilters, VisitState
from server.attachments import place
from server.attachments import service as attachments
from server.attachments.schemas import NewAttachment
from server.customers import queries as customers
from server.kit import db
from server.kit.errors import IdReused, NotFound, Refusal
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.settings import Settings
from sync_protocol.messages import Intent
from tests.factories import NOW, Tenant, new_id
from tests.plans import index_conditions, plans
from tests.server.activities.stories import FIX, STORE, go, let_work, make_customer, tell
from tests.server.sync.devices import make_device

HOUR = timedelta(hours=1)


async def test_a_visit_is_planned_made_and_told(tenant: Tenant) -> None:
    rep, customer_id = tenant.rep, await make_customer(tenant.rep)
    plan = NewVisit(planned_at=NOW + HOUR, purpose="看新柜台")
    planned = await service.add_visit(rep, customer_id, plan, now=NOW)
    assert planned.state is VisitState.PLANNED
    due = await queries.due_visits(rep, until=NOW + 2 * HOUR)
    assert [each.id for each in due] == [planned.id]

    begun = await tell(rep, planned.id, checked_in_at=NOW + HOUR, **FIX)
    assert begun.state is VisitState.OPEN
    done = await tell(
        rep, planned.id, checked_out_at=NOW + 2 * HOUR, summary="要两箱", next_step="周三送样"
    )

    assert done.state is VisitState.DONE
    assert (done.summary, done.next_step, done.visitor_id) == ("要两箱", "周三送样", rep.user_id)
    assert await queries.due_visits(rep, until=NOW + 9 * HOUR) == []
    told = await customers.history(tenant.owner, customer_id)
    assert [entry.action for entry in told.items if entry.kind == "visit"] == [
        "edit",
        "edit",
        "create",
    ]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"lat": 1}, "visit_told"),
        ({"checked_in_at": NOW + HOUR}, "visit_told"),
        ({"is_mocked": 1}, "visit_told"),
        ({"checked_out_at": NOW + HOUR}, "visit_told"),
        ({"cancelled_at": NOW + HOUR}, "visit_over"),
        ({"planned_at": NOW + HOUR}, "visit_over"),
    ],
)
async def test_what_was_checked_in_stands(
    tenant: Tenant, fields: dict[str, Any], code: str
) -> None:
    visit = await go(tenant.rep, await make_customer(tenant.rep))

    with pytest.raises(Refusal) as refused:
        await tell(tenant.rep, visit.id, **fields)

    assert refused.value.code == code
    assert await queries.visit(tenant.rep, visit.id) == visit


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"lat": 1, "lng": 1}, "visit_not_begun", "lat"),
        ({"checked_out_at": NOW}, "visit_not_begun", "checked_out_at"),
        ({"checked_in_at": NOW, "lat": 1}, "visit_not_begun", "lng"),
        ({"checked_in_at": NOW, "checked_out_at": NOW - HOUR}, "visit_out_of_order", None),
        ({"checked_in_at": NOW, "cancelled_at": NOW}, "visit_over", "cancelled_at"),
    ],
)
async def test_a_visit_that_cannot_be_is_refused(
    tenant: Tenant, fields: dict[str, Any], code: str, field: str | None
) -> None:
    customer_id = await make_customer(tenant.rep)

    with pytest.raises(Refusal) as refused:
        await service.add_visit(tenant.rep, customer_id, NewVisit(**fields), now=NOW)

    assert refused.value.code == code
    assert field in (None, refused.value.field)
    assert await queries.visits_of(tenant.rep, customer_id) == []


async def test_a_visit_that_comes_twice_is_one(tenant: Tenant) -> None:
    customer_id, visit_id = await make_customer(tenant.rep), new_id()
    first = await go(tenant.rep, customer_id, id=visit_id)

    assert await go(tenant.rep, customer_id, id=visit_id) == first
    with pytest.raises(Refusal) as refused:
        await go(tenant.rep, customer_id, id=visit_id, summary="另一次")
    assert refused.value.code == IdReused.code


async def test_a_visit_is_told_by_its_visitor_alone(tenant: Tenant) -> None:
    visit = await go(tenant.rep, await make_customer(tenant.rep), stays=None)

    with pytest.raises(rules.NotYourVisit):
        await tell(tenant.manager, visit.id, summary="他没去")


async def test_another_companys_visit_is_not_there(tenant: Tenant, rival: Tenant) -> None:
    visit = await go(tenant.rep, await make_customer(tenant.rep))

    for asked in (
        queries.visit(rival.owner, visit.id),
        queries.visits_of(rival.owner, visit.customer_id),
        tell(rival.owner, visit.id, summary="x"),
        service.add_visit(rival.owner, visit.customer_id, NewVisit(), now=NOW),
    ):
        with pytest.raises(NotFound):
            await asked
    assert (await queries.visits(rival.owner, VisitFilters())).items == []


async def test_visits_are_listed_by_their_time_page_by_page(tenant: Tenant) -> None:
    rep, customer_id = tenant.rep, await make_customer(tenant.rep)
    # Written down in another order than they take place.
    when = {"明天": 24, "后天": 48, "下午": 5, "没定": None}
    for purpose, hours in when.items():
        planned_at = None if hours is None else NOW + hours * HOUR
        new = NewVisit(planned_at=planned_at, purpose=purpose)
        await service.add_visit(rep, customer_id, new, now=NOW)
    for minutes, said in ((-60, "刚去过"), (-600, "早上去的")):
        await go(rep, customer_id, minutes=minutes, purpose=said)

    async def listed(**filters: Any) -> list[str | None]:
        found, cursor = [], None
        while True:
            asked = VisitFilters(customer_id=customer_id, **filters)
            page = await queries.visits(tenant.owner, asked, cursor=cursor, limit=2)
            found += [each.purpose for each in page.items]
            if (cursor := page.next_cursor) is None:
                return found

    everything = ["没定", "后天", "明天", "下午", "刚去过", "早上去的"]
    assert await listed() == everything
    assert await listed(visitor_id=rep.user_id) == everything
    assert await listed(state=VisitState.PLANNED) == ["下午", "明天", "后天", "没定"]
    assert await listed(state=VisitState.DONE) == ["刚去过", "早上去的"]
    assert [each.purpose for each in await queries.visits_of(rep, customer_id)] == everything


async def test_a_page_of_visits_begins_where_its_index_says(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    for hours in (1, 2, 3):
        new = NewVisit(planned_at=NOW + hours * HOUR)
        await service.add_visit(tenant.rep, customer_id, new, now=NOW)
    for filters in (
        VisitFilters(),
        VisitFilters(visitor_id=tenant.rep.user_id),
        VisitFilters(state=VisitState.PLANNED),
    ):
        page = await queries.visits(tenant.owner, filters, limit=1)
        ask = partial(queries.visits, tenant.owner, filters, cursor=page.next_cursor, limit=1)
        async with db.tenant_transaction(tenant.tenant_id):
            await db.connection().execute("SET LOCAL enable_seqscan = off")
            await db.connection().execute("SET LOCAL enable_sort = off")
            [plan] = await plans(tenant.owner, ask)

        assert "using visit_at" in plan
        assert "CASE WHEN" in index_conditions(plan)
        assert "Sort" not in plan


async def test_m13_a_visit_is_judged_and_its_visitor_sees_why(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    good = await go(tenant.rep, customer_id)
    odd = await go(tenant.rep, customer_id, minutes=60, lat=STORE["lat"] + 90_000, is_mocked=1)
    await let_work(tenant.tenant_id)

    assert (await queries.visit(tenant.rep, good.id)).trust_score == 100
    judged = await queries.visit(tenant.rep, odd.id)
    assert {reason.code for reason in judged.trust_reasons} == {Sign.MOCKED, Sign.FAR}
    assert judged.trust_score == 0
    doubted = await queries.visits(tenant.manager, VisitFilters(is_doubted=True))
    assert [each.id for each in doubted.items] == [odd.id]


async def test_m13_a_visit_that_comes_late_judges_the_one_after_it_anew(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    after = await go(tenant.rep, customer_id, minutes=60)
    await let_work(tenant.tenant_id)
    assert (await queries.visit(tenant.rep, after.id)).trust_score == 100

    # Half an hour before, a phone that was offline says, the rep was in Peking.
    await go(
        tenant.rep,
        await make_customer(tenant.rep, "北京分店"),
        minutes=30,
        lat=39_904_000,
        stays=25,
    )
    await let_work(tenant.tenant_id)

    again = await queries.visit(tenant.rep, after.id)
    assert [reason.code for reason in again.trust_reasons] == [Sign.TOO_FAST]


async def test_m13_a_photo_that_was_shown_before_is_seen(
    database: Settings, tenant: Tenant
) -> None:
    place.open_place(database)
    customer_id = await make_customer(tenant.rep)
    first, second = await go(tenant.rep, customer_id), await go(tenant.rep, customer_id, minutes=90)
    for hours, visit in enumerate((first, second), 2):
        photo = NewAttachment(
            customer_id=customer_id,
            media_type="image/jpeg",
            size=10,
            sha256="ab" * 32,
            subject_kind="visit",
            subject_id=visit.id,
        )
        await attachments.announce(tenant.rep, photo, now=NOW + hours * HOUR)
    await let_work(tenant.tenant_id)

    assert (await queries.visit(tenant.rep, first.id)).trust_reasons == []
    found = (await queries.visit(tenant.rep, second.id)).trust_reasons
    assert [reason.code for reason in found] == [Sign.PHOTO_REUSED]


async def test_judging_again_writes_nothing(tenant: Tenant) -> None:
    visit = await go(tenant.rep, await make_customer(tenant.rep))
    await let_work(tenant.tenant_id)
    judged = await queries.visit(tenant.rep, visit.id)

    await service.judge_visits(tenant.tenant_id, [str(visit.id)], now=NOW + HOUR)

    assert (await queries.visit(tenant.rep, visit.id)).seq == judged.seq


async def test_m13_a_rep_appeals_and_a_manager_decides(tenant: Tenant) -> None:
    visit = await go(tenant.rep, await make_customer(tenant.rep), is_mocked=1)
    with pytest.raises(rules.NothingToAppeal):
        await service.appeal(tenant.rep, visit.id, NewAppeal("测试机"), now=NOW)
    await let_work(tenant.tenant_id)

    said = await service.appeal(tenant.rep, visit.id, NewAppeal("测试机"), now=NOW)
    again = await service.appeal(tenant.rep, visit.id, NewAppeal("测试机"), now=NOW)

    assert said == again
    with pytest.raises(rules.NothingToAppeal):
        await service.appeal(tenant.rep, visit.id, NewAppeal("另一句"), now=NOW)
    with pytest.raises(NotPermitted):
        await service.decide_appeal(tenant.rep, visit.id, Decision("upheld"), now=NOW)
    waiting = await queries.visits(tenant.manager, VisitFilters(is_appealed=True))
    assert [each.id for each in waiting.items] == [visit.id]
    told = (await notifications.notifications(tenant.manager)).items
    assert [(each.kind, each.link) for each in told] == [
        (Kind.VISIT_APPEALED, f"/visits/{visit.id}")
    ]
    decided = await service.decide_appeal(tenant.manager, visit.id, Decision("upheld"), now=NOW)
    told = (await notifications.notifications(tenant.rep)).items
    assert [each.kind for each in told] == [Kind.APPEAL_DECIDED]
    assert (decided.appeal_state, decided.decided_by) == ("upheld", tenant.manager.user_id)
    assert decided.trust_score == said.trust_score, "what was found out stays"
    assert (await queries.visits(tenant.manager, VisitFilters(is_doubted=True))).items == []
    with pytest.raises(rules.NothingToAppeal):
        await service.decide_appeal(tenant.owner, visit.id, Decision("rejected"), now=NOW)


async def test_m13_of_two_who_decide_at_once_one_decides(tenant: Tenant) -> None:
    visit = await go(tenant.rep, await make_customer(tenant.rep), is_mocked=1)
    await let_work(tenant.tenant_id)
    said = [service.appeal(tenant.rep, visit.id, NewAppeal(text), now=NOW) for text in "甲乙"]
    appealed = await asyncio.gather(*said, return_exceptions=True)

    decided = await asyncio.gather(
        service.decide_appeal(tenant.manager, visit.id, Decision("upheld"), now=NOW),
        service.decide_appeal(tenant.owner, visit.id, Decision("rejected"), now=NOW),
        return_exceptions=True,
    )

    for outcomes in (appealed, decided):
        kinds = sorted(type(each).__name__ for each in outcomes)
        assert kinds == ["NothingToAppeal", "VisitView"]
    [word] = [each for each in decided if not isinstance(each, BaseException)]
    assert (await queries.visit(tenant.owner, visit.id)).appeal_state == word.appeal_state


async def test_nobody_decides_about_the_own_visit(tenant: Tenant) -> None:
    visit = await go(tenant.manager, await make_customer(tenant.manager), is_mocked=1)
    await let_work(tenant.tenant_id)
    await service.appeal(tenant.manager, visit.id, NewAppeal("测试机"), now=NOW)

    with pytest.raises(rules.OwnAppeal):
        await service.decide_appeal(tenant.manager, visit.id, Decision("upheld"), now=NOW)


async def test_m13_a_phone_tells_a_visit_offline_and_hears_the_score(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant, role=Role.SALES_REP, scope=Scope.TEAM)
    customer_id = await make_customer(phone.actor)
    await phone.pull()
    visit_id = new_id()
    at_ms = 1_772_413_200_000
    planned = phone.create("visit", visit_id, customer_id=str(customer_id), planned_at=at_ms)
    begun = phone.edit("visit", visit_id, checked_in_at=at_ms, **{**FIX, "is_mocked": 1})
    told = await phone.push(planned, begun)
    assert [outcome.code for outcome in told.outcomes] == ["applied", "applied"]
    await let_work(tenant.tenant_id)
    await phone.pull()
    held = phone.replica["visit", str(visit_id)]
    assert held["trust_score"] == 40
    assert [reason["code"] for reason in held["trust_reasons"]] == ["mocked"]
    assert held["visitor_id"] == str(phone.actor.user_id)

    phone.number += 1
    intent = Intent(
        number=phone.number,
        id=str(new_id()),
        name="visit.appeal",
        args={"visit_id": str(visit_id), "appeal": "开发者模式忘了关"},
        at_ms=at_ms,
    )
    assert (await phone.outcome(intent)).code == "applied"
    again = phone.edit("visit", visit_id, lat=1)
    assert (await phone.outcome(again)).code == "visit_told"
    stolen = phone.edit("visit", visit_id, trust_score=100)
    assert (await phone.outcome(stolen)).status == "rejected"

    assert (await queries.visit(tenant.owner, visit_id)).appeal == "开发者模式忘了关"


async def test_m13_positions_of_people_are_kept_inside_visits_alone(database: Settings) -> None:
    reader = await asyncpg.connect(database.owner_database_url)
    try:
        rows = await reader.fetch(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND column_name ~ '(^|_)(lat|lng|latitude|longitude)$'"
        )
    finally:
        await reader.close()

    # A store's is where a business is, for everybody to find.
    assert {row["table_name"] for row in rows} == {"store", "visit"}


async def test_m13_a_position_without_a_check_in_cannot_be_written(tenant: Tenant) -> None:
    visit = await go(tenant.rep, await make_customer(tenant.rep))

    with pytest.raises(asyncpg.CheckViolationError):
        async with db.tenant_transaction(tenant.tenant_id):
            await db.connection().execute(
                "UPDATE visit SET checked_in_at = NULL WHERE tenant_id = $1 AND id = $2",
                tenant.tenant_id,
                visit.id,
            )
