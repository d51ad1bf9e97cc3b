"""A person's calendar as a calendar reads it: what lies ahead, and nothing that is not to leave."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import icalendar
import pytest

from server.access import Actor, Role
from server.activities import service as activities
from server.activities.schemas import Completion, NewTask, NewVisit, TaskEdit
from server.agenda import queries, service
from server.agenda.schemas import NewFeed
from server.customers import service as customers
from server.customers.schemas import CustomerEdit, NewCustomer
from server.identity import service as identity
from server.identity.schemas import UserChange
from server.kit import clock
from server.kit.calendars import ZONE
from server.kit.errors import NotFound
from tests.factories import Tenant, new_id
from tests.server.contracts.stories import sign, write

HOUR = timedelta(hours=1)


class Subscriber:
    """A calendar that asks for its address again and again."""

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http, self._path = http, httpx.URL(address).path
        self._tag = ""

    async def read(self) -> dict[str, Any] | None:
        """Give the events by UID; None where nothing has changed."""
        headers = {"if-none-match": self._tag} if self._tag else {}
        answer = await self._http.get(self._path, headers=headers)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None
        answer.raise_for_status()
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        self._tag = answer.headers["etag"]
        lines = answer.content.split(b"\r\n")
        assert max(map(len, lines)) <= 75, "lines are folded"
        read = icalendar.Calendar.from_ical(answer.content)
        return {str(event["uid"]): event for event in read.walk("VEVENT")}


async def subscribed(http: httpx.AsyncClient, actor: Actor, **wanted: Any) -> Subscriber:
    token = new_id().hex * 2
    made = await service.make_feed(actor, NewFeed(**wanted), token=token, now=clock.now())
    return Subscriber(http, made.address)


async def a_customer(actor: Actor, name: str = "龙井茶行") -> UUID:
    return (await customers.create(actor, NewCustomer(name=name), now=clock.now())).id


async def test_a_calendar_has_tasks_visits_and_ends_of_contracts(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    now = clock.now()
    customer_id = await a_customer(tenant.rep)
    due = (now + 26 * HOUR).replace(microsecond=0)
    task = await activities.add_task(
        tenant.rep, customer_id, NewTask(title="送样 13912345678", due_at=due), now=now
    )
    visit = await activities.add_visit(
        tenant.rep, customer_id, NewVisit(planned_at=due, purpose="看新店"), now=now
    )
    ends_on = (now.astimezone(ZONE) + timedelta(days=60)).date()
    contract_id = await write(
        tenant.rep,
        now=now,
        customer_id=customer_id,
        effective_on=now.date().isoformat(),
        ends_on=ends_on.isoformat(),
    )
    await sign(tenant, contract_id, now=now)

    found = await (await subscribed(client, tenant.rep)).read()

    assert found is not None
    assert set(found) == {
        f"task-{task.id}@tonglu",
        f"visit-{visit.id}@tonglu",
        f"contract-{contract_id}@tonglu",
    }
    at = found[f"task-{task.id}@tonglu"]
    assert (at.end, at.end.tzinfo.key) == (due, "Asia/Shanghai")
    assert found[f"visit-{visit.id}@tonglu"].start == due
    last = found[f"contract-{contract_id}@tonglu"]
    assert (last.start, last.end) == (ends_on, ends_on + timedelta(days=1))
    text = " ".join(str(each["summary"]) for each in found.values())
    assert "看新店" in text
    assert "13912345678" not in text
    assert "龙井茶行" not in text


async def test_names_of_customers_go_along_where_the_person_wants_that(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    customer_id = await a_customer(tenant.rep)
    new = NewTask(title="回访", due_at=clock.now() + HOUR)
    await activities.add_task(tenant.rep, customer_id, new, now=clock.now())

    found = await (await subscribed(client, tenant.rep, shows_customers=True)).read()

    assert found is not None
    assert [str(each["summary"]) for each in found.values()] == ["任务 · 回访 · 龙井茶行"]


async def test_a_calendar_moves_an_entry_and_makes_no_second_one(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    customer_id = await a_customer(tenant.rep)
    due = (clock.now() + 5 * HOUR).replace(microsecond=0)
    new = NewTask(title="回访", due_at=due)
    task = await activities.add_task(tenant.rep, customer_id, new, now=clock.now())
    calendar = await subscribed(client, tenant.rep)

    first = await calendar.read()
    unchanged = await calendar.read()
    later = TaskEdit(due_at=due + HOUR)
    await activities.change_task(tenant.rep, task.id, later, now=clock.now())
    moved = await calendar.read()
    await activities.complete_task(tenant.rep, task.id, Completion(), now=clock.now())
    done = await calendar.read()

    assert unchanged is None
    assert first is not None
    assert moved is not None
    assert set(first) == set(moved)
    assert [each.end for each in moved.values()] == [due + HOUR]
    assert done == {}


async def test_a_calendar_shows_what_its_person_may_see_now(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    customer_id = await a_customer(tenant.rep)
    new = NewTask(title="回访", due_at=clock.now() + HOUR)
    await activities.add_task(tenant.rep, customer_id, new, now=clock.now())
    calendar = await subscribed(client, tenant.rep)
    assert await calendar.read()

    change = CustomerEdit(owner_id=tenant.owner.user_id)
    await customers.edit(tenant.owner, customer_id, change, now=clock.now())

    assert await calendar.read() == {}


async def test_an_address_that_was_revoked_replaced_or_left_behind_leads_nowhere(
    client: httpx.AsyncClient, tenant: Tenant, rival: Tenant
) -> None:
    first = await subscribed(client, tenant.rep)
    second = await subscribed(client, tenant.rep)
    others = await subscribed(client, tenant.manager)
    assert await second.read() == {}

    await service.revoke_feed(tenant.rep, now=clock.now())
    await identity.disable_user(tenant.owner, tenant.manager.user_id, now=clock.now())

    for gone in (first, second, others):
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            await gone.read()
    assert await queries.feed(tenant.rep) is None
    token = new_id().hex
    await service.make_feed(tenant.owner, NewFeed(), token=token, now=clock.now())
    with pytest.raises(NotFound):
        await queries.content(rival.tenant_id, token, now=clock.now())


async def test_s109_a_calendar_of_somebody_who_became_an_analyst_leads_nowhere(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    calendar = await subscribed(client, tenant.rep, shows_customers=True)
    assert await calendar.read() == {}

    change = UserChange(role=Role.ANALYST)
    await identity.change_user(tenant.owner, tenant.rep.user_id, change, now=clock.now())

    with pytest.raises(httpx.HTTPStatusError):
        await calendar.read()
