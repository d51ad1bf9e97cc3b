"""Who has asked not to be called is called by no company of the channel (S45)."""

from datetime import timedelta

import asyncpg
import pytest

from server.access import Actor
from server.customers.opt_outs import queries, rules, service
from server.customers.opt_outs.rules import OptedOut, OptOutReason
from server.identity import keys
from server.kit import db
from server.leads import service as leads
from server.leads.rules.handoff import CalledTooOften
from server.settings import Settings
from tests.factories import NOW, Tenant
from tests.postgres import Postgres
from tests.server.leads.stories import a_lead, a_phone, offered, ready, receive, route


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

    assert await service.withdraw(tenant.manager, phone, now=NOW)
    assert not await service.withdraw(tenant.manager, phone, now=NOW)
    assert await is_opted_out(tenant, phone)

    assert await service.withdraw(rival.manager, phone, now=NOW)
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
