"""Word of a must-do task goes up by a clock of working time: each step once, whatever the jobs."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from asyncpg.connection import LoggedQuery

from server.access import Actor
from server.access.rules import NotPermitted
from server.activities import queries as tasks
from server.activities import service as activities
from server.activities.schemas import Completion, NewTask, TaskEdit, TaskView
from server.automation import jobs, queries, rules, service
from server.automation.rules import Step, Terms
from server.automation.schemas import NewTrial
from server.identity import service as identity
from server.identity.schemas import NewAbsence
from server.kit import clock, db, outbox
from server.kit.errors import NotFound
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.partners import service as partners
from server.partners.schemas import NewAgent, NewOwner
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.activities.stories import make_customer
from tests.waiting import meanwhile

HOUR = timedelta(hours=1)
DUE = NOW + 4 * HOUR
"""One in the afternoon of a Monday."""


async def must_do(tenant: Tenant, **fields: Any) -> TaskView:
    """Give the rep something that must be done."""
    given: dict[str, Any] = {"assignee_id": tenant.rep.user_id, "due_at": DUE, **fields}
    new = NewTask(title="联系沉寂客户", is_must_do=True, **given)
    customer_id = await make_customer(tenant.rep)
    return await activities.add_task(tenant.manager, customer_id, new, now=NOW)


async def told(actor: Actor) -> list[Kind]:
    """Give what the clock told a person, the first to the last."""
    page = await notifications.notifications(actor)
    return [each.kind for each in reversed(page.items) if each.rule == rules.SLA]


async def word(tenant: Tenant) -> tuple[list[Kind], list[Kind], list[Kind]]:
    """Give what rep, manager and owner were told."""
    return await told(tenant.rep), await told(tenant.manager), await told(tenant.owner)


async def moved(tenant: Tenant, task_id: UUID) -> None:
    """Let the worker hear that a task was written."""
    job = outbox.Job(task_id, tenant.tenant_id, "tasks.written", {"ids": [str(task_id)]}, 0, 0)
    await jobs.HANDLERS[job.topic](job, NOW)


async def test_s13_a_late_must_do_task_warns_then_tells_the_manager_then_the_owner(
    tenant: Tenant,
) -> None:
    task = await must_do(tenant)
    seen = []
    for now in (NOW, DUE - 2 * HOUR, DUE, DUE + HOUR, DUE + 24 * HOUR, DUE + 24 * HOUR):
        await service.escalate(tenant.tenant_id, now=now)
        held = await tasks.task(tenant.rep, task.id)
        seen.append(held.escalation)

    assert seen == [None, "warned", "manager", "manager", "owner", "owner"]
    late = [Kind.TASK_OVERDUE]
    assert await word(tenant) == ([Kind.TASK_DUE], late, late)
    gone = await queries.escalations(tenant.rep, task.id)
    assert [(each.step, each.sla_version) for each in gone] == [(step, 0) for step in Step]
    [owners] = (await notifications.notifications(tenant.owner)).items
    assert (owners.rule, owners.rule_version) == ("sla", 0)
    assert owners.link == f"/tasks/{task.id}"


@pytest.mark.parametrize("seed", range(12))
async def test_s13_any_order_and_repetition_of_the_jobs_tells_each_once(
    tenant: Tenant, seed: int
) -> None:
    rng = random.Random(seed)
    due = [DUE + rng.randint(-90, 3_000) * timedelta(minutes=1) for _ in range(3)]
    made = [await must_do(tenant, due_at=each) for each in due]
    runs = [NOW + rng.randint(0, 12_000) * timedelta(minutes=1) for _ in range(8)]
    runs.append(NOW + timedelta(days=14))
    rng.shuffle(runs)

    while runs:
        side_by_side = [runs.pop() for _ in range(min(len(runs), rng.randint(1, 3)))]
        await asyncio.gather(*(service.escalate(tenant.tenant_id, now=now) for now in side_by_side))

    assert [len(each) for each in await word(tenant)] == [3, 3, 3]
    for task in made:
        gone = await queries.escalations(tenant.owner, task.id)
        assert sorted(each.step for each in gone) == sorted(Step)
        assert (await tasks.task(tenant.owner, task.id)).escalation == "owner"


async def test_s13_what_is_done_or_cancelled_in_time_is_told_of_no_more(tenant: Tenant) -> None:
    done, cancelled = await must_do(tenant), await must_do(tenant)
    ordinary = NewTask(title="普通", due_at=DUE)
    await activities.add_task(tenant.rep, done.customer_id, ordinary, now=NOW)
    await activities.complete_task(tenant.rep, done.id, Completion(), now=NOW)
    await activities.cancel_task(tenant.manager, cancelled.id, now=NOW)

    assert await service.escalate(tenant.tenant_id, now=DUE + timedelta(days=9)) == 0

    assert await word(tenant) == ([], [], [])


async def test_s13_what_is_being_done_while_the_clock_looks_is_told_of_no_more(
    tenant: Tenant,
) -> None:
    task = await must_do(tenant)
    late = DUE + timedelta(days=9)

    async with db.tenant_transaction(tenant.tenant_id):
        await activities.complete_task(tenant.rep, task.id, Completion(), now=DUE)
        clock_run = await meanwhile(service.escalate(tenant.tenant_id, now=late))

    assert await clock_run == 0
    assert await word(tenant) == ([], [], [])


async def test_s13_a_task_that_a_manager_moves_has_a_new_clock(tenant: Tenant) -> None:
    task = await must_do(tenant)
    await service.escalate(tenant.tenant_id, now=DUE + timedelta(days=2))
    later = TaskEdit(due_at=DUE + timedelta(days=7))
    await activities.change_task(tenant.manager, task.id, later, now=NOW)

    await moved(tenant, task.id)

    assert (await tasks.task(tenant.rep, task.id)).escalation is None
    assert await service.escalate(tenant.tenant_id, now=DUE + timedelta(days=7)) == 2
    await moved(tenant, task.id)
    assert (await tasks.task(tenant.rep, task.id)).escalation == "manager"
    assert [len(each) for each in await word(tenant)] == [2, 2, 1]


async def test_s100_who_is_away_is_stood_in_for(tenant: Tenant) -> None:
    day = NOW.date()
    away = NewAbsence(starts_on=day, ends_on=day)
    await identity.add_absence(tenant.rep, tenant.rep.user_id, away, now=NOW)
    await must_do(tenant)

    await service.escalate(tenant.tenant_id, now=DUE - HOUR)
    assert await word(tenant) == ([], [Kind.TASK_DUE], [])

    await identity.add_absence(tenant.manager, tenant.manager.user_id, away, now=NOW)
    await service.escalate(tenant.tenant_id, now=DUE + HOUR)
    assert await word(tenant) == ([], [Kind.TASK_DUE], [Kind.TASK_OVERDUE])


async def test_s56_the_rule_is_data_with_versions_and_is_named(tenant: Tenant) -> None:
    first = await service.set_sla(tenant.manager, Terms(warn_minutes=60), now=NOW)
    again = await service.set_sla(tenant.manager, Terms(warn_minutes=60), now=NOW)
    second = await service.set_sla(tenant.owner, Terms(warn_minutes=180), now=NOW)
    assert (first.version, again.version, second.version) == (1, 1, 2)
    assert await queries.sla(tenant.rep) == second
    task = await must_do(tenant)

    await service.escalate(tenant.tenant_id, now=DUE - 3 * HOUR)

    [gone] = await queries.escalations(tenant.rep, task.id)
    assert (gone.step, gone.sla_version) == (Step.WARNED, 2)
    with pytest.raises(NotPermitted):
        await service.set_sla(tenant.rep, Terms(), now=NOW)
    at_once = await asyncio.gather(
        *(service.set_sla(tenant.owner, Terms(warn_minutes=200), now=NOW) for _ in range(3))
    )
    assert [each.version for each in at_once] == [3] * 3


async def test_who_looked_at_another_version_sets_none(tenant: Tenant) -> None:
    first = await service.set_sla(tenant.owner, Terms(warn_minutes=60), now=NOW, base=0)

    with pytest.raises(service.SlaChanged):
        await service.set_sla(tenant.manager, Terms(warn_minutes=180), now=NOW, base=0)
    again = await service.set_sla(tenant.owner, Terms(warn_minutes=60), now=NOW, base=0)

    assert again == first == await queries.sla(tenant.owner)


async def test_s56_two_who_set_the_rule_at_once_make_two_versions_or_one_is_told(
    tenant: Tenant,
) -> None:
    answers = await asyncio.gather(
        *(service.set_sla(tenant.owner, Terms(warn_minutes=n), now=NOW) for n in range(1, 5)),
        return_exceptions=True,
    )

    versions = [each.version for each in answers if isinstance(each, rules.Sla)]
    refused = [each for each in answers if isinstance(each, service.SlaChanged)]
    assert len(versions) + len(refused) == 4
    assert sorted(versions) == list(range(1, len(versions) + 1))


async def test_m15_a_rule_is_tried_on_the_past_before_it_holds(tenant: Tenant) -> None:
    kept, late, open_ = [await must_do(tenant) for _ in range(3)]
    await activities.complete_task(tenant.rep, kept.id, Completion(), now=DUE - HOUR)
    await activities.complete_task(tenant.rep, late.id, Completion(), now=DUE + HOUR)
    assert open_.escalation is None
    now = DUE + timedelta(days=3)

    would = await queries.trial(tenant.manager, NewTrial(terms=Terms()), now=now)
    gentle = Terms(warn_minutes=30, manager_minutes=120)
    less = await queries.trial(tenant.manager, NewTrial(terms=gentle), now=now)

    assert (would.tasks, would.warned, would.manager, would.owner) == (3, 3, 2, 1)
    assert (less.tasks, less.warned, less.manager, less.owner) == (3, 2, 1, 1)
    assert await word(tenant) == ([], [], [])
    with pytest.raises(NotPermitted):
        await queries.trial(tenant.rep, NewTrial(terms=gentle), now=now)


async def test_another_companys_escalations_are_not_there(tenant: Tenant, rival: Tenant) -> None:
    task = await must_do(tenant)
    await service.escalate(tenant.tenant_id, now=DUE)

    assert await service.escalate(rival.tenant_id, now=DUE) == 0
    with pytest.raises(NotFound):
        await queries.escalations(rival.owner, task.id)


async def test_the_statements_of_the_clock_do_not_grow_with_the_tasks(tenant: Tenant) -> None:
    counts = []
    for number, size in enumerate((2, 9)):
        due_at = DUE + timedelta(days=number)
        for _ in range(size):
            await must_do(tenant, due_at=due_at)
        counts.append(await _statements(tenant, due_at))

    assert counts[0] == counts[1]


async def _statements(tenant: Tenant, now: datetime) -> int:
    """Count the statements of a run of the clock."""
    heard: list[LoggedQuery] = []
    async with db.tenant_transaction(tenant.tenant_id) as opened:
        with opened.connection.query_logger(heard.append):
            await service.escalate(tenant.tenant_id, now=now)
            # The driver tells of a statement in the next turn of the loop.
            await asyncio.sleep(0)
    return len(heard)


async def test_the_clock_reads_only_what_it_still_has_to_tell_of(tenant: Tenant) -> None:
    await must_do(tenant)
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute("SET LOCAL enable_seqscan = off")
        plan = await db.connection().fetch(
            f"EXPLAIN {service._WAITING}",
            tenant.tenant_id,
            DUE,
            NOW,
            UUID(int=0),
            200,
        )

    said = "\n".join(row[0] for row in plan)
    assert "task_clock" in said
    assert "Sort" not in said


@pytest.mark.usefixtures("database")
async def test_the_schedule_leaves_one_job_a_company() -> None:
    operator, now = make_platform_actor(), clock.now()
    company_id = new_id()
    owner = NewOwner(name="林知远", login=f"owner.{company_id.hex[-12:]}")
    new = NewAgent(id=company_id, name=f"代理商 {company_id.hex[-6:]}", city="杭州", owner=owner)
    await partners.admit(operator, new, now=now)

    for _ in range(2):
        await jobs.escalate_everywhere(now)

    async with db.job_transaction():
        count = await db.connection().fetchval(
            "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND topic = $2",
            company_id,
            jobs.ESCALATE,
        )
    assert count == 1
