"""Numbers that people type into what stands above customers are hidden as customers' phones are."""

from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from server import app as server_app
from server.access import Actor, Scope
from server.access.hidden import PhoneHidden
from server.cases import exports as case_sheets
from server.cases import queries as cases
from server.cases import service as helping
from server.cases.schemas import CaseEdit, CaseFilters, NewComment
from server.contracts import exports as contract_sheets
from server.contracts import queries as contracts
from server.contracts.schemas import ContractFilters
from server.customers.reveals import service as reveals
from server.customers.reveals.schemas import NewReveal
from server.leads import queries as leads
from server.leads import service as intake
from server.leads.schemas import LeadEdit, LeadFilters
from server.notifications import queries as news
from server.requests import queries as requests
from server.requests import service as asking
from server.requests.schemas import NewRequest, RequestFilters
from server.sales import exports as quote_sheets
from server.sales import queries as quotes
from server.sales.schemas import QuoteFilters
from tests.factories import NOW, Tenant, make_tenant
from tests.server.cases.test_cases import open_case
from tests.server.contracts import stories as papers
from tests.server.leads import stories as coming
from tests.server.pipeline.stories import begin, make_customer
from tests.server.sales import stories as selling

NUMBERS: Final = [f"1380013{number:04d}" for number in range(7)]


class Scene(msgspec.Struct):
    """A rep's customer of whom numbers are said, and a manager from whom they are hidden."""

    tenant: Tenant
    boss: Actor
    customer: UUID
    case: UUID
    request: UUID
    quote: UUID
    contract: UUID
    lead: UUID


@pytest.fixture(scope="module")
async def scene(database: object) -> Scene:
    """A number in a text of each sort."""
    del database
    tenant = await make_tenant()
    rep = tenant.rep
    boss = msgspec.structs.replace(tenant.manager, scope=Scope.TENANT, masks_phones=True)
    customer = await make_customer(rep)
    said = [f"找王姐 {number}" for number in NUMBERS]
    case = await open_case(rep, customer_id=customer, subject=said[0])
    await helping.comment(rep, case, NewComment(text=said[1]), now=NOW)
    asked = NewRequest(customer_id=customer, subject="请专家", detail=said[2])
    request = (await asking.create(rep, asked, now=NOW)).id
    shelf = await selling.stock(tenant.manager)
    deal = await begin(rep, customer)
    quote = await selling.write(tenant, shelf, deal=deal, remark=said[3])
    first = papers.parts((said[4], "2026-03-10", 1_000_00))
    contract = await papers.write(rep, customer_id=customer, party_a=said[5], plan=first)
    lead = await coming.ready(tenant, need=said[6])
    return Scene(tenant, boss, customer, case, request, quote, contract, lead)


async def looked_at(who: Actor, scene: Scene) -> str:
    """Read all of it: lists, each by itself, and sheets."""
    sheets = [
        case_sheets.as_csv(who, CaseFilters(), now=NOW),
        quote_sheets.as_csv(who, QuoteFilters(), now=NOW),
        contract_sheets.as_csv(who, ContractFilters(), now=NOW),
    ]
    answers: list[Any] = [
        await cases.list_page(who, CaseFilters(), now=NOW),
        await cases.detail(who, scene.case, now=NOW),
        await requests.list_page(who, RequestFilters(), now=NOW),
        await requests.detail(who, scene.request, now=NOW),
        await quotes.list_page(who, QuoteFilters()),
        await quotes.detail(who, scene.quote),
        await contracts.list_page(who, ContractFilters(), now=NOW),
        await contracts.detail(who, scene.contract, now=NOW),
        await leads.list_page(who, LeadFilters()),
        await leads.detail(who, scene.lead),
        *[part.decode() for sheet in sheets async for part in await sheet],
    ]
    return msgspec.json.encode(answers).decode()


async def test_a_number_in_a_text_is_hidden_wherever_it_is_read(scene: Scene) -> None:
    hidden, open_ = await looked_at(scene.boss, scene), await looked_at(scene.tenant.owner, scene)

    assert [number for number in NUMBERS if number in hidden] == []
    assert "找王姐 138****0003" in hidden
    assert [number for number in NUMBERS if number not in open_] == []


async def test_a_number_in_a_text_is_shown_by_the_one_act(scene: Scene) -> None:
    # Each room's routes register what may hold numbers.
    assert server_app.ROUTERS

    shown = await reveals.reveal(scene.boss, scene.customer, NewReveal(reason="回访"), now=NOW)

    assert {(each.kind, each.number.removeprefix("+86")) for each in shown.numbers} == {
        *zip(("service_case", "service_case", "resource_request", "quote"), NUMBERS, strict=False),
        *(("contract", NUMBERS[each]) for each in (4, 5)),
    }


@pytest.mark.parametrize("asked", ["138", NUMBERS[0], "１３８００", "𝟏𝟑𝟖"])
async def test_a_number_in_a_text_is_not_found_by_its_digits(scene: Scene, asked: str) -> None:
    found = [await cases.list_page(scene.boss, CaseFilters(q=q), now=NOW) for q in (asked, "王姐")]

    assert [len(page.items) for page in found] == [0, 1]
    assert (await cases.list_page(scene.tenant.owner, CaseFilters(q="138"), now=NOW)).items


async def test_what_one_is_told_says_no_number(scene: Scene) -> None:
    await helping.assign(scene.tenant.owner, scene.case, scene.boss.user_id, now=NOW)

    for who, subject in (
        (scene.boss, "找王姐 138****0000"),
        (msgspec.structs.replace(scene.boss, masks_phones=False), f"找王姐 {NUMBERS[0]}"),
    ):
        [told] = (await news.notifications(who)).items
        assert told.subject == subject


async def test_stars_are_written_over_no_number_of_a_text(scene: Scene) -> None:
    seen = (await cases.one(scene.boss, scene.case, now=NOW)).subject
    need = (await leads.detail(scene.boss, scene.lead)).lead.need
    for field, tried in (
        ("subject", helping.edit(scene.boss, scene.case, CaseEdit(subject=f"{seen}！"), now=NOW)),
        ("need", intake.edit(scene.boss, scene.lead, LeadEdit(need=f"{need}！"), now=NOW)),
    ):
        with pytest.raises(PhoneHidden) as refused:
            await tried
        assert refused.value.field == field


async def test_what_is_renewed_keeps_its_numbers(scene: Scene) -> None:
    renewed = await papers.write(scene.boss, renews_id=scene.contract)

    assert (await contracts.one(scene.boss, renewed, now=NOW)).party_a == "找王姐 138****0005"
    assert (await contracts.one(scene.tenant.owner, renewed, now=NOW)).party_a == (
        f"找王姐 {NUMBERS[5]}"
    )


async def test_a_form_filled_with_stars_writes_the_number_that_was_shown_so(scene: Scene) -> None:
    boss, owner = scene.boss, scene.tenant.owner
    said = f"与 {NUMBERS[0]} 的合同"
    old = await papers.write(scene.tenant.rep, customer_id=scene.customer, title=said)
    seen = await contracts.one(boss, old, now=NOW)
    assert seen.title == "与 138****0000 的合同"

    # What the page sends back: the title as it was shown, and another party.
    renewed = await papers.write(boss, renews_id=old, title=seen.title, party_a="新名称")
    with pytest.raises(PhoneHidden) as refused:
        await papers.write(boss, renews_id=old, title=f"{seen.title}（续）")

    # A form sends all that it shows, also what nobody touched.
    await papers.change(boss, renewed, title=seen.title, party_b="我方")

    kept = await contracts.one(owner, renewed, now=NOW)
    assert (kept.title, kept.party_a, kept.party_b) == (said, "新名称", "我方")
    assert refused.value.field == "title"
