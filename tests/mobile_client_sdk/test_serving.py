"""A rep notes down a case without a network and works on it."""

from pathlib import Path

import pytest
from litestar import Litestar

from mobile_client_sdk.client.quoting import NotPossible
from server.cases import queries
from server.cases.schemas import CaseFilters
from sync_protocol.serving import State, Verb
from tests.factories import NOW, Tenant
from tests.mobile_client_sdk.test_quoting import in_thread
from tests.mobile_client_sdk.test_real_server import Field


async def test_a_case_is_noted_foretold_and_resolved(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")
    await in_thread(rep.sync)
    customer = await in_thread(lambda: rep.create_customer(name="福满楼"))
    case = await in_thread(lambda: rep.open_case(customer, "死机", severity="critical"))
    await in_thread(lambda: rep.decide_case(case, Verb.START))
    await in_thread(lambda: rep.comment(case, "已约师傅"))
    foretold = await in_thread(lambda: rep.case_state(case))
    with pytest.raises(NotPossible):
        await in_thread(lambda: rep.decide_case(case, Verb.CLOSE))
    alarming = await in_thread(lambda: rep.alarming(customer))
    assert (await in_thread(rep.sync)).refused == ()
    await in_thread(lambda: rep.decide_case(case, Verb.RESOLVE, "换了主板"))
    calm = await in_thread(lambda: rep.alarming(customer))
    assert (await in_thread(rep.sync)).refused == ()

    (held,) = (await queries.list_page(tenant.rep, CaseFilters(), now=NOW)).items
    assert foretold == (State.IN_PROGRESS, True)
    assert ([each.id for each in alarming], calm) == ([case.id], [])
    assert (held.state, held.result) == ("resolved", "换了主板")
    assert await in_thread(lambda: rep.case_state(case)) == (State.RESOLVED, False)
