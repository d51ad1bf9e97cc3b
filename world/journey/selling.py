"""From the first visit to the signature: offline, through gates, below the floor, in writing."""

import io
from datetime import timedelta
from typing import Any, Final

from PIL import Image

from mobile_client_sdk.client.quoting import Wanted
from mobile_client_sdk.client.selling import MoveBlocked
from mobile_client_sdk.records import Contract, Opportunity, Quote
from sync_protocol.contracting.states import Verb as ContractVerb
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.quoting.states import Verb as QuoteVerb
from world import names, places
from world.api import Json
from world.journey import story as stories
from world.journey.cast import Cast
from world.journey.evidence import Evidence
from world.journey.offline import Phone
from world.journey.patience import until
from world.journey.story import Story
from world.terminal import yuan

_LIST: Final = 128_000
_FLOOR: Final = 100_000
_ASKED: Final = 90_000
_STORES: Final = 3
_STEPS: Final = {
    stage.id: [step for step in stage.steps if step.is_mandatory and step.gate == "strict"]
    for stage in BUILT_IN.stages
}
"""What no deal leaves a stage without."""


async def _synced(phone: Phone, found: Evidence, *, refused: int = 0) -> None:
    """Give a phone its network back, and expect everything to be sent."""
    phone.network.is_up = True
    report = await phone.sync()
    told = (str(report.state), report.pending, len(report.refused))
    found.expect(f"{phone.rep.name}'s phone has sent everything", told, ("complete", 0, refused))


async def visited(cast: Cast, found: Evidence) -> None:
    """Accept the lead, visit, take a photo: all without a network, and an answer is lost after."""
    story, phone = stories.of(cast), stories.of(cast).phone
    await _synced(phone, found)
    client = phone.client
    [lead] = [each for each in client.leads() if each.customer_id == story.customer]
    city = next(each for each in places.CITIES if each.name == story.company.agent.city)
    phone.network.is_up = False
    client.accept_lead(lead)
    with client.group():
        place: dict[str, Any] = {"lat": city.lat, "lng": city.lng}
        shop = client.add_store(story.customer, name="总店", **place)
        boss = client.add_contact(story.customer, name=names.person(cast.rng), title="老板")
        visit = client.check_in(
            story.customer, store_id=shop.id, accuracy_m=12, fix_age_s=3, **place
        )
        photo = client.attach(story.customer, _photo(), name="门头.jpg", subject=visit)
        client.check_out(visit, summary=f"见到{boss.name}，两家店一起换", next_step="周五演示")
        task = client.add_task(story.customer, "周五演示", priority="high")
    waiting = client.pending_count
    phone.network.is_up, phone.network.answers_to_lose = True, 1
    lost = await phone.sync()
    found.expect("the answer of the first sync is lost", (str(lost.state)), "offline")
    await _synced(phone, found)
    sent = client.send_attachments()
    found.note(edits_without_a_network=waiting, photo_bytes=photo.size)
    found.expect("the photo is sent", (sent.pending, client.unsent_attachments()), (0, []))
    visits = await until(
        lambda: story.rep.get("/v1/visits", customer_id=story.customer),
        lambda page: all(each["trust_score"] is not None for each in page["items"]),
    )
    found.expect("there is one visit", [each["id"] for each in visits["items"]], [visit.id])
    [told] = visits["items"]
    against = [each["code"] for each in told["trust_reasons"]]
    found.note(trust=told["trust_score"], because=against)
    found.expect("nothing speaks against it but that it was short", against, ["too_short"])
    [held] = await until(
        lambda: story.manager.get(f"{story.path}/attachments"),
        lambda listed: all(each["state"] == "stored" for each in listed),
    )
    seen = (held["id"], held["subject_id"], held["sha256"])
    found.expect("the photo hangs at the visit", seen, (photo.id, visit.id, photo.sha256))
    content = await story.manager.raw("GET", f"/v1/attachments/{photo.id}/content")
    found.expect_that("the manager can look at it", holds=content.content[:2] == b"\xff\xd8")
    lead_now = (await story.manager.get(f"/v1/leads/{story.customer}"))["lead"]
    stands = (lead_now["state"], lead_now["stage"])
    found.expect("the lead is accepted", stands, ("accepted", "pre_opportunity"))
    cast.left["task"] = task.id


def _photo() -> bytes:
    """Take a photo of a shop front: sky, sign and door."""
    picture = Image.new("RGB", (320, 240), "#8fb8de")
    picture.paste("#b23a2e", (20, 60, 300, 110))
    picture.paste("#3d3a36", (130, 110, 190, 240))
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=85)
    return target.getvalue()


async def gated(cast: Cast, found: Evidence) -> None:
    """Take a deal to its last stage before the signature; each gate refuses once, then lets by."""
    story, client = stories.of(cast), stories.of(cast).phone.client
    story.phone.network.is_up = False
    deal = client.begin_deal(story.customer, "两店收银和会员", lead_id=story.customer)
    story.deal = deal.id
    blocked: list[str] = []
    try:
        client.advance(deal)
    except MoveBlocked as refusal:
        blocked = [each.name for each in refusal.blocks]
    wanted = [step.name for step in _STEPS["lead"]]
    found.expect("the phone's gate names the open step", blocked, wanted)
    client.do_step(deal, _STEPS["lead"][0].id)
    client.advance(deal)
    foretold = client.foretold(deal)
    seen = (foretold.stage, foretold.is_provisional)
    found.expect("then it foretells the move", seen, ("pre_opportunity", True))
    await _synced(story.phone, found)
    path = f"/v1/opportunities/{deal.id}"
    answer = await story.rep.raw("POST", f"{path}/moves", json={"verb": "advance"})
    problem: Json = answer.json()
    [step] = _STEPS["pre_opportunity"]
    found.note(the_server_asks_first_for=problem["detail"].partition(": ")[2])
    seen_open = [each["id"] for each in problem.get("open", [])]
    found.expect("the server's gate refuses too", problem["code"], "gate_closed")
    found.expect("and names the step", seen_open, [step.id])
    found.expect("nothing moved", await _stage(story), ("pre_opportunity", "open"))
    expected = (story.today + timedelta(days=20)).isoformat()
    fields = {"amount_minor": _STORES * _LIST, "expected_on": expected, "do_steps": [step.id]}
    await story.rep.patch(path, fields)
    move = {"id": cast.new_id(), "verb": "advance", "from_stage": "pre_opportunity"}
    moves = [await story.rep.post(f"{path}/moves", move) for _ in range(2)]
    found.expect("asked twice it moves once", moves[0]["move"], moves[1]["move"])
    detail = await story.rep.get(path)
    passed = [each["name"] for each in moves[0]["move"]["deviations"]]
    found.note(stages=_way(detail), a_loose_gate_let_by=passed)
    found.expect("the moves are two", len(detail["moves"]), 2)
    kept = detail["conformance"]["deviations"]
    found.expect_that("what a loose gate let by is kept", holds=kept > 0, seen=kept)
    status = (await story.owner.get(story.path))["customer"]["status"]
    found.expect("the customer has followed its deal", status, "intent")


async def _stage(story: Story) -> tuple[str, str]:
    """Tell where the deal stands."""
    deal = (await story.rep.get(f"/v1/opportunities/{story.deal}"))["opportunity"]
    return deal["stage"], deal["state"]


def _way(detail: Json) -> str:
    """Tell the stages that a deal has come through, under their names."""
    name = {stage.id: stage.name for stage in BUILT_IN.stages}
    moves = detail["moves"][::-1]
    return " → ".join(
        name[each] for each in [moves[0]["from_stage"], *(m["to_stage"] for m in moves)]
    )


async def below_the_floor(cast: Cast, found: Evidence) -> None:
    """Quote below the floor: it waits, and somebody else approves exactly this."""
    story, client = stories.of(cast), stories.of(cast).phone.client
    book, product = cast.new_id(), cast.new_id()
    await story.owner.post(
        "/v1/products", {"id": product, "name": "收银系统", "unit": "店", "tax_bp": 600}
    )
    await story.owner.post("/v1/price-books", {"id": book, "name": "标准价"})
    price = {"list_minor": _LIST, "floor_minor": _FLOOR}
    await story.owner.put(f"/v1/price-books/{book}/prices/{product}", price)
    await _synced(story.phone, found)
    [sold] = client.products()
    [listed] = client.price_books()
    deal = client.get(Opportunity, story.deal)
    assert deal is not None, "the phone began it"
    client.do_step(deal, _STEPS["opportunity"][0].id)
    story.phone.network.is_up = False
    until = (story.today + timedelta(days=30)).isoformat()
    wanted = [Wanted(sold, _STORES * 1_000, _ASKED)]
    quote = client.write_quote(deal, listed, "三店报价", wanted, valid_until=until)
    story.quote, story.signed_minor = quote.id, client.totals(quote).net_minor
    client.decide_quote(quote, QuoteVerb.SUBMIT)
    await _synced(story.phone, found)
    detail = await story.manager.get(f"/v1/quotes/{quote.id}")
    view = detail["quote"]
    found.note(
        list_price=yuan(_LIST),
        floor=yuan(_FLOOR),
        asked=yuan(_ASKED),
        total=yuan(story.signed_minor),
    )
    counted = view["totals"]["net_minor"]
    found.expect("phone and server count the same", counted, story.signed_minor)
    found.expect("it waits for somebody else", view["state"], "waiting")
    below = [each["is_below"] for each in detail["floors"]]
    found.expect("the manager sees that it is below", below, [True])
    hidden = (await story.rep.get(f"/v1/quotes/{quote.id}"))["floors"]
    found.expect("the rep sees no floor", hidden, [])
    path = f"/v1/quotes/{quote.id}/decisions"
    approval = {"id": cast.new_id(), "verb": "approve", "content_hash": view["content_hash"]}
    found.expect_that(
        "its maker cannot approve it", holds=bool(await story.rep.refusal(path, approval))
    )
    stale = {**approval, "content_hash": "0" * 32}
    refusal = await story.manager.refusal(path, stale)
    found.expect("nobody approves what they did not see", refusal, "quote_changed")
    refusal = await story.rep.refusal(path, {"verb": "send"})
    found.expect("before that it cannot be sent", refusal, "quote_moved")
    await story.manager.post(path, approval)
    await _synced(story.phone, found)
    for verb in (QuoteVerb.SEND, QuoteVerb.ACCEPT):
        held = client.get(Quote, quote.id)
        assert held is not None, "the phone wrote it"
        client.decide_quote(held, verb)
    await _synced(story.phone, found)
    state = (await story.manager.get(f"/v1/quotes/{quote.id}"))["quote"]["state"]
    found.expect("the customer accepts it", state, "accepted")
    printed = await story.rep.raw("GET", f"/v1/quotes/{quote.id}/quote.pdf")
    found.expect_that("it prints as PDF", holds=printed.content.startswith(b"%PDF"))


async def signed(cast: Cast, found: Evidence) -> None:
    """Sign what was quoted: the plan comes to the amount, the deal is won, the money comes in."""
    story, client = stories.of(cast), stories.of(cast).phone.client
    story.ends_on = story.today + timedelta(days=365)
    half = story.signed_minor // 2
    days = [(story.today + timedelta(days=each)).isoformat() for each in (0, 90)]
    plan = [("签约款", days[0], half), ("尾款", days[1], story.signed_minor - half)]
    story.phone.network.is_up = False
    contract = client.write_contract(
        story.customer,
        "收银系统服务合同",
        story.signed_minor,
        plan,
        opportunity_id=story.deal,
        quote_id=story.quote,
        effective_on=days[0],
        ends_on=story.ends_on.isoformat(),
    )
    story.contract = contract.id
    client.decide_contract(contract, ContractVerb.SUBMIT)
    await _synced(story.phone, found)
    path = f"/v1/contracts/{contract.id}"
    view = (await story.rep.get(path))["contract"]
    found.expect("what an accepted quote says needs nobody's word", view["state"], "approved")
    paper = client.attach(story.customer, _photo(), name="合同.jpg", subject=contract)
    held = client.get(Contract, contract.id)
    assert held is not None, "the phone wrote it"
    client.decide_contract(held, ContractVerb.SIGN, signed_on=story.today.isoformat())
    [first, _] = client.instalments(held)
    client.receive(held, first[0].amount_minor, first[0])
    await _synced(story.phone, found)
    client.send_attachments()
    view = (await story.rep.get(path))["contract"]
    found.note(
        contract=yuan(view["amount_minor"]),
        received=yuan(view["received_minor"]),
        state=view["state"],
    )
    found.expect("it is in force", view["state"], "in_force")
    found.expect("half of it came in", view["received_minor"], half)
    found.expect("the deal is won by it", await _stage(story), ("signed", "won"))
    status = (await story.owner.get(story.path))["customer"]["status"]
    found.expect("the customer is signed", status, "signed")
    papers = [each["id"] for each in await story.rep.get(f"{story.path}/attachments")]
    found.expect_that("the paper is kept", holds=paper.id in papers)
    again = {"verb": "submit"}
    refusal = await story.rep.refusal(f"{path}/decisions", again)
    found.expect("what is signed stands", refusal, "contract_moved")
