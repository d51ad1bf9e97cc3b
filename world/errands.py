"""What a rep does with customers in some days, saved on the phone and sent with the next sync.

Deals go as far as their customer's status says, so that nobody's status changes by them.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import Wanted
from mobile_client_sdk.records import Call, Contract, Opportunity, Quote, Task, Visit
from server.kit.clock import to_ms
from sync_protocol.contracting.states import Verb as ContractVerb
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.quoting.states import Verb as QuoteVerb
from sync_protocol.serving import Verb as CaseVerb
from world.model import Customer, Deal, Person, Store
from world.people import CHINA

_DEALS: Final = {"potential": 1, "need": 4, "intent": 4, "signed": 2, "lost": 1}
"""Of so many customers in each status a rep has put the deal down."""
_MOVES: Final = {"potential": 0, "need": 1, "intent": 2, "signed": 2, "lost": 0}
_STEPS: Final = [
    [step.id for step in stage.steps if step.is_mandatory and step.gate == "strict"]
    for stage in BUILT_IN.stages
]
_LOST: Final = ("price", "competitor", "no_budget", "timing")
_COMPETITORS: Final = ("美团收银", "客如云", "二维火")
_SAID: Final = (
    ("老板在，看了演示，问了到账时间。", "下周带报价再来"),
    ("店长说两家店想一起换，要老板点头。", "约老板周五见"),
    ("装好了打印机，教了两个店员。", "月底回访"),
    ("友商刚来过，报价低一成，但没有权益。", "申请旺季流量券再谈"),
)
"""What a visit came to, and what is next."""
_AFAR: Final = 45_000
"""Five kilometres, in millionths of a degree: nobody visits a shop from there."""
_CALLS: Final = (
    ("answered", 214, "老板说月底定，先把两家店的报价发过去"),
    ("no_answer", None, None),
    ("busy", None, "在忙，下午四点以后再打"),
    ("answered", 402, "问了储值能不能迁，已经请平台专家看"),
)
_TASKS: Final = (
    ("把报价单送过去", -1, "high"),
    ("约老板看演示", 0, "high"),
    ("核对营业执照和门店地址", 0, "normal"),
    ("回访上周装好的门店", 2, "normal"),
    ("准备续约方案", 6, "low"),
)
_CASES: Final = (
    ("收银机连不上打印机", "fault", "high", "午市开始就打不出小票，已经用手写顶着。"),
    ("少到账一笔储值", "complaint", "critical", "客人充了五百，后台只看到三百，老板很生气。"),
    ("想加一个店员账号", "request", "low", None),
    ("发票抬头怎么改", "question", "normal", None),
    ("扫码点餐页面打开很慢", "fault", "normal", "周末晚上最明显，客人等得起身走了。"),
    ("会员短信发重了", "complaint", "high", "同一条发了三遍，有客人退了会员。"),
    ("想把两家店的库存合在一起看", "request", "low", None),
    ("换了手机登不上", "question", "normal", None),
)
_HELP: Final = (
    ("请专家一起看旧系统迁移", "expert", "多门店餐饮，旧系统会员两万人，问怎么迁"),
    ("请领导一起拜访", "executive", "连锁零售，年内要定供应商，希望平台高层出面一次"),
    ("申请样机试用两周", "sample_test", "单店餐饮，想先试点餐机再定"),
)
_ROLES: Final = ("decides", "influences", "uses", "buys", "guards")
_STANCES: Final = ("supports", "leans", "neutral", "neutral", "doubts", "opposes")


class Round(msgspec.Struct, kw_only=True):
    """A rep with a phone and the customers at hand."""

    client: Client
    rep: Person
    customers: Sequence[Customer]
    now: datetime
    rng: random.Random

    def moment(self, days: int, hour: int, minute: int = 0) -> int:
        """Give a moment of the day so many days from now, in ms."""
        day = self.now.astimezone(CHINA) + timedelta(days=days)
        return to_ms(day.replace(hour=hour, minute=minute, second=0, microsecond=0))

    def day(self, days: int) -> str:
        """Give the day so many days from now."""
        return (self.now.astimezone(CHINA) + timedelta(days=days)).date().isoformat()


def role_and_stance(rng: random.Random, status: str, place: int) -> dict[str, str]:
    """Say who somebody is among a customer's people, once one knows them a little."""
    if status not in {"need", "intent", "signed"}:
        return {}
    return {
        "role": _ROLES[0] if place == 0 else rng.choice(_ROLES[1:]),
        "stance": rng.choice(_STANCES),
    }


def run(errands: Round) -> None:
    """Save a rep's deals, calls, visits, tasks, cases and requests."""
    deals = list(_deals(errands))
    _calls(errands)
    _visits(errands)
    _tasks(errands)
    _cases(errands)
    _requests(errands, deals)


def _deals(errands: Round) -> Iterable[Opportunity]:
    """Put down the deals of some customers; those that mean to buy get a quote."""
    left = dict(_DEALS)
    for customer in errands.customers:
        if left.get(customer.status, 0) == 0:
            continue
        left[customer.status] -= 1
        deal = _deal(errands, customer)
        if customer.status == "intent":
            _quote(errands, deal)
        if customer.status == "signed":
            _contract(errands, customer, deal)
        yield deal


def _deal(errands: Round, customer: Customer) -> Opportunity:
    """Begin a deal and take it as far as its customer is."""
    rng, client = errands.rng, errands.client
    known: Deal | None = next(iter(customer.deals), None)
    fields: dict[str, Any] = {}
    if known is not None:
        fields["amount_minor"] = known.amount_minor
        fields["expected_on"] = errands.day(rng.randrange(5, 90))
    if rng.randrange(3) == 0:
        fields["competitor"] = rng.choice(_COMPETITORS)
    if rng.randrange(3):
        fields["process_id"] = client.processes()[0].id
    deal = client.begin_deal(
        str(customer.id),
        known.title if known else "首年服务开通",
        account_manager_id=str(errands.rep.id),
        forecast_category=rng.choice(("commit", "best", "pipeline", "pipeline")),
        **fields,
    )
    moves = _MOVES[customer.status]
    # The quote of a signed one was agreed on.
    done = moves + (customer.status == "signed")
    for steps in _STEPS[:done]:
        for step in steps:
            client.do_step(deal, step)
    for _ in range(moves):
        client.advance(deal)
    if customer.status == "lost":
        client.lose(deal, rng.choice(_LOST), "友商报价更低")
    return deal


def _quote(errands: Round, deal: Opportunity) -> None:
    """Write a quote, and ask for approval of some; a discount may go below the floor."""
    rng, client = errands.rng, errands.client
    [book, *_] = client.price_books()
    products = client.products()
    wanted = [
        Wanted(product, rng.randrange(1, 6) * 1_000, _asked(rng, client.list_price(product, book)))
        for product in rng.sample(products, 2)
    ]
    title = f"{deal.name}报价"
    quote: Quote = client.write_quote(deal, book, title, wanted, valid_until=errands.day(30))
    if rng.randrange(6):
        client.decide_quote(quote, QuoteVerb.SUBMIT)


def _asked(rng: random.Random, list_minor: int) -> int:
    """Ask for the list price, a little less, or much less."""
    return list_minor * rng.choice((100, 95, 90, 72, 72)) // 100


def _contract(errands: Round, customer: Customer, deal: Opportunity) -> None:
    """Write the contract of a signed customer, in two instalments, and submit it."""
    client, rng = errands.client, errands.rng
    amount = deal.amount_minor or 0
    begins = -rng.choice((20, 90, 200, 345))
    half = amount // 2
    plan = [
        ("首付款", errands.day(begins + 7), half),
        ("尾款", errands.day(begins + 120), amount - half),
    ]
    contract: Contract = client.write_contract(
        str(customer.id),
        f"{deal.name}合同",
        amount,
        plan,
        opportunity_id=deal.id,
        party_a=customer.name,
        effective_on=errands.day(begins),
        ends_on=errands.day(begins + 364),
    )
    client.decide_contract(contract, ContractVerb.SUBMIT)


def _calls(errands: Round) -> None:
    """Tell of some calls of the last days."""
    for days, (customer, call) in enumerate(zip(errands.customers, _CALLS, strict=False), 1):
        outcome, duration_s, note = call
        errands.client.create(
            Call,
            customer_id=str(customer.id),
            direction="out",
            outcome=outcome,
            called_at=errands.moment(-days, 15, 10 + days),
            duration_s=duration_s,
            note=note,
        )


def _visits(errands: Round) -> None:
    """Tell of visits that were, and plan the next ones, today's first."""
    client = errands.client
    for days, customer in enumerate(errands.customers[:4], 1):
        place: Store = customer.stores[0]
        came = errands.moment(-days, 10, 20)
        summary, next_step = errands.rng.choice(_SAID)
        is_afar = errands.rng.randrange(8) == 0
        visit: Visit = client.create(
            Visit,
            customer_id=str(customer.id),
            purpose="介绍新活动",
            checked_in_at=came,
            checked_out_at=came + (25 + 5 * days) * 60_000,
            lat=place.lat + errands.rng.randrange(-400, 400) + (_AFAR if is_afar else 0),
            lng=place.lng + errands.rng.randrange(-400, 400),
            accuracy_m=errands.rng.randrange(8, 60),
            fix_age_s=errands.rng.randrange(1, 20),
            summary=summary,
            next_step=next_step,
        )
        assert visit.checked_in_at, "a visit that was"
    for days, customer in enumerate(errands.customers[4:7]):
        client.plan_visit(
            str(customer.id), planned_at=errands.moment(days, 14 + days, 30), purpose="谈方案和报价"
        )


def _tasks(errands: Round) -> None:
    """Note what is to be done, and one thing that is done."""
    for customer, (title, days, priority) in zip(errands.customers, _TASKS, strict=False):
        errands.client.add_task(
            str(customer.id), title, due_at=errands.moment(days, 23), priority=priority
        )
    done: Task = errands.client.add_task(str(errands.customers[0].id), "发资料到微信")
    errands.client.complete_task(done, "已发，对方说收到了")


def _cases(errands: Round) -> None:
    """Note what two signed customers complain of; one of them is being helped."""
    client, rng = errands.client, errands.rng
    signed = [each for each in errands.customers if each.status == "signed"][:2]
    for customer, told in zip(signed, rng.sample(_CASES, 2), strict=False):
        subject, category, severity, detail = told
        case = client.open_case(
            str(customer.id), subject, category=category, severity=severity, detail=detail
        )
        if rng.randrange(2):
            client.comment(case, "已经联系上，正在看。")
            client.decide_case(case, CaseVerb.START)


def _requests(errands: Round, deals: Sequence[Opportunity]) -> None:
    """Call up help for a deal."""
    if not deals:
        return
    deal = deals[-1]
    subject, resource, briefing = errands.rng.choice(_HELP)
    errands.client.ask_for_help(
        deal.customer_id,
        subject,
        deal=deal,
        resource=resource,
        briefing=briefing,
        wished_on=errands.day(10),
    )
