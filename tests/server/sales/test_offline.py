"""A phone writes quotes without a network; the server decides what becomes of them."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.access import Role
from server.customers import service as customers
from server.customers.schemas import CustomerEdit
from server.sales import queries
from server.settings import Settings
from server.sync.merging import merge
from sync_protocol.messages import Intent, Status
from sync_protocol.quoting import lines as quoting
from sync_protocol.quoting.lines import Line
from tests.factories import NOW, Tenant, new_id
from tests.server.pipeline.stories import begin, make_customer
from tests.server.sales.stories import Shelf, decide, price, seen, stock, write
from tests.server.sync.devices import Device, make_device


@pytest.fixture
async def phone(database: Settings, tenant: Tenant) -> Device:
    """The phone of a rep."""
    return await make_device(database, tenant)


def lines(shelf: Shelf, price_minor: int = 100_00) -> str:
    """Write a line as a phone does."""
    line = Line(
        id=str(new_id()),
        product_id=str(shelf.product),
        name="收银机",
        quantity_milli=10_000,
        list_minor=100_00,
        price_minor=price_minor,
        tax_bp=1_300,
    )
    return quoting.write([line])


def asks(phone: Device, verb: str, quote: UUID, **args: Any) -> Intent:
    """Ask for a decision."""
    phone.number += 1
    given = {"quote_id": str(quote), **args}
    return Intent(number=phone.number, id=str(new_id()), name=f"quote.{verb}", args=given, at_ms=0)


async def test_deal_quote_and_submission_come_in_one_push(phone: Device, tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    customer, deal, quote = new_id(), new_id(), new_id()

    answer = await phone.push(
        phone.create("customer", customer, name="老街茶庄"),
        phone.create("opportunity", deal, customer_id=str(customer), name="收银"),
        phone.create(
            "quote",
            quote,
            customer_id=str(customer),
            opportunity_id=str(deal),
            price_book_id=str(shelf.book),
            name="报价",
            lines=lines(shelf, 10_00),
        ),
        asks(phone, "submit", quote, customer_id=str(customer), opportunity_id=str(deal)),
    )
    await phone.pull()

    assert {outcome.status for outcome in answer.outcomes} == {Status.APPLIED}
    held = phone.replica["quote", str(quote)]
    assert (held["state"], held["total_minor"], held["currency"]) == ("waiting", 100_00, "CNY")
    assert phone.replica["product", str(shelf.product)]["prices"] == [[str(shelf.book), 100_00]]
    assert phone.replica == await phone.snapshot()


FORGED: dict[str, Any] = {"name": "大型冰柜 Pro", "unit": "套", "tax_bp": 0, "list_minor": 9_999_00}


@pytest.mark.parametrize("forged", sorted(FORGED))
async def test_a_line_that_calls_a_product_something_else_waits_for_somebody(
    phone: Device, tenant: Tenant, forged: str
) -> None:
    shelf = await stock(tenant.manager)
    quote = await write(tenant, shelf, actor=phone.actor)
    await price(tenant.manager, shelf, 120_00, 80_00)
    (held,) = (await seen(phone.actor, quote)).lines
    await phone.pull()
    line = msgspec.structs.replace(held, **{forged: FORGED[forged]})
    await phone.push(phone.edit("quote", quote, lines=quoting.write([line])))

    waiting = await decide(phone.actor, quote, "submit")

    assert waiting.quote.state == "waiting"
    [told] = (await queries.detail(tenant.manager, quote)).floors
    assert (told.is_below, told.is_misnamed) == (False, True)
    await phone.pull()
    await phone.push(phone.edit("quote", quote, lines=quoting.write([held])))
    assert (await decide(phone.actor, quote, "submit")).quote.state == "approved"


async def test_no_floor_is_on_a_phone(database: Settings, tenant: Tenant) -> None:
    boss = await make_device(database, tenant, role=Role.SALES_MANAGER)
    await stock(tenant.manager, floor_minor=73_31)

    await boss.pull()

    assert "7331" not in str(boss.replica)


async def test_a_phone_that_edits_an_approved_quote_has_a_draft_again(
    phone: Device, tenant: Tenant
) -> None:
    shelf = await stock(tenant.manager)
    quote = await write(tenant, shelf, price_minor=79_00, actor=phone.actor)
    await decide(phone.actor, quote, "submit")
    await decide(tenant.manager, quote, "approve")
    await phone.pull()

    outcome = await phone.outcome(phone.edit("quote", quote, lines=lines(shelf, 1_00)))
    await phone.pull()

    assert outcome.status is Status.APPLIED
    held = phone.replica["quote", str(quote)]
    assert (held["state"], held["approved_hash"], held["total_minor"]) == ("draft", None, 10_00)
    assert phone.replica == await phone.snapshot()


async def test_two_who_change_the_lines_unseen_lose_neither(
    phone: Device, tenant: Tenant, database: Settings
) -> None:
    shelf = await stock(tenant.manager)
    quote = await write(tenant, shelf, actor=phone.actor)
    colleague = await make_device(database, tenant)
    await phone.pull()
    await colleague.pull()

    first = await phone.outcome(phone.edit("quote", quote, lines=lines(shelf, 90_00)))
    second = await colleague.outcome(colleague.edit("quote", quote, lines=lines(shelf, 95_00)))

    assert first.status is Status.APPLIED
    # The second keeps its words among the refused ones and is told; a price is never mixed.
    assert (second.status, second.code) == (Status.REJECTED, "strict_conflict")
    assert (await seen(phone.actor, quote)).totals.net_minor == 900_00


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"lines": "nonsense"}, "quote_invalid", "lines"),
        ({"discount_minor": 10**9}, "quote_invalid", "discount_minor"),
        ({"state": "approved"}, "field_server_only", "state"),
        ({"price_book_id": str(new_id())}, "reference_missing", "price_book_id"),
        ({"opportunity_id": str(new_id())}, "reference_missing", "opportunity_id"),
    ],
)
async def test_what_is_no_quote_is_refused_by_name(
    phone: Device, tenant: Tenant, fields: dict[str, Any], code: str, field: str
) -> None:
    shelf = await stock(tenant.manager)
    customer = await make_customer(phone.actor)
    given = {
        "customer_id": str(customer),
        "opportunity_id": str(await begin(phone.actor, customer)),
        "price_book_id": str(shelf.book),
        "name": "报价",
        "lines": lines(shelf),
        **fields,
    }

    outcome = await phone.outcome(phone.create("quote", new_id(), **given))

    assert (outcome.status, outcome.code, outcome.field) == (Status.REJECTED, code, field)


async def test_a_deal_of_another_customer_is_refused(phone: Device, tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    deal = await begin(phone.actor)
    other = await make_customer(phone.actor, "另一家")

    outcome = await phone.outcome(
        phone.create(
            "quote",
            new_id(),
            customer_id=str(other),
            opportunity_id=str(deal),
            price_book_id=str(shelf.book),
            name="报价",
            lines=lines(shelf),
        )
    )

    assert outcome.code == "deal_of_another"


async def test_a_quote_goes_with_its_customer(phone: Device, tenant: Tenant) -> None:
    shelf = await stock(tenant.manager)
    one, other = await make_customer(phone.actor), await make_customer(phone.actor, "另一家")
    quote = await write(tenant, shelf, actor=phone.actor, deal=await begin(phone.actor, one))

    await merge(tenant.owner, one, other, now=NOW)

    assert (await seen(phone.actor, quote)).customer_id == other
    assert (await decide(phone.actor, quote, "submit")).quote.state == "approved"
    gone = CustomerEdit(owner_id=tenant.owner.user_id)
    await customers.edit(tenant.owner, other, gone, now=NOW)


async def test_nobody_approves_by_phone_what_the_role_may_not(
    phone: Device, tenant: Tenant
) -> None:
    quote = await write(tenant, await stock(tenant.manager), price_minor=1_00, actor=phone.actor)
    await decide(phone.actor, quote, "submit")
    shown = (await seen(phone.actor, quote)).content_hash

    outcome = await phone.outcome(asks(phone, "approve", quote, content_hash=shown))
    nonsense = await phone.outcome(asks(phone, "approve", quote, content_hash="x"))

    assert (outcome.status, outcome.code) == (Status.REJECTED, "not_permitted")
    assert (nonsense.status, nonsense.field) == (Status.REJECTED, "content_hash")
