"""Who listens for hints: one stream a device, and only so many."""

import gc
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import msgspec
import pytest

from server.access import Actor
from server.identity import service as identity
from server.identity.schemas import Enrolment
from server.kit import clock, live
from server.settings import Settings
from server.sync import hints
from server.sync.hints import Bounds, Streams, TooManyStreams
from tests.factories import Tenant, new_id
from tests.server.sync.devices import make_device

STREAMS = 3


def listener(tenant: Tenant, *, user_id: UUID | None = None) -> Actor:
    """Give somebody with a phone of their own."""
    return msgspec.structs.replace(tenant.rep, user_id=user_id or new_id(), device_id=new_id())


async def test_a_device_that_comes_again_ends_the_stream_it_had(tenant: Tenant) -> None:
    streams = Streams(Bounds(of_person=1))
    phone = listener(tenant)
    before = streams.open(phone)

    now = streams.open(phone)

    assert [seq async for seq in before.beats(60)] == []
    live.publish(tenant.tenant_id, 7)
    assert await anext(now) == 7


@pytest.mark.parametrize(
    "bounds", [Bounds(of_person=STREAMS), Bounds(of_tenant=STREAMS), Bounds(of_all=STREAMS)]
)
async def test_one_stream_too_many_is_refused_until_another_has_ended(
    tenant: Tenant, bounds: Bounds
) -> None:
    streams, person = Streams(bounds), new_id()
    held = [streams.open(listener(tenant, user_id=person)) for _ in range(STREAMS)]

    with pytest.raises(TooManyStreams):
        streams.open(listener(tenant, user_id=person))

    del held[0]
    gc.collect()
    assert streams.open(listener(tenant, user_id=person))


async def test_others_do_not_take_a_persons_or_a_companys_room(tenant: Tenant) -> None:
    streams, person = Streams(Bounds(of_person=1, of_tenant=2)), new_id()
    others = Tenant(
        new_id(), "别家", new_id(), tenant.owner, tenant.manager,
        msgspec.structs.replace(tenant.rep, tenant_id=new_id()),
    )  # fmt: skip

    held = [
        streams.open(each)
        for each in (listener(tenant, user_id=person), listener(tenant), listener(others))
    ]

    assert len(held) == 3


@pytest.fixture
async def crowded(database: Settings, tenant: Tenant) -> AsyncIterator[Actor]:
    """A person for whom a full number of phones listen already."""
    phone = await make_device(database, tenant)
    others = [
        hints.STREAMS.open(msgspec.structs.replace(phone.actor, device_id=new_id()))
        for _ in range(Bounds().of_person)
    ]
    yield phone.actor
    others.clear()


async def test_the_refusal_travels_with_its_code(
    client: httpx.AsyncClient, database: Settings, tenant: Tenant, crowded: Actor
) -> None:

    code = await identity.new_enrolment_code(tenant.owner, user_id=crowded.user_id, now=clock.now())
    asked = Enrolment(code=code.code, device_name="手机", platform="test")
    enrolled = await identity.enrol(asked, address="hints", now=clock.now())

    answer = await client.get(
        "/v1/sync/hint", headers={"Authorization": f"Bearer {enrolled.access_token}"}
    )

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
    assert answer.headers["retry-after"] == "60"
