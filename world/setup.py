"""Let a company set itself up: what it sells, whence leads come, its pool, rules, fields, views.

Whatever is made here names its own id, so that it may be asked for again.
"""

import random
from datetime import date, timedelta
from typing import Final

import msgspec

from sync_protocol.process.built_in import BUILT_IN
from world.api import Api, Json, Refused
from world.model import Agent
from world.people import new_id

PRODUCTS: Final = (
    ("收银系统", "店", 128_000, 98_000),
    ("会员营销包", "年", 268_000, 218_000),
    ("扫码点餐", "店", 68_000, 52_000),
    ("上门安装", "次", 30_000, 20_000),
)
"""Name, unit, list price and floor."""
_SOURCES: Final = (
    ("展会", "event", "expo"),
    ("线上留资", "website", "web"),
    ("老客户介绍", "customer_referral", "referral"),
    ("平台下发", "partner_referral", "platform"),
)
_REVIEW: Final = "到场的多是单店，留资质量一般；明年只去两天，带两个做过的客户一起讲。"
_STAGES: Final = ("初次接触", "摸清需求", "方案报价", "签约")
_PROCESS: Final = "连锁门店流程"
_SIZES: Final = (("一家", "One"), ("二到五家", "Two to five"), ("六家以上", "Six or more"))


class Setting(msgspec.Struct, kw_only=True):
    """A company that is being set up, and the day on which it is."""

    owner: Api
    agent: Agent
    today: date
    rng: random.Random

    def new_id(self) -> str:
        """Make the next id; the same run gives the same."""
        return str(new_id(self.rng, self.agent.joined_on))

    def day(self, days: int) -> str:
        """Give the day so many days from today."""
        return (self.today + timedelta(days=days)).isoformat()

    async def once(self, path: str, body: Json) -> str:
        """Make something that names its own id, unless an earlier run has; give the id."""
        body = {"id": self.new_id(), **body}
        try:
            await self.owner.post(path, body)
        except Refused as refusal:
            # The earlier run was on another day, so that its dates are others.
            if refusal.code != "id_reused":
                raise
        return str(body["id"])


def at(owner: Api, agent: Agent, today: date, *, what: str) -> Setting:
    """Begin to set a company up, or go on; `what` names which part, for its ids."""
    rng = random.Random(f"{what} of {agent.tenant_id}")
    return Setting(owner=owner, agent=agent, today=today, rng=rng)


async def furnish(owner: Api, agent: Agent, today: date) -> None:
    """Set everything up that is there before the first rep goes out."""
    parts = (_prices, _campaigns, _process, _fields, _pool, _plays, _views, _people)
    for part in parts:
        await part(at(owner, agent, today, what=part.__name__))


async def _prices(setting: Setting) -> None:
    """Say what is sold, and for how much."""
    book = await setting.once("/v1/price-books", {"name": "标准价目"})
    for name, unit, list_minor, floor_minor in PRODUCTS:
        product = {"name": name, "unit": unit, "tax_bp": 600}
        product_id = await setting.once("/v1/products", product)
        price = {"list_minor": list_minor, "floor_minor": floor_minor}
        await setting.owner.put(f"/v1/price-books/{book}/prices/{product_id}", price)


async def _campaigns(setting: Setting) -> None:
    """Plan three campaigns: one that is over and reviewed, one that runs, one to come."""
    sources = [
        await setting.once("/v1/lead-sources", {"name": name, "channel": channel, "cost_key": key})
        for name, channel, key in _SOURCES
    ]
    city = setting.agent.city
    plans = (
        (f"{city}餐饮食材展", sources[0], -70, -66, 1_200_000, 1_130_000),
        ("双十二线上留资", sources[1], -12, 20, 800_000, 356_000),
        ("老带新有礼", sources[2], 14, 74, 500_000, 0),
    )
    for name, source, begins, ends, budget, spent in plans:
        campaign = await setting.once(
            "/v1/campaigns",
            {
                "name": name,
                "source_id": source,
                "starts_on": setting.day(begins),
                "ends_on": setting.day(ends),
                "budget_minor": budget,
                "planned_leads": budget // 10_000,
                "planned_signed": budget // 200_000,
                "area": city,
                "audience": "餐饮、零售门店",
            },
        )
        if spent:
            cost = {"amount_minor": spent, "spent_on": setting.day(begins), "note": "场地和物料"}
            await setting.once("/v1/campaigns/costs", {"campaign_id": campaign, **cost})
        path = f"/v1/campaigns/{campaign}"
        if ends < 0 and (await setting.owner.get(path))["state"] == "open":
            await setting.owner.post(f"{path}/review", {"text": _REVIEW})


async def _process(setting: Setting) -> None:
    """Publish a process with stages of the company's own, and begin its next version."""
    stages = [
        msgspec.structs.replace(stage, name=name)
        for stage, name in zip(BUILT_IN.stages, _STAGES, strict=True)
    ]
    draft: Json = {
        "family_id": setting.new_id(),
        "name": _PROCESS,
        "definition": msgspec.to_builtins(msgspec.structs.replace(BUILT_IN, stages=tuple(stages))),
    }
    version = setting.new_id()
    if any(each["name"] == _PROCESS for each in await setting.owner.get("/v1/processes")):
        return
    await setting.owner.put("/v1/process-drafts", draft)
    path = f"/v1/process-drafts/{draft['family_id']}/publication"
    await setting.owner.post(path, {"id": version, "revision": 1})


async def _fields(setting: Setting) -> None:
    """Add two fields of the company's own to customers, one to deals."""
    options = [{"id": setting.new_id(), "zh": zh, "en": en} for zh, en in _SIZES]
    fields: tuple[Json, ...] = (
        {
            "subject": "customer",
            "type": "choice",
            "label_zh": "门店数",
            "label_en": "Stores",
            "meaning": "正在营业的门店有几家；六家以上由经理一起跟",
            "options": options,
        },
        {
            "subject": "customer",
            "type": "date",
            "label_zh": "现有合同到期",
            "label_en": "Contract elsewhere ends",
            "meaning": "和友商的合同哪天到期；到期前两个月开始谈",
        },
        {
            "subject": "opportunity",
            "type": "flag",
            "label_zh": "需要对接旧系统",
            "label_en": "Old system to connect",
            "meaning": "旧系统的会员和储值要不要迁过来",
        },
    )
    for field in fields:
        await setting.once("/v1/custom-fields", field)


async def _pool(setting: Setting) -> None:
    """Open a pool for customers that nobody looks after."""
    await setting.once(
        "/v1/pools",
        {
            "name": "公司公海",
            "held_max": 50,
            "picks_per_day": 5,
            "views_per_day": 30,
            "cooling_days": 15,
            "warn_days": 7,
            "recycle_rules": [
                {"trigger": "inactivity", "days": 90},
                {"trigger": "contract_end", "days": 30},
            ],
        },
    )


async def _plays(setting: Setting) -> None:
    """Let things happen by themselves."""
    plays: tuple[Json, ...] = (
        {
            "name": "沉寂客户登录",
            "trigger": {"kind": "event", "event": "login", "silent_days": 365},
            "action": {
                "kind": "task",
                "title": "联系刚登录的沉寂客户",
                "due_hours": 24,
                "to": "newcomer",
                "gives_customer": True,
            },
        },
        {
            "name": "续约提醒",
            "trigger": {"kind": "date", "field": "contract_end", "days_before": 30},
            "action": {"kind": "task", "title": "上门谈续约", "due_hours": 72, "to": "owner"},
        },
        {
            "name": "商机卡住",
            "trigger": {"kind": "stage", "days": 21},
            "action": {"kind": "tell", "sentence": "这个商机三周没有动了", "to": "manager"},
        },
    )
    for play in plays:
        await setting.once("/v1/automation/plays", {"terms": play})


_CUSTOMERS: Final[Json] = {"list": "customers"}
_SHORT: Final = ["status", "city", "owner_id"]


async def _views(setting: Setting) -> None:
    """Save ways to look at customers, deals and leads."""
    looks: tuple[tuple[str, str, Json], ...] = (
        ("本周要跟的意向", "tenant", {**_CUSTOMERS, "status": "intent", "sort": "revenue"}),
        ("A 类客户", "tenant", {**_CUSTOMERS, "level": "A", "columns": _SHORT}),
        ("沉寂待唤醒", "own", {**_CUSTOMERS, "status": "dormant", "sort": "updated"}),
        ("该跟进的商机", "tenant", {"list": "deals", "state": "open", "is_stale": True}),
        ("我手上的线索", "tenant", {"list": "leads", "state": "offered", "is_mine": True}),
    )
    for name, audience, look in looks:
        await setting.once("/v1/saved-views", {"name": name, "audience": audience, "look": look})


async def _people(setting: Setting) -> None:
    """Say who is away, what the teams share, and whose place is whose."""
    agent = setting.agent
    away = {"starts_on": setting.day(3), "ends_on": setting.day(7), "note": "年假"}
    await setting.once(f"/v1/users/{agent.reps()[-1].id}/absences", away)
    for one, other in zip(agent.teams, agent.teams[1:], strict=False):
        line: Json = {"from_team_id": one.id, "to_team_id": other.id, "levels": ["A"]}
        await setting.once("/v1/sharings", line)
    for team, place in zip(agent.teams, agent.territories, strict=False):
        held: Json = {"holder_id": team.id, "city": place.city}
        await setting.once("/v1/leads/territories", {**held, "district": place.district})
