"""The gate: a write is checked against the database in the transaction that writes."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from server.identity import service as identity
from server.identity.schemas import Enrolment, EnrolmentView
from server.kit import clock, db
from tests.factories import Tenant, new_id


@pytest.fixture
async def phone(tenant: Tenant) -> EnrolmentView:
    """The rep's phone, enrolled."""
    now = clock.now()
    made = await identity.new_enrolment_code(tenant.rep, now=now)
    request = Enrolment(code=made.code, device_name="王芳的手机", platform="android")
    return await identity.enrol(request, address=new_id().hex, now=now)


async def create(client: httpx.AsyncClient, phone: EnrolmentView, name: str) -> httpx.Response:
    """Create a customer from the phone."""
    headers = {"authorization": f"Bearer {phone.access_token}"}
    return await client.post("/v1/customers", json={"name": name}, headers=headers)


async def elsewhere(tenant_id: UUID, statement: str, *arguments: Any) -> None:
    """Change something as another process does: this one hears nothing of it."""
    async with db.tenant_transaction(tenant_id):
        answer = await db.connection().execute(statement, *arguments)
    assert answer == "UPDATE 1"


async def customers(tenant_id: UUID) -> int:
    """Count the company's customers."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        return int(await db.connection().fetchval("SELECT count(*) FROM customer"))


async def test_a_device_revoked_elsewhere_writes_nothing_more(
    client: httpx.AsyncClient, tenant: Tenant, phone: EnrolmentView
) -> None:
    assert (await create(client, phone, "永昌面馆")).status_code == 201

    await elsewhere(
        tenant.tenant_id,
        "UPDATE device SET revoked_at = now() WHERE tenant_id = $1 AND id = $2",
        tenant.tenant_id,
        phone.device_id,
    )

    refused = await create(client, phone, "德胜茶楼")
    assert (refused.status_code, refused.json()["code"]) == (401, "device_revoked")
    assert await customers(tenant.tenant_id) == 1


async def test_a_change_of_sight_is_felt_by_the_next_write(
    client: httpx.AsyncClient, tenant: Tenant, phone: EnrolmentView
) -> None:
    assert (await create(client, phone, "永昌面馆")).status_code == 201

    await elsewhere(
        tenant.tenant_id,
        "UPDATE user_account SET scope = 'team' WHERE tenant_id = $1 AND id = $2",
        tenant.tenant_id,
        tenant.rep.user_id,
    )

    refused = await create(client, phone, "德胜茶楼")
    assert (refused.status_code, refused.json()["code"]) == (503, "standing_changed")
    assert "retry-after" in refused.headers
    assert await customers(tenant.tenant_id) == 1
    assert (await create(client, phone, "德胜茶楼")).status_code == 201


async def test_a_write_asks_in_the_transaction_that_writes(
    client: httpx.AsyncClient, phone: EnrolmentView, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await create(client, phone, "永昌面馆")).status_code == 201
    opened: list[str] = []
    begin = db.AsyncTransaction.__aenter__

    async def note(door: db.AsyncTransaction) -> db.Transaction:
        if db.ENGINE.current_transaction.get() is None:
            opened.append(str(door._begin))
        return await begin(door)

    monkeypatch.setattr(db.AsyncTransaction, "__aenter__", note)

    assert (await create(client, phone, "德胜茶楼")).status_code == 201

    assert len(opened) == 1
