"""A sheet of sales over HTTP: a map, the file, what became of its rows, and what is given back."""

import httpx

from server.access import Actor, Role
from server.commissions.sheets import service
from server.identity import service as identity
from tests.factories import NOW, Tenant, login_of, make_platform_actor, new_id, new_user
from tests.server.benefits import stories
from tests.server.commissions.sheets import COLUMNS, DAY, HEADER, PASSWORD, a_plan, a_sheet

HOME = "/v1/platform"


async def signed_in(client: httpx.AsyncClient, role: Role) -> Actor:
    """Let one of the platform's staff sign in."""
    person = make_platform_actor(role)
    await identity.add_staff(new_user(person, team_id=None), password=PASSWORD, now=NOW)
    login = {"login": login_of(person), "password": PASSWORD}
    answer = await client.post("/v1/auth/login", json=login)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return person


async def test_a_sheet_is_handed_in_recorded_and_what_is_refused_given_back(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    finance = await signed_in(client, Role.PLATFORM_FINANCE)
    await stories.admit(tenant)
    plan = await a_plan(finance)
    n = f"N{new_id().hex[-10:]}"
    columns = {str(field): name for field, name in COLUMNS.items()}
    map_id, sheet_id = new_id(), new_id()
    saved = {
        "id": str(map_id),
        "name": "ERP",
        "column_map": {"columns": columns, "plan": str(plan.plan_id)},
    }
    content = a_sheet(
        [f'{n}-1,,{tenant.name},HT-{n},{DAY},"1,000.00"', f"{n}-R,{n}-1,,,,1", f"{n}-2,,?,,,"]
    )
    asked = {"id": str(sheet_id), "map_id": str(map_id), "file_name": "九月.csv"}

    by = await client.post(f"{HOME}/commission-sheet-maps", json=saved)
    handed = [
        await client.post(f"{HOME}/commission-sheets", params=asked, content=content)
        for _ in range(2)
    ]
    other = await client.post(f"{HOME}/commission-sheets", params=asked, content=a_sheet(["1"]))
    nowhere = await client.post(
        f"{HOME}/commission-sheets",
        params={**asked, "id": str(new_id()), "map_id": str(new_id())},
        content=content,
    )
    others = await client.post(
        f"{HOME}/commission-sheets",
        params={**asked, "id": str(new_id()), "are_others": "true"},
        content=content,
    )
    await service.go_on(sheet_id, now=NOW)
    one = (await client.get(f"{HOME}/commission-sheets/{sheet_id}")).json()
    rows = (await client.get(f"{HOME}/commission-sheets/{sheet_id}/rows")).json()["items"]
    back = await client.get(f"{HOME}/commission-sheets/{sheet_id}/refused.csv")
    empty = await client.get(f"{HOME}/commission-sheets/template.csv")
    sales = await client.get(f"{HOME}/commission-sales", params={"agent_id": str(tenant.tenant_id)})

    assert (by.status_code, by.json()["name"]) == (201, "ERP")
    assert by.json() in (await client.get(f"{HOME}/commission-sheet-maps")).json()
    assert [each.status_code for each in handed] == [201, 201]
    assert handed[0].json() == handed[1].json()
    assert [each.json()["are_others"] for each in (handed[0], others)] == [False, True]
    assert (other.status_code, other.json()["code"]) == (409, "id_reused")
    assert (nowhere.status_code, nowhere.json()["errors"][0]["field"]) == (404, "map_id")
    assert (one["state"], one["rows"]) == ("recorded", 3)
    assert one["counts"] == {"sales": 1, "refunds": 1, "known": 0, "refused": 1}
    [sale] = sales.json()["items"]
    assert (sale["sold"], sale["refunded"], sale["commission_minor"]) == (1_000_00, 1_00, 100_00)
    assert [(each["row"], each["result"]) for each in rows] == [(2, "recorded"), (4, "refused")]
    assert {each["sale_id"] for each in rows} == {sale["id"], None}
    assert [each["field"] for each in rows[1]["problems"]] == ["agent", "contract", "day"]
    assert back.text.startswith(f"\ufeff{HEADER},行号,")
    assert empty.text.startswith("\ufeff单号,原单号,代理商,")


async def test_nobody_but_finance_reaches_sheets(client: httpx.AsyncClient) -> None:
    await signed_in(client, Role.PLATFORM_OPERATOR)

    answers = [
        await client.get(f"{HOME}/commission-sheets"),
        await client.get(f"{HOME}/commission-sheet-maps"),
        await client.get(f"{HOME}/commission-sheets/template.csv"),
        await client.get(f"{HOME}/commission-sheets/{new_id()}"),
        await client.get(f"{HOME}/commission-sheets/{new_id()}/rows"),
        await client.get(f"{HOME}/commission-sheets/{new_id()}/refused.csv"),
        await client.post(
            f"{HOME}/commission-sheets",
            params={"id": str(new_id()), "map_id": str(new_id()), "file_name": "a.csv"},
            content=b"a,b\n1,2\n",
        ),
    ]

    assert [each.status_code for each in answers] == [403] * 7
