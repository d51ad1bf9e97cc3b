"""Benefits asked for online and offline, with answers lost on the way: each is issued once."""

import asyncio
from typing import Final

import httpx
import msgspec

from world.api import Api, Json
from world.journey.cast import Cast, Company
from world.journey.evidence import Evidence
from world.journey.network import Network
from world.journey.offline import Phone
from world.terminal import yuan

_ISSUED: Final = "issued"
_OTHERS_ISSUE: Final = (3, 5)
_FUNDED: Final = 40


async def programs_open(cast: Cast, found: Evidence) -> None:
    """Let the operator open a program and fund its budget."""
    program = cast.world.platform.programs[0]
    budget = program.amount_minor * _FUNDED
    await cast.staff.post(
        "/v1/platform/programs",
        {
            "id": program.id,
            "name": program.name,
            "amount_minor": program.amount_minor,
            "limit_per_customer": 1,
            "opens_at": "2026-01-01T00:00:00+08:00",
        },
    )
    funding = {"id": cast.new_id(), "amount_minor": budget}
    path = f"/v1/platform/programs/{program.id}/funding"
    funded = await cast.staff.post(path, funding)
    again = await cast.staff.post(path, funding)
    found.note(program=program.name, budget=yuan(budget), one_benefit=yuan(program.amount_minor))
    found.expect("the budget is funded", funded["available_minor"], budget)
    found.expect("funding twice by one id funds once", again["available_minor"], budget)
    offers = await cast.companies[0].owner.get("/v1/benefits/programs")
    found.expect("agents see the program", [offer["id"] for offer in offers], [str(program.id)])
    cast.left["program"] = program


async def issued_once(cast: Cast, found: Evidence) -> None:
    """Ask online and offline, lose answers, ask again: count what was issued."""
    company = cast.companies[0]
    phone: Phone = cast.left["phones"][0]
    customers = sorted(phone.client.customers(), key=lambda customer: customer.id)[:3]
    online, offline, both = (customer.id for customer in customers)
    first = await _ask_online(cast, company, online, found)
    second = await _ask_offline(cast, phone, offline, found)
    third = await _ask_both_ways(cast, company, phone, both, found)
    issued = [
        item
        async for item in company.owner.every("/v1/benefits/requests", state=_ISSUED)
        if item["customer_id"] in (online, offline, both)
    ]
    found.note(benefits_issued=len(issued))
    found.expect(
        "one benefit for each customer",
        sorted((item["customer_id"], item["id"]) for item in issued),
        sorted([(online, first), (offline, second), (both, third)]),
    )
    for other, count in zip(cast.companies[1:], _OTHERS_ISSUE, strict=True):
        page = await other.owner.get("/v1/customers", limit=count)
        for item in page["items"]:
            await _ask(other.owner, cast.new_id(), item["id"], cast)


async def _ask_online(cast: Cast, company: Company, customer_id: str, found: Evidence) -> str:
    """Ask through the API; the first answer is lost, the second and third are the same."""
    request_id = cast.new_id()
    body = _request(cast, request_id, customer_id)
    rep = company.agent.reps()[0]
    headers = dict(company.api(rep).headers) | {"Content-Type": "application/json"}
    network = Network()
    network.answers_to_lose = 1
    with httpx.Client(base_url=cast.stage.url, transport=network, headers=headers) as client:
        content = msgspec.json.encode(body)
        lost = False
        try:
            await asyncio.to_thread(client.post, "/v1/benefits/requests", content=content)
        except httpx.TransportError:
            lost = True
        answers = [
            await asyncio.to_thread(client.post, "/v1/benefits/requests", content=content)
            for _ in range(2)
        ]
    views: list[Json] = [answer.json() for answer in answers]
    found.note(online_asked=network.requests, online_answers_lost=network.answers_lost)
    found.expect_that("the first answer is lost", holds=lost)
    found.expect("asking again is answered", [a.status_code for a in answers], [201, 201])
    found.expect("the same again", views[0], views[1])
    found.expect("it is issued", views[0]["state"], _ISSUED)
    return request_id


async def _ask_offline(cast: Cast, phone: Phone, customer_id: str, found: Evidence) -> str:
    """Ask on a phone without a network; the answer of the first sync is lost."""
    phone.network.is_up = False
    program = cast.left["program"]
    request_id = phone.client.request_benefit(customer_id, program_id=str(program.id))
    waiting = phone.client.request(request_id)
    found.expect_that(
        "the request waits on the phone", holds=waiting is not None and waiting.outcome is None
    )
    phone.network.is_up = True
    phone.network.answers_to_lose = 1
    first = await phone.sync()
    second = await phone.sync()
    state = phone.client.request(request_id)
    found.note(offline_answers_lost=phone.network.answers_lost)
    found.expect("the first sync does not know", (str(first.state), first.pending), ("offline", 1))
    found.expect("the second does", (str(second.state), second.pending), ("complete", 0))
    outcome = state.outcome if state else None
    found.expect("the request is accepted", str(outcome.status) if outcome else None, "applied")
    return request_id


async def _ask_both_ways(
    cast: Cast, company: Company, phone: Phone, customer_id: str, found: Evidence
) -> str:
    """Ask for one customer offline, and online before the phone syncs: one of them is issued."""
    phone.network.is_up = False
    program = cast.left["program"]
    late = phone.client.request_benefit(customer_id, program_id=str(program.id))
    online = cast.new_id()
    await _ask(company.owner, online, customer_id, cast)
    phone.network.is_up = True
    report = await phone.sync()
    found.expect("the sync is complete", str(report.state), "complete")
    refused = [str(outcome.code) for outcome in report.refused]
    found.note(second_way_refused_as=refused)
    found.expect("the later way is refused", len(refused), 1)
    told = [refusal.record_id for refusal in phone.client.refusals()]
    found.expect("the rep is told which", told, [late])
    return online


async def _ask(api: Api, request_id: str, customer_id: str, cast: Cast) -> Json:
    """Ask for a benefit through the API."""
    answer: Json = await api.post("/v1/benefits/requests", _request(cast, request_id, customer_id))
    return answer


def _request(cast: Cast, request_id: str, customer_id: str) -> Json:
    """Write a request."""
    program_id = cast.left["program"].id
    return {"id": request_id, "customer_id": customer_id, "program_id": program_id}
