"""A rep writes a contract and its plan without a network, and notes what came in."""

from pathlib import Path

import pytest
from litestar import Litestar

from mobile_client_sdk.client.quoting import NotPossible
from server.contracts import queries
from server.contracts.schemas import ContractFilters
from sync_protocol.contracting.plan import PlanInvalid
from sync_protocol.contracting.states import State, Verb
from tests.factories import NOW, Tenant
from tests.mobile_client_sdk.test_quoting import in_thread
from tests.mobile_client_sdk.test_real_server import Field
from tests.server.contracts.stories import decide, seen


async def test_a_contract_is_written_here_signed_there_and_paid_here(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")
    await in_thread(rep.sync)
    customer = await in_thread(lambda: rep.create_customer(name="福满楼"))
    plan = [("首付", "2026-12-31", 300_00), ("尾款", "2027-06-30", 700_00)]
    with pytest.raises(PlanInvalid):
        await in_thread(lambda: rep.write_contract(customer, "收银合同", 1_000_01, plan))
    made = await in_thread(lambda: rep.write_contract(customer, "收银合同", 1_000_00, plan))
    await in_thread(lambda: rep.decide_contract(made, Verb.SUBMIT))
    foretold = await in_thread(lambda: rep.contract_state(made))
    with pytest.raises(NotPossible):
        await in_thread(lambda: rep.decide_contract(made, Verb.SIGN))
    assert (await in_thread(rep.sync)).refused == ()

    (held,) = (await queries.list_page(tenant.rep, ContractFilters(), now=NOW)).items
    await decide(tenant.manager, held.id, "approve")
    await in_thread(rep.sync)
    await in_thread(lambda: rep.decide_contract(made, Verb.SIGN, signed_on="2026-02-01"))
    (fresh,) = await in_thread(rep.contracts)
    (first, _), _ = await in_thread(lambda: rep.instalments(fresh))
    await in_thread(lambda: rep.receive(fresh, 100_00, first, received_on="2026-02-02"))
    assert (await in_thread(rep.sync)).refused == ()

    (paid,) = await in_thread(rep.contracts)
    assert foretold == (State.WAITING, True)
    assert await in_thread(lambda: rep.contract_state(made)) == (State.IN_FORCE, False)
    assert [minor for _, minor in await in_thread(lambda: rep.instalments(paid))] == [100_00, 0]
    assert (await seen(tenant.rep, held.id)).signed_on == "2026-02-01"
