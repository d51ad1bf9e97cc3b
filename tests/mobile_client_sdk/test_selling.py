"""A rep works on deals without a network, and the server has the last word."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from litestar import Litestar

from mobile_client_sdk.client.selling import MoveBlocked
from server.kit import clock
from server.pipeline import service
from server.pipeline.schemas import Move
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Gate
from sync_protocol.process.gates import MoveRefused, State, Verb
from tests.factories import Tenant
from tests.mobile_client_sdk.people import Phones
from tests.mobile_client_sdk.test_real_server import Field

T = TypeVar("T")

FIRST = [step.id for step in BUILT_IN.first.steps if step.is_mandatory and step.gate is Gate.STRICT]


async def in_thread(work: Callable[[], T]) -> T:
    """Let devices do their blocking work beside the server."""
    return await asyncio.to_thread(work)


def test_a_phone_says_what_is_open_and_asks_nobody(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    deal = wang.begin_deal(shop, "收银三年", amount_minor=300_00)
    before = wang.pending_count

    with pytest.raises(MoveBlocked) as blocked:
        wang.advance(deal)

    assert [each.id for each in blocked.value.blocks] == FIRST
    assert wang.pending_count == before
    assert wang.deals(shop) == wang.deals()
    there = wang.foretold(deal)
    assert (there.stage, there.state, there.is_provisional) == ("lead", State.OPEN, True)


def test_moves_that_wait_are_foretold_one_after_the_other(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    deal = wang.begin_deal(wang.create_customer(name="福满楼"), "收银三年")
    for step in FIRST:
        wang.do_step(deal, step)

    wang.advance(deal)
    assert wang.foretold(deal).stage == "pre_opportunity"
    wang.return_deal(deal)
    assert wang.foretold(deal).stage == "lead"
    wang.lose(deal, "price")

    there = wang.foretold(deal)
    assert (there.stage, there.state, there.is_provisional) == ("lead", State.LOST, True)
    with pytest.raises(MoveRefused):
        wang.advance(deal)


async def test_what_was_foretold_is_what_the_server_decides(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")

    def story() -> None:
        deal = rep.begin_deal(rep.create_customer(name="福满楼"), "收银三年")
        for step in FIRST:
            rep.do_step(deal, step)
        foretold = rep.advance(deal)
        assert rep.sync().refused == ()

        (held,) = rep.deals()
        there = rep.foretold(held)
        assert held.stage == there.stage == foretold.stage
        assert not there.is_provisional
        (customer,) = rep.customers()
        assert customer.status == "need"

    await in_thread(story)


async def test_who_comes_late_is_told_and_sees_the_servers_word(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")
    deal = await in_thread(
        lambda: rep.begin_deal(rep.create_customer(name="福满楼"), "收银三年").id
    )
    await in_thread(rep.sync)
    lost = Move(verb=Verb.LOSE, reason="competitor")
    held = (await in_thread(rep.deals))[0]
    assert held.id == deal
    await service.move(tenant.owner, UUID(deal), lost, now=clock.now())

    def story() -> None:
        for step in FIRST:
            rep.do_step(held, step)
        rep.advance(held)
        report = rep.sync()
        assert [refusal.code for refusal in report.refused] == ["deal_closed"]
        assert rep.foretold(rep.deals()[0]).state is State.LOST
        [refusal] = rep.refusals()
        assert "商机已结束" in refusal.sentence("zh-CN")

    await in_thread(story)
