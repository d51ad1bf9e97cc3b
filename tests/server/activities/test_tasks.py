"""Tasks: noted, given, finished once; what must be done nobody waves away."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery

from server.access import Actor, Role, Scope
from server.access.rules import NotPermitted
from server.activities import queries, service
from server.activities.rules import tasks as rules
from server.activities.schemas import (
    Completion,
    NewTask,
    NewTasks,
    Priority,
    TaskEdit,
    TaskFilters,
    TaskState,
    TaskView,
)
from server.customers import queries as customers
from server.customers import service as customer_service
from server.customers.schemas import Filters, NewCustomer
from server.identity import service as identity
from server.kit import clock, db
from server.kit.errors import NotFound, Refusal
from server.kit.pages import BadCursor
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.settings import Settings
from sync_protocol.messages import Intent
from tests.factories import NOW, Tenant, new_id, new_user
from tests.plans import index_conditions, plans
from tests.server.activities.stories import make_customer
from tests.server.sync.devices import make_device

HOUR = timedelta(hours=1)


async def note(actor: Actor, customer_id: UUID, title: str = "送样机", **fields: Any) -> TaskView:
    """Make a task."""
    return await service.add_task(actor, customer_id, NewTask(title=title, **fields), now=NOW)


async def hire(tenant: Tenant, role: Role = Role.SALES_REP, scope: Scope | None = None) -> Actor:
    """Let one more person into the company's team."""
    person = tenant.actor(role, scope=scope)
    await identity.invite(tenant.owner, new_user(person, team_id=person.team_id), now=NOW)
    return person


async def told(actor: Actor) -> list[tuple[Kind, str]]:
    """Give what a person was told, the newest first."""
    page = await notifications.notifications(actor)
    return [(each.kind, each.subject) for each in page.items]


async def test_a_task_is_noted_done_and_told_by_the_history(tenant: Tenant) -> None:
    rep, customer_id = tenant.rep, await make_customer(tenant.rep)
    made = await note(rep, customer_id, due_at=NOW + HOUR, priority=Priority.HIGH)
    assert (made.assignee_id, made.giver_id, made.state) == (rep.user_id, rep.user_id, "open")
    assert made.is_overdue(NOW + 2 * HOUR)

    done = await service.complete_task(rep, made.id, Completion("收下了"), now=NOW + 2 * HOUR)

    assert (done.state, done.done_at, done.result) == ("done", NOW + 2 * HOUR, "收下了")
    assert not done.is_overdue(NOW + 3 * HOUR)
    history = await customers.history(tenant.owner, customer_id)
    assert [each.action for each in history.items if each.kind == "task"] == ["edit", "create"]
    again = await service.complete_task(rep, made.id, Completion("收下了"), now=NOW + 3 * HOUR)
    assert again == done


async def test_a_task_that_is_finished_twice_at_once_is_finished_once(tenant: Tenant) -> None:
    rep, customer_id = tenant.rep, await make_customer(tenant.rep)
    first, second = [await note(rep, customer_id) for _ in range(2)]
    times = [NOW + minute * HOUR / 60 for minute in range(3)]

    done = await asyncio.gather(
        *(service.complete_task(rep, first.id, Completion("收下了"), now=at) for at in times)
    )
    cancelled = await asyncio.gather(*(service.cancel_task(rep, second.id, now=at) for at in times))

    assert done == [done[0]] * 3
    assert cancelled == [cancelled[0]] * 3


async def test_a_task_that_comes_twice_is_one_and_stays_with_whom_it_was_given(
    tenant: Tenant,
) -> None:
    customer_id, task_id = await make_customer(tenant.rep), new_id()
    asked: dict[str, Any] = {"id": task_id, "assignee_id": tenant.rep.user_id}
    await note(tenant.manager, customer_id, **asked)
    await service.assign_task(tenant.manager, task_id, tenant.owner.user_id, now=NOW)

    again = await note(tenant.manager, customer_id, **asked)

    assert again.assignee_id == tenant.owner.user_id
    with pytest.raises(Refusal) as refused:
        await note(tenant.manager, customer_id, "别的", **asked)
    assert refused.value.code == "id_reused"


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        ({"done_at": NOW}, {"done_at": NOW + HOUR}, "task_told"),
        ({"done_at": NOW}, {"cancelled_at": NOW}, "task_over"),
        ({"cancelled_at": NOW}, {"done_at": NOW}, "task_over"),
        ({"cancelled_at": NOW}, {"due_at": NOW}, "task_over"),
        ({"done_at": NOW}, {"title": "改名"}, "task_over"),
    ],
)
async def test_what_is_over_stands(
    tenant: Tenant, first: dict[str, Any], then: dict[str, Any], code: str
) -> None:
    made = await note(tenant.rep, await make_customer(tenant.rep))
    over = await service.change_task(tenant.rep, made.id, TaskEdit(**first), now=NOW)

    with pytest.raises(Refusal) as refused:
        await service.change_task(tenant.rep, made.id, TaskEdit(**then), now=NOW)

    assert (refused.value.code, refused.value.field) == (code, next(iter(then)))
    assert await queries.task(tenant.rep, made.id) == over


@pytest.mark.parametrize("field", ["due_at", "cancelled_at", "title"])
async def test_s13_what_must_be_done_its_assignee_cannot_wave_away(
    tenant: Tenant, field: str
) -> None:
    given: dict[str, Any] = {"due_at": NOW + HOUR, "is_must_do": True}
    given["assignee_id"] = tenant.rep.user_id
    made = await note(tenant.manager, await make_customer(tenant.rep), **given)
    value: Any = "改名" if field == "title" else NOW + 9 * HOUR
    change = TaskEdit(**{field: value})

    with pytest.raises(rules.MustDoStands) as refused:
        await service.change_task(tenant.rep, made.id, change, now=NOW)

    assert refused.value.field == field
    assert await service.change_task(tenant.manager, made.id, change, now=NOW)


async def test_s13_a_must_do_task_is_a_managers_and_has_a_due_time(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)

    with pytest.raises(rules.MustDoByManager):
        await note(tenant.rep, customer_id, is_must_do=True, due_at=NOW)
    with pytest.raises(rules.MustDoNeedsDue):
        await note(tenant.manager, customer_id, is_must_do=True)
    with pytest.raises(NotPermitted):
        await note(tenant.rep, customer_id, assignee_id=tenant.manager.user_id)
    made = await note(tenant.rep, customer_id)
    with pytest.raises(NotPermitted):
        await service.assign_task(tenant.rep, made.id, tenant.manager.user_id, now=NOW)


async def test_a_task_is_given_to_who_sees_the_customer_and_they_are_told(tenant: Tenant) -> None:
    customer_id = await make_customer(tenant.rep)
    colleague = await hire(tenant)
    lead = await hire(tenant, Role.SALES_MANAGER)
    made = await note(tenant.manager, customer_id)

    for person in (colleague.user_id, new_id()):
        with pytest.raises(rules.AssigneeUnfit):
            await service.assign_task(tenant.manager, made.id, person, now=NOW)
    given = await service.assign_task(tenant.manager, made.id, tenant.rep.user_id, now=NOW)
    await service.assign_task(tenant.manager, made.id, tenant.rep.user_id, now=NOW)

    assert given.assignee_id == tenant.rep.user_id
    assert await told(tenant.rep) == [(Kind.TASK_GIVEN, "送样机")]
    assert (await service.assign_task(tenant.owner, made.id, lead.user_id, now=NOW)).id == made.id


async def test_only_who_has_to_do_with_a_task_writes_it(tenant: Tenant) -> None:
    rep, customer_id = tenant.rep, await make_customer(tenant.rep)
    watcher = await hire(tenant, scope=Scope.TENANT)
    made = await note(rep, customer_id)

    assert (await queries.task(watcher, made.id)).id == made.id
    with pytest.raises(rules.NotYourTask):
        await service.complete_task(watcher, made.id, Completion(), now=NOW)
    with pytest.raises(rules.NotYourTask):
        await service.cancel_task(watcher, made.id, now=NOW)
    assert (await service.cancel_task(tenant.manager, made.id, now=NOW)).state == "cancelled"


async def test_another_companys_task_is_not_there(tenant: Tenant, rival: Tenant) -> None:
    made = await note(tenant.rep, await make_customer(tenant.rep))

    for asked in (
        queries.task(rival.owner, made.id),
        queries.tasks_of(rival.owner, made.customer_id),
        service.change_task(rival.owner, made.id, TaskEdit(title="x"), now=NOW),
        service.complete_task(rival.owner, made.id, Completion(), now=NOW),
        service.assign_task(rival.owner, made.id, rival.owner.user_id, now=NOW),
        note(rival.owner, made.customer_id),
    ):
        with pytest.raises(NotFound):
            await asked
    with pytest.raises(rules.AssigneeUnfit):
        await service.assign_task(tenant.owner, made.id, rival.owner.user_id, now=NOW)
    assert (await queries.tasks(rival.owner, TaskFilters())).items == []


async def test_open_tasks_come_in_the_order_of_their_time_page_by_page(tenant: Tenant) -> None:
    rep, customer_id = tenant.rep, await make_customer(tenant.rep)
    for title, hours in (("三", 3), ("无", None), ("一", 1), ("二", 2)):
        due = None if hours is None else NOW + hours * HOUR
        await note(rep, customer_id, title, due_at=due)
    gone = await note(rep, customer_id, "不做了", due_at=NOW)
    await service.cancel_task(rep, gone.id, now=NOW)
    await note(tenant.owner, customer_id, "别人的", due_at=NOW)
    mine = TaskFilters(assignee_id=rep.user_id, state=TaskState.OPEN)

    titles, cursor = [], None
    for _ in range(4):
        page = await queries.tasks(rep, mine, cursor=cursor, limit=1)
        titles += [each.title for each in page.items]
        cursor = page.next_cursor

    assert (titles, cursor) == (["一", "二", "三", "无"], None)
    late = TaskFilters(state=TaskState.OPEN, due_before=NOW + HOUR + HOUR / 2)
    assert [each.title for each in (await queries.tasks(rep, late)).items] == ["别人的", "一"]
    newest = (await queries.tasks(rep, TaskFilters(), limit=2)).next_cursor
    with pytest.raises(BadCursor):
        await queries.tasks(rep, mine, cursor=newest)


async def test_a_task_for_each_customer_of_a_filter_is_made_once(tenant: Tenant) -> None:
    reps = [tenant.rep, await hire(tenant)]
    for number in range(6):
        new = NewCustomer(name=f"茶行{number}", city="杭州市" if number < 4 else "宁波市")
        await customer_service.create(reps[number % 2], new, now=NOW)
    asked = NewTasks(
        id=new_id(),
        title="中秋订货会邀约",
        due_at=NOW + HOUR,
        is_must_do=True,
        filters=Filters(city="杭州市"),
    )

    first = await service.add_tasks(tenant.manager, asked, now=NOW)
    again = await service.add_tasks(tenant.manager, asked, now=NOW + HOUR)

    assert (first.tasks, first.people) == (again.tasks, again.people) == (4, 2)
    made = (await queries.tasks(tenant.owner, TaskFilters(is_must_do=True))).items
    assert sorted(each.assignee_id for each in made) == sorted(2 * [each.user_id for each in reps])
    assert await told(tenant.rep) == [(Kind.TASK_GIVEN, "中秋订货会邀约")]
    with pytest.raises(NotPermitted):
        await service.add_tasks(tenant.rep, asked, now=NOW)


async def test_too_many_customers_are_refused_and_nothing_is_made(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await customer_service.create(tenant.rep, NewCustomer(name=f"店{number}"), now=NOW)
    monkeypatch.setattr(rules, "BULK_MAX", 2)

    with pytest.raises(rules.TooManyTasks):
        await service.add_tasks(tenant.owner, NewTasks(title="x", filters=Filters()), now=NOW)

    assert (await queries.tasks(tenant.owner, TaskFilters())).items == []


async def test_the_statements_of_many_tasks_do_not_grow_with_them(tenant: Tenant) -> None:
    counts = []
    for size in (2, 20):
        for number in range(size):
            new = NewCustomer(name=f"店{size}-{number}", district=f"区{size}")
            await customer_service.create(tenant.rep, new, now=NOW)
        asked = NewTasks(title="回访", filters=Filters(district=f"区{size}"))
        counts.append(await _statements(tenant.manager, asked))

    assert counts[0] == counts[1]


async def _statements(manager: Actor, asked: NewTasks) -> int:
    """Count the statements of making many tasks."""
    heard: list[LoggedQuery] = []
    async with db.tenant_transaction(manager.tenant_id) as opened:
        with opened.connection.query_logger(heard.append):
            await service.add_tasks(manager, asked, now=NOW)
            # The driver tells of a statement in the next turn of the loop.
            await asyncio.sleep(0)
    return len(heard)


async def test_a_phone_notes_and_gives_a_task_and_hears_of_it(
    settings: Settings, tenant: Tenant
) -> None:
    phone = await make_device(settings, tenant, role=Role.SALES_MANAGER)
    customer_id = await make_customer(tenant.rep)
    await phone.pull()
    task_id = new_id()
    made = phone.create("task", task_id, customer_id=str(customer_id), title="送样机")
    assert (await phone.outcome(made)).code == "applied"
    phone.number += 1
    give = Intent(
        number=phone.number,
        id=str(new_id()),
        name="task.assign",
        args={"task_id": str(task_id), "assignee_id": str(tenant.rep.user_id)},
        at_ms=clock.to_ms(NOW),
    )
    assert (await phone.outcome(give)).code == "applied"

    await phone.pull()

    held = phone.replica["task", str(task_id)]
    assert held["assignee_id"] == str(tenant.rep.user_id)
    assert (held["giver_id"], held["priority"]) == (str(phone.actor.user_id), "normal")
    stolen = phone.edit("task", task_id, assignee_id=str(phone.actor.user_id))
    assert (await phone.outcome(stolen)).code == "field_server_only"


async def test_a_page_of_open_tasks_begins_where_its_index_says(tenant: Tenant) -> None:
    """Under the policy of the tenant too, where COALESCE is asked row by row."""
    customer_id = await make_customer(tenant.rep)
    for hours in (1, 2, None):
        due_at = None if hours is None else NOW + hours * HOUR
        await note(tenant.rep, customer_id, due_at=due_at)
    for assignee_id in (None, tenant.rep.user_id):
        filters = TaskFilters(state=TaskState.OPEN, assignee_id=assignee_id)
        page = await queries.tasks(tenant.owner, filters, limit=1)
        ask = partial(queries.tasks, tenant.owner, filters, cursor=page.next_cursor, limit=1)
        async with db.tenant_transaction(tenant.tenant_id):
            await db.connection().execute("SET LOCAL enable_seqscan = off")
            await db.connection().execute("SET LOCAL enable_sort = off")
            [plan] = await plans(tenant.owner, ask)

        assert "Index Scan using task_open" in plan
        assert "CASE WHEN" in index_conditions(plan)
        assert "Sort" not in plan


async def test_the_database_keeps_what_must_always_hold(tenant: Tenant) -> None:
    made = await note(tenant.rep, await make_customer(tenant.rep))
    for change in ("done_at = now(), cancelled_at = now()", "is_must_do = 1"):
        with pytest.raises(asyncpg.CheckViolationError):
            async with db.tenant_transaction(tenant.tenant_id):
                await db.connection().execute(
                    f"UPDATE task SET {change} WHERE tenant_id = $1 AND id = $2",
                    tenant.tenant_id,
                    made.id,
                )
