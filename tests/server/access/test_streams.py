"""Who listens: one stream a device, one an open page, and only so many."""

import gc
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import msgspec
import pytest

from server.access import Actor
from server.access.streams import STREAMS, Bounds, Streams, TooManyStreams
from server.identity import service as identity
from server.identity.schemas import Enrolment
from server.kit import clock, live
from server.settings import Settings
from tests.factories import Tenant, new_id
from tests.server.sync.devices import make_device

HELD = 3


def listener(tenant: Tenant, *, user_id: UUID | None = None) -> Actor:
    """Give somebody with a phone of their own."""
    return msgspec.structs.replace(tenant.rep, user_id=user_id or new_id(), device_id=new_id())


def opened(streams: Streams, actor: Actor) -> live.Subscription:
    """Open a device's stream."""
    assert actor.device_id is not None
    return streams.open(actor, actor.device_id)


async def test_a_device_that_comes_again_ends_the_stream_it_had(tenant: Tenant) -> None:
    streams = Streams(Bounds(of_person=1))
    phone = listener(tenant)
    before = opened(streams, phone)

    now = opened(streams, phone)

    assert [seq async for seq in before.beats(60)] == []
    live.publish(tenant.tenant_id, 7)
    assert await anext(now) == 7


@pytest.mark.parametrize(
    "bounds", [Bounds(of_person=HELD), Bounds(of_tenant=HELD), Bounds(of_all=HELD)]
)
async def test_one_stream_too_many_is_refused_until_another_has_ended(
    tenant: Tenant, bounds: Bounds
) -> None:
    streams, person = Streams(bounds), new_id()
    held = [opened(streams, listener(tenant, user_id=person)) for _ in range(HELD)]

    with pytest.raises(TooManyStreams):
        opened(streams, listener(tenant, user_id=person))

    del held[0]
    gc.collect()
    assert opened(streams, listener(tenant, user_id=person))


async def test_others_do_not_take_a_persons_or_a_companys_room(tenant: Tenant) -> None:
    streams, person = Streams(Bounds(of_person=1, of_tenant=2)), new_id()
    others = Tenant(
        new_id(), "别家", new_id(), tenant.owner, tenant.manager,
        msgspec.structs.replace(tenant.rep, tenant_id=new_id()),
    )  # fmt: skip

    held = [
        opened(streams, each)
        for each in (listener(tenant, user_id=person), listener(tenant), listener(others))
    ]

    assert len(held) == 3


@pytest.fixture
async def crowded(database: Settings, tenant: Tenant) -> AsyncIterator[Actor]:
    """A person for whom a full number of phones listen already."""
    phone = await make_device(database, tenant)
    others = [STREAMS.open(phone.actor, new_id()) for _ in range(Bounds().of_person)]
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
