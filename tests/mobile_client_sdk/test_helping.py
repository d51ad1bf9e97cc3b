"""A rep calls up help without a network, and sees what became of it."""

from pathlib import Path

import pytest
from litestar import Litestar

from mobile_client_sdk.client.quoting import NotPossible
from server.requests import queries, service
from server.requests.schemas import Decide, RequestFilters
from sync_protocol.helping import State, Verb
from tests.factories import NOW, Tenant
from tests.mobile_client_sdk.test_quoting import in_thread
from tests.mobile_client_sdk.test_real_server import Field


async def test_s112_help_is_called_up_foretold_and_answered(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")
    await in_thread(rep.sync)
    customer = await in_thread(lambda: rep.create_customer(name="福满楼"))
    request = await in_thread(
        lambda: rep.ask_for_help(customer, "请专家同行", resource="expert", wished_on="2026-12-24")
    )
    unwanted = await in_thread(lambda: rep.ask_for_help(customer, "打样"))
    await in_thread(lambda: rep.decide_request(unwanted, Verb.CANCEL))
    foretold = await in_thread(lambda: rep.request_state(unwanted))
    with pytest.raises(NotPossible):
        await in_thread(lambda: rep.decide_request(unwanted, Verb.ACCEPT))
    assert (await in_thread(rep.sync)).refused == ()

    filters = RequestFilters(is_live=True)
    (held,) = (await queries.list_page(tenant.owner, filters, now=NOW)).items
    sent = Decide(verb=Verb.DISPATCH, helper_id=tenant.owner.user_id)
    await service.decide(tenant.owner, held.id, sent, now=NOW)
    await in_thread(rep.sync)

    assert foretold == (State.CANCELLED, True)
    assert await in_thread(lambda: rep.request_state(request)) == (State.DISPATCHED, False)
    (shown,) = [each for each in await in_thread(rep.requests) if each.id == request.id]
    assert (shown.helper_id, shown.wished_on) == (str(tenant.owner.user_id), "2026-12-24")
