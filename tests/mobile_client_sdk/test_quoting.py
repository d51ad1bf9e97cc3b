"""A rep writes quotes without a network; they come to what the server counts."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from litestar import Litestar

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import NotOffered, NotPossible, Wanted
from mobile_client_sdk.records import Quote
from server.sales import queries
from server.sales.schemas import QuoteFilters
from sync_protocol.quoting.states import State, Verb
from tests.factories import Tenant
from tests.mobile_client_sdk.test_real_server import Field
from tests.server.sales.stories import decide, stock

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Let devices do their blocking work beside the server."""
    return await asyncio.to_thread(work)


def write(rep: Client, price_minor: int | None = None, **fields: int) -> Quote:
    """Write a quote of two and a half tills in a new deal."""
    (product,), (book,) = rep.products(), rep.price_books()
    deal = rep.begin_deal(rep.create_customer(name="福满楼"), "收银三年")
    wanted = [Wanted(product, 2_500, price_minor)]
    return rep.write_quote(deal, book, "收银机报价", wanted, **fields)


async def test_a_quote_is_counted_here_as_there(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    await stock(tenant.manager)
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")
    await in_thread(rep.sync)
    quote = await in_thread(lambda: write(rep, 99_99, discount_minor=7))
    await in_thread(lambda: rep.decide_quote(quote, Verb.SUBMIT))

    before = await in_thread(lambda: rep.quote_state(quote))
    refused = (await in_thread(rep.sync)).refused
    after = await in_thread(lambda: rep.quote_state(quote))

    assert refused == ()
    assert before == (State.WAITING, True)
    assert after == (State.APPROVED, False)
    (seen,) = (await queries.list_page(tenant.rep, QuoteFilters())).items
    here = await in_thread(lambda: rep.totals(quote))
    assert here == seen.totals
    assert here.net_minor == 249_98 - 7


async def test_a_phone_knows_no_floor_and_waits_for_the_servers_word(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    await stock(tenant.manager)
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")
    await in_thread(rep.sync)
    quote = await in_thread(lambda: write(rep, 1_00))

    await in_thread(lambda: rep.decide_quote(quote, Verb.SUBMIT))
    with pytest.raises(NotPossible):
        await in_thread(lambda: rep.decide_quote(quote, Verb.SEND))
    await in_thread(rep.sync)
    (waiting,) = (await queries.list_page(tenant.manager, QuoteFilters())).items
    await decide(tenant.manager, waiting.id, "approve", remark="首单")
    await in_thread(rep.sync)

    (held,) = await in_thread(rep.quotes)
    assert waiting.state == "waiting"
    assert (held.state, held.decision) == ("approved", "首单")


async def test_what_a_book_does_not_sell_is_not_written(
    app: Litestar, tmp_path: Path, tenant: Tenant
) -> None:
    await stock(tenant.manager)
    rep = await Field(app, tmp_path).enrol(tenant.rep, "rep")
    await in_thread(rep.sync)

    def story() -> None:
        (product,) = rep.products()
        product.prices = []
        with pytest.raises(NotOffered):
            rep.list_price(product, rep.price_books()[0])

    await in_thread(story)
