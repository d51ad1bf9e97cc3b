"""What a device holds is compared with what it may hold, by the real server's own rows."""

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mobile_client_sdk.replica import Replica
from mobile_client_sdk.store import Store, open_store
from server.access import Scope
from server.settings import Settings
from server.sync import digest
from server.sync import service as sync
from sync_protocol import codec
from sync_protocol.digest import Search
from sync_protocol.messages import DigestRequest, DigestResponse, PullRequest
from tests.factories import Tenant, new_id
from tests.server.sync.devices import Device, make_device, make_phone_session
from tests.server.sync.happenings import act


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The file of a phone."""
    opened = open_store(tmp_path / "phone.db")
    yield opened
    opened.close()


async def pull(phone: Device, replica: Replica, *, limit: int = 2_000) -> None:
    """Pull until the replica shows a new state."""
    while True:
        request = replica.request(limit)
        page = await sync.pull(phone.actor, request, now=phone.later())
        if replica.receive(request, page):
            return


async def verify(phone: Device, replica: Replica) -> tuple[int, bool, int]:
    """Compare and mend; answer round trips, whether anything differed, and bytes."""
    search, trips, size = Search(), 0, 0
    while not search.is_done:
        request = search.request(replica.request(2_000))
        answer = await digest.compare(phone.actor, request, now=phone.later())
        replica.receive(request.pull, answer.pull)
        replica.mend(search.receive(answer, replica.hashes), answer.batches)
        trips += 1
        size += sum(len(codec.encode(message)) for message in (request, answer))
    return trips, search.has_repaired, size


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scope", [Scope.MINE, Scope.TENANT])
async def test_a_replica_that_pulled_is_what_the_server_holds(
    database: Settings, tenant: Tenant, store: Store, seed: int, scope: Scope
) -> None:
    rng = random.Random(seed)
    phones = [await make_device(database, tenant, scope=scope) for _ in range(2)]
    replica, customers = Replica(store), list[str]()
    for _ in range(25):
        await act(rng, tenant, phones, customers)
        if rng.random() < 0.3:
            await pull(phones[0], replica, limit=rng.choice([1, 3, 2_000]))
    await pull(phones[0], replica)

    trips, has_differed, _ = await verify(phones[0], replica)

    assert (trips, has_differed) == (1, False)


async def test_a_wrong_row_a_lost_one_and_a_strange_one_are_mended(
    database: Settings, tenant: Tenant, store: Store
) -> None:
    phone, replica = await make_device(database, tenant), Replica(store)
    ids = [new_id() for _ in range(300)]
    for start in (0, 150):
        rows = ids[start : start + 150]
        await phone.push(*(phone.create("customer", each, name=f"客户 {each}") for each in rows))
    note = phone.create("note", new_id(), customer_id=str(ids[0]), body="老板爱喝茶")
    await phone.push(note)
    await pull(phone, replica)
    right = replica.hashes()
    with store.transaction() as connection:
        connection.execute("UPDATE base_customer SET name = '坏' WHERE id = ?", (str(ids[0]),))
        connection.execute("DELETE FROM base_customer WHERE id = ?", (str(ids[1]),))
        connection.execute(
            "UPDATE base_note SET id = '00000000-0000-7000-8000-000000000001', body = '坏'"
        )

    trips, has_differed, size = await verify(phone, replica)

    assert has_differed
    assert replica.hashes() == right
    assert trips <= 5
    assert size <= 8 * 1024


async def test_what_changes_meanwhile_comes_with_the_page(
    database: Settings, tenant: Tenant, store: Store
) -> None:
    phone, office = [await make_device(database, tenant) for _ in range(2)]
    replica, shop = Replica(store), new_id()
    await phone.push(phone.create("customer", shop, name="福满楼"))
    await pull(phone, replica)
    await office.push(office.edit("customer", shop, city="杭州"))

    trips, has_differed, _ = await verify(phone, replica)

    assert (trips, has_differed) == (1, False)
    assert replica.progress.seq == 2


async def test_a_device_out_of_date_by_pages_pulls_first(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    for _ in range(3):
        await phone.push(phone.create("customer", new_id(), name="福满楼"))

    request = DigestRequest(pull=PullRequest(limit=1))
    answer = await digest.compare(phone.actor, request, now=phone.later())

    assert answer.pull.more
    assert (answer.branches, answer.batches, answer.strange) == ([], [], [])


@pytest.mark.parametrize("media", [codec.JSON, codec.MSGPACK])
async def test_both_encodings_ask_over_http(
    client: httpx.AsyncClient, database: Settings, tenant: Tenant, media: codec.MediaType
) -> None:
    token = await make_phone_session(database, tenant)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": media}

    answer = await client.post(
        "/v1/sync/digest",
        content=codec.encode(DigestRequest(pull=PullRequest()), media),
        headers=headers,
    )
    broken = await client.post("/v1/sync/digest", content=b"\x92\x02", headers=headers)
    old = await client.post("/v1/sync/digest", content=b"\x80", headers=headers)

    digests = codec.decode(answer.content, DigestResponse, media)
    assert {each.kind for each in digests.branches} >= {"customer", "tag", "note"}
    assert broken.status_code == 400
    if media == codec.MSGPACK:
        assert broken.json()["code"] == "message_invalid"
        assert (old.status_code, old.json()["code"]) == (409, "client_too_old")
