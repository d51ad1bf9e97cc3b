"""The awaited face does the same and does not block."""

import asyncio

import pytest

from mobile_client_sdk.aio import AsyncClient
from tests.mobile_client_sdk.people import Phones


async def test_an_event_loop_goes_on_while_a_device_works(phones: Phones) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async with AsyncClient(phones.enrol("王芳")) as wang:
        ticking = asyncio.create_task(tick())
        shop = await wang.create_customer(name="福满楼")
        await wang.add_contact(shop, name="陈老板")
        async with wang.edit(shop) as draft:
            draft.city = "杭州市"
        report = await wang.sync()
        ticking.cancel()

        assert report.is_complete
        assert ticks > 10
        assert [customer.city for customer in await wang.customers(search="福")] == ["杭州市"]
        assert [contact.name for contact in await wang.contacts(shop)] == ["陈老板"]


async def test_an_error_inside_an_awaited_edit_saves_nothing(phones: Phones) -> None:
    async with AsyncClient(phones.enrol("王芳")) as wang:
        shop = await wang.create_customer(name="福满楼")

        async def trip() -> None:
            async with wang.edit(shop) as draft:
                draft.city = "杭州市"
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await trip()
        assert [customer.city for customer in await wang.customers()] == [None]
