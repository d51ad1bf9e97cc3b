"""A rep calls without a network, and calls nobody who has asked not to be called."""

from pathlib import Path

import pytest
from litestar import Litestar

from mobile_client_sdk.client.calling import Banned
from server.activities import queries, service
from server.customers import queries as customers
from server.customers.schemas import Filters
from server.kit import clock
from tests.factories import Tenant, new_id
from tests.mobile_client_sdk.test_quoting import in_thread
from tests.mobile_client_sdk.test_real_server import Field


async def test_s45_a_call_told_offline_stops_the_next_one(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    phone = f"+8613{new_id().int % 10**9:09d}"
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")
    await in_thread(rep.sync)
    shop = await in_thread(lambda: rep.create_customer(name="福满楼", phone=phone))
    dialled = await in_thread(lambda: rep.dial(shop))
    await in_thread(lambda: rep.add_call(shop, "opted_out", duration_s=40, note="请不要再打"))
    assert (await in_thread(rep.sync)).refused == ()

    [row] = (await customers.list_page(tenant.rep, Filters())).items
    [call] = await queries.calls_of(tenant.rep, row.id)
    await service.heed_opt_outs(tenant.tenant_id, [str(call.id)], now=clock.now())
    await in_thread(rep.sync)

    assert (dialled, call.note, call.duration_s) == (phone, "请不要再打", 40)
    with pytest.raises(Banned):
        await in_thread(lambda: rep.dial(shop))
    [told] = await in_thread(lambda: rep.calls(shop))
    assert (told.outcome, told.caller_id) == ("opted_out", str(tenant.rep.user_id))
