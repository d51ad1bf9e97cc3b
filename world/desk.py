"""What an owner decides once the reps are back: leads, quotes, contracts, requests, the pool."""

from datetime import date
from typing import Final
from uuid import uuid5

from world import names, numbers, setup
from world.api import Api, Json
from world.model import Agent, Customer
from world.setup import Setting

_NEEDS: Final = (
    "想换收银，两家店",
    "问扫码点餐多少钱",
    "会员储值怎么做",
    "朋友介绍来的，想看看演示",
    "新店下月开业，要一套",
    "现在用的太贵，合同快到期",
)
_OWN: Final = (
    ("给老板回电话，谈付款方式", -1, "high"),
    ("看一眼三店的报价再发", 0, "high"),
    ("请平台的人一起吃饭", 0, "normal"),
    ("定下月的活动预算", 4, "normal"),
)
"""What the owner does in person: title, days from today, priority."""
_FRESH: Final = 9
_KNOWN: Final = 3
_OWNED: Final = 2
"""So many leads the owner takes on in person."""
_RELEASED: Final = 5
_JUNK: Final = (("测试公司", ""), ("打不通的店", "12"), ("广告合作", "13800000000"))
_FILE: Final = """公司,手机,城市,需求
{first},{phone},{city},想了解会员系统
没有名字的店,12,{city},
{second},{other},{city},下月开第三家店
"""


async def decide(owner: Api, agent: Agent, today: date) -> None:
    """Decide what waits, and take in what has come; what an earlier run has done is left."""
    parts = (_quotes, _contracts, _leads, _requests, _release, _import, _own_work)
    for part in parts:
        await part(setup.at(owner, agent, today, what=part.__name__))


async def _quotes(setting: Setting) -> None:
    """Approve half of what is below the floor; send what may go, note what became of it."""
    owner = setting.owner
    waiting = (await owner.get("/v1/quotes", state="waiting"))["items"]
    for quote in waiting[::2]:
        await _done(owner, "quotes", quote, "approve")
    approved = (await owner.get("/v1/quotes", state="approved"))["items"]
    for place, quote in enumerate(approved):
        if place % 4 != 0:
            await _done(owner, "quotes", quote, "send")
        if place % 4 in {2, 3}:
            await _done(owner, "quotes", quote, ("accept", "refuse")[place % 2])


async def _contracts(setting: Setting) -> None:
    """Approve all contracts but the last, sign them on their first day, note what was paid."""
    owner = setting.owner
    waiting = (await owner.get("/v1/contracts", state="waiting"))["items"]
    for place, contract in enumerate(waiting[:-1]):
        await _done(owner, "contracts", contract, "approve")
        if place == 0:
            continue
        signed = {"verb": "sign", "signed_on": contract["effective_on"]}
        await owner.post(f"/v1/contracts/{contract['id']}/decisions", signed)
        for instalment in contract["plan"][: 1 + place % 2]:
            if instalment["due_on"] <= setting.day(0):
                await setting.once(
                    f"/v1/contracts/{contract['id']}/receipts",
                    {"instalment_id": instalment["id"], "amount_minor": instalment["amount_minor"]},
                )


async def _done(owner: Api, what: str, record: Json, verb: str) -> None:
    """Do something with a quote or contract as it was seen."""
    seen = {"verb": verb, "content_hash": record["content_hash"]}
    await owner.post(f"/v1/{what}/{record['id']}/decisions", seen)


async def _leads(setting: Setting) -> None:
    """Take leads in: new ones, some of customers that are known, some that are nobody's."""
    agent, rng, owner = setting.agent, setting.rng, setting.owner
    if (await owner.get("/v1/leads"))["items"]:
        return
    sources = [each["id"] for each in await owner.get("/v1/lead-sources")]
    [running] = [c for c in await owner.get("/v1/campaigns") if c["name"].startswith("双十二")]
    series = numbers.start(rng)
    fresh = [
        {
            "name": f"{names.brand(rng)}{rng.choice(('餐饮', '超市', '烘焙'))}",
            "phone": series.phone(),
        }
        for _ in range(_FRESH)
    ]
    again = await _unwritten(setting)
    back = [
        {"name": each.name, "phone": each.phone, "industry": each.industry}
        for each in (*again, *_dormant(setting)[:_KNOWN])
    ]
    junk = [{"name": name, "phone": phone} for name, phone in _JUNK]
    leads: list[Json] = [
        {
            "id": setting.new_id(),
            "city": agent.city,
            "need": rng.choice(_NEEDS),
            "source_id": rng.choice(sources),
            **who,
        }
        for who in (*fresh, *back, *junk)
    ]
    for lead in leads[::2] + leads[_FRESH : _FRESH + 1]:
        lead |= {"source_id": None, "campaign_id": running["id"]}
    await owner.post("/v1/leads/batch", {"leads": leads})
    known = [each["id"] for each in leads[_FRESH : _FRESH + len(back)]]
    await _sorted(setting, known)
    if again:
        await _signed(setting, known[0])


def _dormant(setting: Setting) -> list[Customer]:
    """Give the customers that fell asleep."""
    return [each for each in setting.agent.customers if each.status == "dormant"]


async def _unwritten(setting: Setting) -> list[Customer]:
    """Give a signed customer whose contract nobody has written down yet."""
    written = {each["customer_id"] async for each in setting.owner.every("/v1/contracts")}
    signed = [each for each in setting.agent.customers if each.status == "signed"]
    return [each for each in signed if str(each.id) not in written][:1]


async def _sorted(setting: Setting, known: list[str]) -> None:
    """Route who is known to whoever has them, two to the owner; discard what is nobody."""
    owner = setting.owner
    suspect = (await owner.get("/v1/leads", state="suspect"))["items"]
    kept = [each["id"] for each in suspect if each["id"] in known]
    if kept:
        await owner.post("/v1/leads/keeping", {"lead_ids": kept, "reason": "老客户又来问了"})
    for each in suspect:
        if each["name"] == _JUNK[0][0]:
            await owner.post("/v1/leads/discarding", {"lead_ids": [each["id"]], "reason": "测试"})
    for place, lead_id in enumerate(known):
        person = {"person_id": setting.agent.owner.id} if place < _OWNED else {}
        if (await owner.get(f"/v1/leads/{lead_id}"))["lead"]["state"] == "ready":
            await owner.post(f"/v1/leads/{lead_id}/routing", person)


async def _signed(setting: Setting, lead_id: str) -> None:
    """Accept a lead of a customer who has signed before, and sign again."""
    owner = setting.owner
    await owner.post(f"/v1/leads/{lead_id}/acceptance")
    customer_id = (await owner.get(f"/v1/leads/{lead_id}"))["lead"]["customer_id"]
    contract = await setting.once(
        "/v1/contracts",
        {
            "customer_id": customer_id,
            "title": "二店收银和会员合同",
            "amount_minor": 1_860_000,
            "effective_on": setting.day(0),
            "ends_on": setting.day(364),
        },
    )
    path = f"/v1/contracts/{contract}"
    if (await owner.get(path))["contract"]["state"] == "draft":
        await owner.post(f"{path}/decisions", {"verb": "submit"})
        await owner.post(f"{path}/decisions", {"verb": "sign"})


async def _requests(setting: Setting) -> None:
    """Send requests on: every second to the platform, the others to the manager."""
    owner = setting.owner
    asked = (await owner.get("/v1/resource-requests", state="requested"))["items"]
    teams = {str(person.id): person.team_id for person in setting.agent.people}
    managers = {person.team_id: person.id for person in setting.agent.managers()}
    for place, request in enumerate(asked[:-1]):
        to: Json = {}
        if place % 2:
            to["helper_id"] = managers[teams[request["requested_by"]]]
        path = f"/v1/resource-requests/{request['id']}/decisions"
        await owner.post(path, {"verb": "dispatch", **to})


async def _release(setting: Setting) -> None:
    """Give some customers up that nobody has looked after."""
    [pool, *_] = await setting.owner.get("/v1/pools")
    given_up = _dormant(setting)[_KNOWN:]
    for customer in given_up[:_RELEASED]:
        path = f"/v1/customers/{customer.id}"
        if (await setting.owner.get(path))["customer"]["owner_id"]:
            await setting.owner.post(f"{path}/release", {"pool_id": pool["id"]})


async def _import(setting: Setting) -> None:
    """Bring a small file of leads in."""
    rng, series = setting.rng, numbers.start(setting.rng)
    content = _FILE.format(
        first=f"{names.brand(rng)}火锅",
        second=f"{names.brand(rng)}便利店",
        phone=series.phone(),
        other=series.phone(),
        city=setting.agent.city,
    )
    import_id = setting.new_id()
    query = {"file_name": "展会留资.csv", "id": import_id, "target": "leads"}
    taken = await setting.owner.raw("POST", "/v1/imports", params=query, content=content.encode())
    if taken.json()["state"] == "uploaded":
        await setting.owner.post(f"/v1/imports/{import_id}/start", {})


async def take_on(operator: Api, agent: Agent) -> None:
    """Let the platform write down what was agreed with an agent, and how far it is on board.

    It has no territory yet, and has not accepted what it shares.
    """
    path = f"/v1/platform/agents/{agent.tenant_id}"
    signed = {
        "id": str(uuid5(agent.tenant_id, "agreement")),
        "number": f"DL-{agent.joined_on:%Y%m}-{agent.slug}",
        "title": "渠道代理协议",
        "signed_on": agent.joined_on.isoformat(),
        "valid_from": agent.joined_on.isoformat(),
    }
    await operator.post(f"{path}/agreements", signed)
    for step in ("licence", "agreement", "owner", "device", "training"):
        await operator.post(f"{path}/onboarding/{step}", {})


async def answer(operator: Api) -> None:
    """Let the platform look at its channel, and accept every second request for help."""
    await operator.get("/v1/platform/overview")
    waiting = (await operator.get("/v1/platform/requests", is_over=False))["items"]
    for request in waiting[::2]:
        if request["state"] == "dispatched":
            await operator.post(
                f"/v1/platform/requests/{request['id']}/answers", {"verb": "accept"}
            )


async def _own_work(setting: Setting) -> None:
    """Note what the owner does in person: for the best of those who mean to buy."""
    best = [each for each in setting.agent.customers if each.status == "intent"]
    best.sort(key=lambda each: (-each.expected_revenue_minor, each.id))
    me = {"assignee_id": setting.agent.owner.id}
    for (title, days, priority), customer in zip(_OWN, best, strict=False):
        due = f"{setting.day(days)}T23:00:00+08:00"
        task = {"title": title, "due_at": due, "priority": priority, **me}
        await setting.once(f"/v1/customers/{customer.id}/tasks", task)
    for hour, customer in zip((10, 15), best[1:], strict=False):
        planned = {"planned_at": f"{setting.day(0)}T{hour}:30:00+08:00", "purpose": "和老板定方案"}
        await setting.once(f"/v1/customers/{customer.id}/visits", planned)
