"""A campaign's page for everybody: reached by its token alone, safe from programs (S37)."""

from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID
from zlib import crc32

import msgspec
import pytest

from server.identity.rules.throttles import TooManyTries
from server.kit.errors import NotFound
from server.leads import queries, service
from server.leads.rules import forms
from server.leads.rules.forms import FormRefused
from server.leads.rules.states import IntakePath
from server.leads.schemas import FormPage, FormView, LeadFilters, Left, NewForm, Review
from tests.factories import NOW, Tenant, new_id
from tests.server.leads.stories import a_campaign, a_phone, a_source

SOON = NOW + timedelta(seconds=20)


class Opened(msgspec.Struct, frozen=True):
    """A campaign's page, and where it is."""

    token: str
    form: FormView
    campaign_id: UUID


async def opened(tenant: Tenant) -> Opened:
    source = await a_source(tenant, "地推", cost_key=f"qr{new_id().hex[-8:]}")
    campaign = await a_campaign(tenant, source.id)
    token = new_id().hex
    new = NewForm(title="春茶品鉴会")
    form = await service.add_form(tenant.manager, campaign.id, new, token=token, now=NOW)
    return Opened(token, form, campaign.id)


def home(token: str) -> str:
    """Give the address from which nobody else looks at a form."""
    return str(IPv4Address(crc32(token.encode())))


async def look(token: str, *, now: datetime = NOW) -> FormPage:
    return await service.form_page(token, address=home(token), now=now)


def filled_in(page: FormPage, **fields: Any) -> Left:
    given: dict[str, Any] = {
        "name": "李姐小吃",
        "phone": a_phone(),
        "city": "杭州",
        "has_consented": True,
    }
    return Left(id=page.id, stamp=page.stamp, **(given | fields))


async def leave(token: str, left: Left, *, now: datetime = SOON) -> None:
    await service.leave(token, left, address=home(token), now=now)


async def leads_of(tenant: Tenant) -> list[Any]:
    return (await queries.list_page(tenant.manager, LeadFilters())).items


async def test_s37_what_is_left_on_the_page_is_a_lead_with_campaign_and_cost_key(
    tenant: Tenant,
) -> None:
    made = await opened(tenant)
    page = await look(made.token)

    left = filled_in(page, need="想试喝")
    await leave(made.token, left)
    await leave(made.token, left)

    [lead] = await leads_of(tenant)
    assert (lead.path, lead.campaign_id) == (IntakePath.PUBLIC_FORM, made.campaign_id)
    assert lead.cost_key.startswith("qr")
    assert (lead.consented_at, lead.received_by, lead.need) == (SOON, None, "想试喝")


async def test_the_page_shows_its_own_title_and_nothing_of_the_company(tenant: Tenant) -> None:
    made = await opened(tenant)

    page = await look(made.token)

    shown = msgspec.json.encode(page).decode()
    assert page.title == "春茶品鉴会"
    for secret in (tenant.tenant_id, tenant.name, made.campaign_id, made.form.id, "春茶节", "地推"):
        assert str(secret) not in shown
    assert made.form.address.endswith(f"/f/{made.token}")
    assert made.form.qr_svg.startswith("<svg")


@pytest.mark.parametrize(
    ("after_s", "fields"),
    [
        (1, {}),
        (25 * 3600, {}),
        (20, {"website": "http://spam.example"}),
        (20, {"has_consented": False}),
        (20, {"stamp": "1772413200000.00000000000000000000000000000000"}),
        (20, {"stamp": "٣.x"}),
        (20, {"stamp": "3.é"}),
        (20, {"id": new_id()}),
    ],
)
async def test_programs_and_whoever_has_not_consented_leave_nothing(
    tenant: Tenant, after_s: int, fields: dict[str, Any]
) -> None:
    made = await opened(tenant)
    left = msgspec.structs.replace(filled_in(await look(made.token)), **fields)

    with pytest.raises(FormRefused):
        await leave(made.token, left, now=NOW + timedelta(seconds=after_s))

    assert await leads_of(tenant) == []


async def test_a_seal_of_one_page_is_none_for_another(tenant: Tenant, rival: Tenant) -> None:
    mine, theirs = await opened(tenant), await opened(rival)

    with pytest.raises(FormRefused):
        await leave(theirs.token, filled_in(await look(mine.token)))


async def test_a_page_that_is_closed_or_whose_campaign_is_over_is_not_there(
    tenant: Tenant,
) -> None:
    closed, cancelled = await opened(tenant), await opened(tenant)
    left = filled_in(await look(closed.token))

    await service.close_form(tenant.manager, closed.form.id, now=NOW)
    review = Review(text="场地取消", is_cancelled=True)
    await service.review_campaign(tenant.manager, cancelled.campaign_id, review, now=NOW)

    with pytest.raises(NotFound):
        await leave(closed.token, left)
    for token in (closed.token, cancelled.token, "unknown"):
        with pytest.raises(NotFound):
            await look(token)


async def test_one_address_leaves_so_many_and_no_more_however_often_it_looks(
    tenant: Tenant,
) -> None:
    made, address = await opened(tenant), "203.0.113.9"

    for _ in range(forms.BY_ADDRESS.tries_max + 1):
        page = await service.form_page(made.token, address=address, now=NOW)
    again = filled_in(page)
    for _ in range(forms.BY_ADDRESS.tries_max):
        await service.leave(made.token, again, address=address, now=SOON)
    with pytest.raises(TooManyTries):
        await service.leave(made.token, again, address=address, now=SOON)
    await service.leave(made.token, again, address="203.0.113.10", now=SOON)


async def test_whoever_looks_for_pages_without_an_end_is_stopped(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = msgspec.structs.replace(forms.VIEWS_BY_ADDRESS, tries_max=2)
    monkeypatch.setattr(forms, "VIEWS_BY_ADDRESS", few)
    made = await opened(tenant)

    for _ in range(2):
        await look(made.token)
    with pytest.raises(TooManyTries):
        await look(made.token)
