"""A quote goes from draft to the customer's word, and nothing is sold below its floor alone."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from server.access import Role
from server.access.rules import NotPermitted
from server.kit.errors import IdReused, NotFound, Refusal
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.pipeline import queries as pipeline
from server.pipeline import service as pipeline_service
from server.sales import queries, service
from server.sales.rules.quotes import (
    MakerIsNoChecker,
    NotPriced,
    PriceBookOver,
    QuoteChanged,
    QuoteClosed,
    QuoteEmpty,
    QuoteInvalid,
    QuoteMoved,
    QuoteOver,
)
from server.sales.schemas import (
    NewLine,
    NewQuote,
    PriceBookEdit,
    ProductEdit,
    QuoteFilters,
)
from tests.factories import NOW, Tenant, new_id
from tests.server.pipeline.stories import begin
from tests.server.sales.stories import change, decide, price, reprice, seen, stock, write


async def test_s48_at_the_list_price_nobody_is_asked(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager))

    submitted = await decide(tenant.rep, quote, "submit")
    sent = await decide(tenant.rep, quote, "send")

    assert submitted.quote.state == "approved"
    assert sent.quote.state == "sent"
    assert sent.quote.totals.net_minor == 1_000_00


async def test_a_quote_sent_again_is_one_whatever_its_lines_are_called(tenant: Tenant) -> None:
    shelf, deal, quote = await stock(tenant.manager), await begin(tenant.rep), new_id()
    line = NewLine(product_id=shelf.product, quantity_milli=1_000)
    new = NewQuote(
        id=quote, opportunity_id=deal, price_book_id=shelf.book, name="两行", lines=[line, line]
    )

    sent = [
        await service.create(tenant.rep, new, now=NOW + timedelta(hours=hour)) for hour in range(2)
    ]

    assert sent[0] == sent[1]
    assert len((await seen(tenant.rep, quote)).lines) == 2


async def test_s48_below_the_floor_somebody_else_must_approve(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager), price_minor=79_99)

    waiting = await decide(tenant.rep, quote, "submit")
    with pytest.raises(QuoteMoved):
        await decide(tenant.rep, quote, "send")
    with pytest.raises(NotPermitted):
        await decide(tenant.rep, quote, "approve")
    approved = await decide(tenant.manager, quote, "approve", remark="老客户")

    asked = await notifications.notifications(tenant.manager)
    answered = await notifications.notifications(tenant.rep)

    assert waiting.quote.state == "waiting"
    assert [each.link for each in asked.items] == [f"/quotes/{quote}"]
    assert [each.kind for each in answered.items] == [Kind.APPROVAL_DECIDED]
    assert (approved.quote.state, approved.quote.decision) == ("approved", "老客户")
    assert approved.quote.decided_by == tenant.manager.user_id


async def test_the_discount_counts_towards_the_floor(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    just = await write(tenant, shelf, discount_minor=200_00)
    below = await write(tenant, shelf, discount_minor=200_01)

    assert (await decide(tenant.rep, just, "submit")).quote.state == "approved"
    assert (await decide(tenant.rep, below, "submit")).quote.state == "waiting"


async def test_a_rep_is_told_that_an_approval_is_needed_and_not_the_floor(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager), price_minor=1_00)
    await decide(tenant.rep, quote, "submit")

    told = await queries.detail(tenant.rep, quote)
    managers = await queries.detail(tenant.manager, quote)

    assert (told.quote.state, told.floors) == ("waiting", [])
    assert [(each.floor_minor, each.is_below) for each in managers.floors] == [(80_00, True)]


async def test_the_maker_is_not_the_checker(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    own = await write(tenant, shelf, price_minor=1_00, actor=tenant.manager)
    await decide(tenant.manager, own, "submit")
    touched = await write(tenant, shelf, price_minor=1_00)
    await reprice(tenant.manager, touched, 2_00)
    await decide(tenant.rep, touched, "submit")

    for quote in (own, touched):
        with pytest.raises(MakerIsNoChecker):
            await decide(tenant.manager, quote, "approve")
        assert (await decide(tenant.owner, quote, "approve")).quote.state == "approved"


@pytest.mark.parametrize(
    "touch",
    [
        lambda tenant, quote: reprice(tenant.rep, quote, 78_00),
        lambda tenant, quote: change(tenant.rep, quote, discount_minor=1),
        lambda tenant, quote: change(tenant.rep, quote, valid_until="2027-01-01"),
    ],
    ids=["line", "discount", "day"],
)
async def test_another_content_voids_an_approval(tenant: Tenant, touch: Any) -> None:
    quote = await write(tenant, await stock(tenant.manager), price_minor=79_00)
    await decide(tenant.rep, quote, "submit")
    await decide(tenant.manager, quote, "approve")

    await touch(tenant, quote)

    assert (await seen(tenant.rep, quote)).state == "draft"
    with pytest.raises(QuoteMoved):
        await decide(tenant.rep, quote, "send")
    assert (await decide(tenant.rep, quote, "submit")).quote.state == "waiting"


async def test_another_name_or_remark_leaves_an_approval(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager), price_minor=79_00)
    await decide(tenant.rep, quote, "submit")
    await decide(tenant.manager, quote, "approve")

    await change(tenant.rep, quote, name="三年报价", remark="含安装")

    assert (await decide(tenant.rep, quote, "send")).quote.state == "sent"


async def test_an_approval_is_about_what_was_seen(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager), price_minor=79_00)
    await decide(tenant.rep, quote, "submit")
    shown = (await seen(tenant.manager, quote)).content_hash
    await reprice(tenant.rep, quote, 1_00)
    await decide(tenant.rep, quote, "submit")

    with pytest.raises(QuoteChanged):
        await decide(tenant.manager, quote, "approve", content_hash=shown)
    with pytest.raises(QuoteChanged):
        await decide(tenant.manager, quote, "approve", content_hash=None)

    assert (await seen(tenant.manager, quote)).state == "waiting"


async def test_what_the_customer_has_in_hand_is_not_changed(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager))
    await decide(tenant.rep, quote, "submit")
    await decide(tenant.rep, quote, "send")

    with pytest.raises(QuoteClosed):
        await reprice(tenant.rep, quote, 99_00)
    await change(tenant.rep, quote, remark="客户说下周回复")
    await decide(tenant.rep, quote, "revise")
    await reprice(tenant.rep, quote, 99_00)

    assert (await seen(tenant.rep, quote)).totals.net_minor == 990_00


async def test_an_accepted_quote_is_what_the_deal_is_worth(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)
    quote = await write(tenant, await stock(tenant.manager), deal=deal)
    for verb in ("submit", "send", "accept"):
        await decide(tenant.rep, quote, verb)

    assert (await pipeline.one(tenant.rep, deal, now=NOW)).amount_minor == 1_000_00
    with pytest.raises(QuoteMoved):
        await decide(tenant.rep, quote, "withdraw")
    with pytest.raises(QuoteClosed):
        await change(tenant.rep, quote, discount_minor=1)


async def test_a_customers_word_stands_though_the_deal_was_deleted(tenant: Tenant) -> None:
    deal = await begin(tenant.rep)
    quote = await write(tenant, await stock(tenant.manager), deal=deal)
    for verb in ("submit", "send"):
        await decide(tenant.rep, quote, verb)

    await pipeline_service.delete(tenant.rep, deal, base=None, now=NOW)

    assert (await decide(tenant.rep, quote, "accept")).quote.state == "accepted"


async def test_a_quote_ends_on_its_last_day(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    quote = await write(tenant, shelf, valid_until="2026-03-10")
    other = await write(tenant, shelf)
    for each in (quote, other):
        await decide(tenant.rep, each, "submit")
        await decide(tenant.rep, each, "send")
    late = NOW + timedelta(days=9)

    with pytest.raises(QuoteOver):
        await decide(tenant.rep, quote, "accept", now=late)
    expired = [await service.expire(tenant.tenant_id, now=late) for _ in range(2)]

    assert expired == [1, 0]
    assert (await seen(tenant.rep, quote)).state == "expired"
    assert (await seen(tenant.rep, other)).state == "sent"
    assert (await decide(tenant.rep, other, "accept", now=late)).quote.state == "accepted"
    events = (await queries.detail(tenant.rep, quote)).events
    assert [each.verb for each in events] == ["expire", "send", "submit"]


async def test_what_cannot_be_offered_is_refused_with_what_to_do(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    quote = await write(tenant, shelf)
    empty = await write(tenant, shelf)
    await change(tenant.rep, empty, lines=[])

    with pytest.raises(QuoteEmpty):
        await decide(tenant.rep, empty, "submit")
    with pytest.raises(QuoteInvalid) as discount:
        await change(tenant.rep, quote, discount_minor=1_000_01)
    assert discount.value.field == "discount_minor"
    retired = ProductEdit(state="retired")
    await service.change_product(tenant.manager, shelf.product, retired, now=NOW)
    with pytest.raises(NotPriced) as unpriced:
        await decide(tenant.rep, quote, "submit")
    assert unpriced.value.field == "lines[0].product_id"
    over = PriceBookEdit(valid_until="2026-03-01")
    await service.change_price_book(tenant.manager, shelf.book, over, now=NOW)
    with pytest.raises(PriceBookOver):
        await decide(tenant.rep, quote, "submit")


async def test_a_floor_that_rises_is_asked_when_the_quote_is_submitted(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    quote = await write(tenant, shelf)

    await price(tenant.manager, shelf, 150_00, 110_00)

    assert (await decide(tenant.rep, quote, "submit")).quote.state == "waiting"


async def test_a_quote_is_as_far_as_its_customer(tenant: Tenant, rival: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager))
    stranger = tenant.actor(Role.SALES_REP, team_id=new_id())

    for actor in (stranger, rival.owner):
        with pytest.raises(NotFound):
            await seen(actor, quote)
        with pytest.raises(NotFound):
            await decide(actor, quote, "submit")
        assert (await queries.list_page(actor, QuoteFilters())).items == []


async def test_a_decision_that_comes_twice_is_made_once(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager))
    decision = new_id()

    answers = [await decide(tenant.rep, quote, "submit", id=decision) for _ in range(2)]

    assert answers[0] == answers[1]
    assert len((await queries.detail(tenant.rep, quote)).events) == 1
    with pytest.raises(IdReused):
        await decide(tenant.rep, quote, "send", id=decision)


# ---------------------------------------------------------------------------------------- races


async def _at_once(*asked: Any) -> tuple[list[Any], list[Refusal]]:
    """Do all at the same time; give the answers and the refusals."""
    ends = await asyncio.gather(*asked, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException) and not isinstance(end, Refusal):
            raise end
    refusals = [end for end in ends if isinstance(end, Refusal)]
    return [end for end in ends if not isinstance(end, Refusal)], refusals


async def test_another_decision_under_a_used_id_is_refused(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager), price_minor=50_00)
    await decide(tenant.rep, quote, "submit")
    said: dict[str, Any] = {
        "id": new_id(),
        "content_hash": (await seen(tenant.rep, quote)).content_hash,
    }
    made = await decide(tenant.manager, quote, "approve", remark="可以", **said)

    with pytest.raises(IdReused):
        await decide(tenant.owner, quote, "approve", remark="可以", **said)
    for other in ({"remark": "不可以"}, {"content_hash": "0" * 64}):
        with pytest.raises(IdReused):
            await decide(tenant.manager, quote, "approve", **{"remark": "可以", **said, **other})
    assert (
        await decide(tenant.manager, quote, "approve", remark="可以", **said)
    ).event == made.event


async def test_of_two_managers_who_approve_one_does(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager), price_minor=1_00)
    await decide(tenant.rep, quote, "submit")

    done, refused = await _at_once(
        decide(tenant.manager, quote, "approve"), decide(tenant.owner, quote, "approve")
    )

    assert (len(done), [type(each) for each in refused]) == (1, [QuoteMoved])
    events = (await queries.detail(tenant.owner, quote)).events
    assert [each.verb for each in events] == ["approve", "submit"]


async def test_of_twenty_who_accept_at_once_one_does(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager))
    await decide(tenant.rep, quote, "submit")
    await decide(tenant.rep, quote, "send")

    done, refused = await _at_once(*(decide(tenant.rep, quote, "accept") for _ in range(20)))

    assert (len(done), len(refused)) == (1, 19)
    assert {type(each) for each in refused} == {QuoteMoved}


async def test_a_line_that_is_edited_while_it_is_approved_is_never_sent(tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    for _ in range(4):
        quote = await write(tenant, shelf, price_minor=79_00)
        await decide(tenant.rep, quote, "submit")

        await _at_once(
            decide(tenant.manager, quote, "approve"),
            reprice(tenant.rep, quote, 1_00),
            decide(tenant.rep, quote, "send"),
        )

        await _ensure_nothing_unapproved_is_out(tenant, quote)


async def _ensure_nothing_unapproved_is_out(tenant: Tenant, quote: UUID) -> None:
    """What was sent is what was approved, whoever came first."""
    found = await queries.detail(tenant.owner, quote)
    approved = {each.content_hash for each in found.events if each.verb == "approve"}
    sent = {each.content_hash for each in found.events if each.verb == "send"}
    assert sent <= approved
    if found.quote.state in {"approved", "sent"}:
        assert found.quote.content_hash in approved
    else:
        assert found.quote.state in {"draft", "waiting"}
