"""A routed lead reaches the rep's phone with its customer, and is answered from there."""

from datetime import timedelta
from uuid import UUID

from server.leads import queries, service
from server.leads.rules.states import LeadState
from server.settings import Settings
from sync_protocol.messages import Intent, Outcome, Status
from tests.factories import NOW, Tenant, new_id
from tests.server.leads.stories import a_campaign, a_source, one, ready
from tests.server.sync.devices import Device, make_device


def ask(number: int, name: str, lead_id: UUID, **args: str) -> Intent:
    """Write what a phone asks."""
    given = {"lead_id": str(lead_id), **args}
    return Intent(number=number, id=str(new_id()), name=name, args=given, at_ms=0)


async def test_s44_a_lead_comes_with_its_customer_source_and_campaign(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    source = await a_source(tenant, "茶博会")
    campaign = await a_campaign(tenant, source.id)
    await phone.pull()

    lead_id = await ready(tenant, campaign_id=campaign.id, need="要两台收银机")
    await service.route(tenant.manager, lead_id, person_id=phone.actor.user_id, now=NOW)
    await phone.pull()

    held = phone.replica
    lead = held["lead", str(lead_id)]
    assert (lead["need"], lead["state"]) == ("要两台收银机", "offered")
    assert held["customer", lead["customer_id"]]["name"] == "杭州龙井茶行"
    assert held["lead_source", str(source.id)]["name"] == "茶博会"
    assert held["campaign", lead["campaign_id"]]["starts_on"] == "2026-03-01"


async def test_s44_a_phone_accepts_once_and_is_told_when_it_may_not(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    mine, theirs = await ready(tenant), await ready(tenant)
    await service.route(tenant.manager, mine, person_id=phone.actor.user_id, now=NOW)
    await service.route(tenant.manager, theirs, person_id=tenant.rep.user_id, now=NOW)
    await phone.pull()

    outcomes = await pushed(
        phone,
        ask(1, "lead.accept", mine),
        ask(2, "lead.accept", theirs),
        ask(3, "lead.return", mine, reason="no_need"),
        ask(4, "lead.return", mine),
    )

    assert [(each.status, each.code) for each in outcomes] == [
        (Status.APPLIED, "applied"),
        (Status.REJECTED, "not_found"),
        (Status.REJECTED, "lead_state_unfit"),
        (Status.REJECTED, "invalid"),
    ]
    assert (await one(tenant.manager, mine)).state is LeadState.ACCEPTED
    await phone.pull()
    assert phone.replica["lead", str(mine)]["state"] == "accepted"


async def test_s44_a_phone_gives_back_and_the_next_person_gets_the_customer(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    other = await make_device(database, tenant)
    lead_id = await ready(tenant)
    await service.route(tenant.manager, lead_id, person_id=phone.actor.user_id, now=NOW)

    [outcome] = await pushed(phone, ask(1, "lead.return", lead_id, reason="out_of_area"))
    assert outcome.status is Status.APPLIED
    detail = await queries.detail(tenant.manager, lead_id)
    assert (detail.lead.state, detail.lead.return_count) == (LeadState.READY, 1)
    assert detail.events[-1].detail["reason"] == "out_of_area"

    later = NOW + timedelta(hours=1)
    await service.route(tenant.manager, lead_id, person_id=other.actor.user_id, now=later)
    await other.pull()
    lead = other.replica["lead", str(lead_id)]
    assert (lead["state"], lead["return_reason"]) == ("offered", None)
    assert lead["assignee_id"] == str(other.actor.user_id)


async def pushed(phone: Device, *ops: Intent) -> list[Outcome]:
    """Send what a phone asks."""
    return list((await phone.push(*ops)).outcomes)
