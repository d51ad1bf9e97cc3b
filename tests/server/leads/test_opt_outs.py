"""Who has asked not to be called is called by no company of the channel (S45)."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest

from server.access import Actor, Scope
from server.access.rules import NotPermitted
from server.activities import service as activities
from server.activities.kinds import BY_NAME
from server.activities.schemas import CallOutcome, CallView, NewCall
from server.audit import queries as audit
from server.changelog import service as changelog
from server.customers import service as customers
from server.customers.opt_outs import queries, rules, service
from server.customers.opt_outs.rules import OptedOut, OptOutQuotaReached, OptOutReason
from server.customers.opt_outs.schemas import TakenBack
from server.customers.rules import masks
from server.customers.schemas import NewCustomer
from server.identity import keys
from server.kit import clock, db
from server.kit.errors import NotFound
from server.leads import service as leads
from server.leads.rules.handoff import CalledTooOften
from server.settings import Settings
from sync_protocol.messages import Edit
from tests.factories import NOW, Tenant, new_id
from tests.postgres import Postgres
from tests.server.leads.stories import a_lead, a_phone, decide, offered, ready, receive, route
from tests.waiting import meanwhile


async def is_opted_out(tenant: Tenant, phone: str) -> bool:
    async with db.tenant_transaction(tenant.tenant_id):
        return phone in await queries.among([phone])


async def opt_out(actor: Actor, phone: str) -> None:
    await service.opt_out(actor, phone, OptOutReason.ASKED, now=NOW)


async def test_s45_an_opt_out_at_one_company_holds_at_every_other(
    tenant: Tenant, rival: Tenant
) -> None:
    phone = f"+86{a_phone()}"
    routed, waiting = await offered(tenant, phone=phone), None
    waiting = await ready(rival, phone=phone)

    await opt_out(rival.rep, phone)

    with pytest.raises(OptedOut):
        await leads.call(tenant.rep, routed, now=NOW)
    with pytest.raises(OptedOut):
        await route(rival, waiting)
    with pytest.raises(OptedOut):
        await route(rival, waiting, rival.rep)
    saved = await receive(tenant.manager, a_lead(phone=phone))
    assert saved.verdicts == ["opted_out"]


async def test_s45_each_company_takes_back_its_own_word_alone(
    tenant: Tenant, rival: Tenant
) -> None:
    phone = f"+86{a_phone()}"
    await opt_out(tenant.rep, phone)
    await opt_out(rival.rep, phone)

    assert await service.withdraw(tenant.manager, phone, "误登", now=NOW)
    assert not await service.withdraw(tenant.manager, phone, "误登", now=NOW)
    assert await is_opted_out(tenant, phone)

    assert await service.withdraw(rival.manager, phone, "误登", now=NOW)
    assert not await is_opted_out(tenant, phone)


async def test_s45_nothing_on_disk_says_whose_word_or_which_phone_it_is(
    tenant: Tenant, postgres: Postgres, settings: Settings
) -> None:
    phone = f"+86{a_phone()}"
    await opt_out(tenant.rep, phone)

    name = settings.database_url.rsplit("/", 1)[1].partition("?")[0]
    reader = await asyncpg.connect(postgres.superuser_url(name))
    try:
        rows = await reader.fetch("SELECT * FROM contact_opt_out")
    finally:
        await reader.close()

    whole = repr([dict(row) for row in rows])
    for secret in (phone, phone[3:], str(tenant.tenant_id), tenant.tenant_id.hex):
        assert secret not in whole
    assert rules.phone_hash(phone, key=keys.current().opt_outs) in [
        row["phone_hash"] for row in rows
    ]


def test_s45_the_hash_needs_the_key_and_marks_of_one_company_have_nothing_in_common(
    tenant: Tenant,
) -> None:
    phone, other = "+8613812345678", "+8613812345679"

    hashes = {rules.phone_hash(each, key=key) for each in (phone, other) for key in (b"a", b"b")}
    marks = {rules.mark(each, tenant.tenant_id, key=b"a") for each in (phone, other)}

    assert len(hashes) == 4
    assert len(marks | hashes) == 6


async def test_s45_a_phone_is_called_so_often_and_no_oftener(tenant: Tenant) -> None:
    lead_id = await offered(tenant, phone="13812121212")

    shown = [await leads.call(tenant.rep, lead_id, now=NOW) for _ in range(3)]
    with pytest.raises(CalledTooOften):
        await leads.call(tenant.manager, lead_id, now=NOW)

    assert [each.phone for each in shown] == ["+8613812121212"] * 3
    assert [each.calls_left for each in shown] == [2, 1, 0]
    await leads.call(tenant.rep, lead_id, now=NOW + timedelta(days=8))


async def test_s45_a_phone_of_two_leads_is_counted_as_one_phone(tenant: Tenant) -> None:
    first = await offered(tenant, phone="13812121213")
    second = await ready(tenant, name="另一家茶行", phone="13812121213")
    await leads.keep(tenant.manager, decide([second]), now=NOW)
    await route(tenant, second, tenant.rep)
    rep = tenant.rep
    async with db.tenant_transaction(tenant.tenant_id):
        for _ in range(2):
            await leads.call(rep, first, now=NOW)
        other = await meanwhile(leads.call(rep, second, now=NOW))
        await leads.call(rep, first, now=NOW)

    with pytest.raises(CalledTooOften):
        await other


async def called(actor: Actor, phone: str, *, is_offline: bool = False) -> CallView:
    """Hear in a call with a new customer that nobody may call any more."""
    new = NewCustomer(name="龙井茶行", phone=phone, owner_id=actor.user_id)
    customer_id = (await customers.create(actor, new, now=NOW)).id
    asked = CallOutcome.NO_ANSWER if is_offline else CallOutcome.OPTED_OUT
    call = await activities.add_call(actor, customer_id, NewCall(outcome=asked), now=NOW)
    if is_offline:
        op = Edit(
            number=1,
            kind="call",
            id=str(call.id),
            fields={"outcome": "opted_out"},
            at_ms=clock.to_ms(NOW),
            base=changelog.base_of_now(),
        )
        await changelog.write(actor, [op], kinds=BY_NAME, now=NOW)
    await activities.heed_opt_outs(actor.tenant_id, [str(call.id)], now=NOW)
    return call


async def test_s45_one_person_closes_so_many_phones_in_a_day(tenant: Tenant) -> None:
    rep, phones = tenant.rep, [f"+86{a_phone()}" for _ in range(rules.DAY_MAX + 2)]
    for phone in phones[: rules.DAY_MAX]:
        await opt_out(rep, phone)

    with pytest.raises(OptOutQuotaReached):
        await opt_out(rep, phones[-1])
    with pytest.raises(OptOutQuotaReached):
        await called(rep, phones[-1])

    await opt_out(rep, phones[0])
    assert not await is_opted_out(tenant, phones[-1])
    await service.opt_out(rep, phones[-1], OptOutReason.ASKED, now=NOW + timedelta(days=1))
    assert await is_opted_out(tenant, phones[-1])
    # A call that a phone brings has taken place: it is kept, and a manager decides.
    await called(rep, phones[-2], is_offline=True)
    assert not await is_opted_out(tenant, phones[-2])
    waiting = next(
        each for each in (await queries.words(tenant.manager)).items if each.state == "waiting"
    )
    assert (waiting.told_by, waiting.customer_name) == (rep.user_id, "龙井茶行")
    done = [await service.confirm(tenant.manager, waiting.id, now=NOW) for _ in range(2)]
    assert {(each.state, each.decided_by) for each in done} == {
        ("in_force", tenant.manager.user_id)
    }
    assert await is_opted_out(tenant, phones[-2])


async def test_s45_a_manager_sees_who_closed_a_phone_and_opens_it_with_a_reason(
    tenant: Tenant, rival: Tenant
) -> None:
    phone = f"+86{a_phone()}"
    call = await called(tenant.rep, phone)
    [word] = (await queries.words(tenant.manager)).items
    assert (word.phone, word.told_by) == (masks.masked(phone), tenant.rep.user_id)

    with pytest.raises(NotPermitted):
        await queries.words(tenant.rep)
    with pytest.raises(NotPermitted):
        await service.take_back(tenant.rep, word.id, TakenBack(why="误登"), now=NOW)
    with pytest.raises(NotFound):
        await service.take_back(rival.manager, word.id, TakenBack(why="误登"), now=NOW)
    elsewhere = msgspec.structs.replace(tenant.manager, scope=Scope.TEAM, team_id=new_id())
    assert (await queries.words(elsewhere)).items == []
    gone = await service.take_back(tenant.manager, word.id, TakenBack(why="误登"), now=NOW)

    assert (gone.state, gone.why, gone.decided_by) == (
        "withdrawn",
        "误登",
        tenant.manager.user_id,
    )
    assert not await is_opted_out(tenant, phone)
    with pytest.raises(NotFound):
        await service.take_back(tenant.manager, word.id, TakenBack(why="误登"), now=NOW)
    entries = (await audit.entries(tenant.owner)).items
    [line] = [each for each in entries if each.action == "phone.opted_in"]
    assert (line.actor_id, line.subject_id, line.detail) == (
        tenant.manager.user_id,
        word.id,
        {"why": "误登"},
    )
    # The same call, told of once more, closes nothing again.
    await activities.heed_opt_outs(tenant.tenant_id, [str(call.id)], now=NOW)
    assert not await is_opted_out(tenant, phone)
