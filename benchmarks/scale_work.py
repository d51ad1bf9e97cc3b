"""With 1,000,000 customers of 200 companies: what the largest company's people wait for.

Each question is asked by four people of the company that has 400,000 of them, and by the same four
of a company of ordinary size, which is the floor here: what lies between is what size costs. The
plan of each is told, too, and that it reads no tenant's table from end to end.
"""

import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from benchmarks import cpu, plans, scale_load
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.plans import Plan
from benchmarks.scale_load import Company, Customer
from server.access import Actor, Part, Role, Scope, Sharing
from server.customers import queries as customers
from server.customers import service
from server.customers.rules import pinyin, search
from server.customers.schemas import Filters, Identity, Sort
from server.kit import clock
from server.kit.pages import encode_cursor
from server.pipeline import queries as pipeline
from server.pipeline.schemas import DealFilters

COMPANIES: Final = 200
_LARGEST: Final = 0.4
"""The part of all customers that one company has."""
_PROBES: Final = 40
_SMALL_PAGES: Final = 64
"""Half a megabyte: what is smaller is read whole sooner than by an index."""
_EXPLAINED: Final = 3
"""Of the probes; the one that touches the most is told."""

Ask = Callable[[Actor, Customer, random.Random], Awaitable[object]]


def _list(sort: Sort | None = None, limit: int = 50, **narrowed: Callable[[Customer], Any]) -> Ask:
    """List customers by what the given one has."""

    async def ask(actor: Actor, customer: Customer, _: random.Random) -> object:
        filters = Filters(**{name: value(customer) for name, value in narrowed.items()})
        return await customers.list_page(actor, filters, sort=sort, limit=limit)

    return ask


def _deep(sort: Sort, cursor: Callable[[Customer, random.Random], str]) -> Ask:
    """List the page that begins somewhere in the middle."""

    async def ask(actor: Actor, customer: Customer, rng: random.Random) -> object:
        return await customers.list_page(
            actor, Filters(), sort=sort, cursor=cursor(customer, rng), limit=50
        )

    return ask


def _find(typed: Callable[[Customer], str], **more: Any) -> Ask:
    """Search as people type, twenty at a time."""
    return _list(**more, limit=20, q=typed)


async def _doubles(actor: Actor, customer: Customer, _: random.Random) -> object:
    """Ask who looks like a customer that is being typed in."""
    return await service.find_duplicates(actor, Identity(name=customer.name, phone=customer.phone))


async def _show(actor: Actor, _: Customer, __: random.Random) -> object:
    """Look through what is within sight for the first, then show it."""
    page = await customers.list_page(actor, Filters(), limit=1)
    return await customers.detail(actor, page.items[0].id, with_shared=True)


def _count(**narrowed: Callable[[Customer], Any]) -> Ask:
    """Count customers by status, as above every list."""

    async def ask(actor: Actor, customer: Customer, _: random.Random) -> object:
        filters = Filters(**{name: value(customer) for name, value in narrowed.items()})
        return await customers.summary(actor, filters)

    return ask


def _initials(customer: Customer) -> str:
    """Type the initials of what people call a customer."""
    called = search.calling(customer.name, customer.city)
    return "".join(each[0] for each in pinyin.syllables(called))[:4]


async def _totals(actor: Actor, _: Customer, __: random.Random) -> object:
    """Ask for the pipeline in numbers."""
    return await pipeline.pipeline(actor, None)


async def _board(actor: Actor, _: Customer, __: random.Random) -> object:
    """Ask for the board: its numbers and the largest deals of each column."""
    return await pipeline.board(actor, None, now=clock.now())


async def _forecast(actor: Actor, _: Customer, __: random.Random) -> object:
    """Ask for the forecast by month."""
    return await pipeline.forecast(actor)


async def _largest(actor: Actor, _: Customer, __: random.Random) -> object:
    """Ask for the open deals, the largest first."""
    return await pipeline.list_page(actor, DealFilters(state="open"), now=clock.now())


async def _middling(actor: Actor, customer: Customer, rng: random.Random) -> object:
    """Ask for the open deals that come behind some amount."""
    cursor = encode_cursor(rng.randrange(10**4, 10**8), customer.id)
    filters = DealFilters(state="open")
    return await pipeline.list_page(actor, filters, now=clock.now(), cursor=cursor)


async def _deals(actor: Actor, _: Customer, rng: random.Random) -> object:
    """Ask for the deals behind a figure of the forecast."""
    filters = DealFilters(state="open", month=f"2026-{rng.randrange(1, 13):02}", category="best")
    return await pipeline.list_page(actor, filters, now=clock.now())


QUESTIONS: Final[dict[str, Ask]] = {
    "list, newest first": _list(),
    "list, newest first, deep": _deep(
        Sort.UPDATED, lambda c, rng: encode_cursor(rng.randrange(1, 600_000), c.id)
    ),
    "list, status, newest first": _list(status=lambda _: ("intent",)),
    "list, level A, newest first": _list(level=lambda _: "A"),
    "list, status + level, newest first": _list(status=lambda _: ("signed",), level=lambda _: "A"),
    "list, of an owner, newest first": _list(owner_id=lambda c: c.owner_id),
    "list, of a team, newest first": _list(team_id=lambda c: c.team_id),
    "list, industry, newest first": _list(industry=lambda _: "教育"),
    "list, by name": _list(Sort.NAME),
    "list, by name, deep": _deep(
        Sort.NAME, lambda c, _: encode_cursor(pinyin.sort_key(c.name), c.id)
    ),
    "list, level A, by name": _list(Sort.NAME, level=lambda _: "A"),
    "list, city + status, by revenue": _list(
        Sort.REVENUE, city=lambda c: c.city, status=lambda _: ("need",)
    ),
    "list, by revenue": _list(Sort.REVENUE),
    "list, by revenue, deep": _deep(
        Sort.REVENUE, lambda c, rng: encode_cursor(rng.randrange(10**8), c.id)
    ),
    "list, nobody has it": _list(district=lambda _: "没有区"),
    "search, three characters of a name": _find(lambda c: c.name[2:5]),
    "search, a trade that many have": _find(lambda _: "物流"),
    "search, a city": _find(lambda c: c.city),
    "search, one character": _find(lambda c: c.name[2]),
    "search, pinyin initials": _find(_initials),
    "search, whole pinyin": _find(lambda c: "".join(pinyin.syllables(c.name[2:5]))),
    "search, last 7 digits": _find(lambda c: c.phone[-7:]),
    "search, first 7 digits": _find(lambda c: c.phone[3:10]),
    "search, three digits": _find(lambda c: c.phone[3:6]),
    "search, a trade, of a status": _find(lambda _: "物流", status=lambda _: ("lost",)),
    "search, a trade, newest first": _find(lambda _: "物流", sort=Sort.UPDATED),
    "duplicates on entry": _doubles,
    "one customer with all of it": _show,
    "counts above the list": _count(),
    "counts, of a city": _count(city=lambda c: c.city),
    "counts, of a level": _count(level=lambda _: "A"),
    "counts, of a search": _count(q=lambda _: "物流"),
    "pipeline totals": _totals,
    "pipeline board": _board,
    "forecast by month": _forecast,
    "deals, the largest first": _largest,
    "deals, the largest first, deep": _middling,
    "deals of a month": _deals,
}


def viewers(company: Company, rng: random.Random) -> dict[str, Actor]:
    """Give those who ask: of the whole company, of a team, of what is shared with it, of one's own.

    Half of what another team has is shared: one line by level, one by city.
    """
    rep_id, team_id = rng.choice(company.reps)
    others = [team for team in company.teams if team != team_id] or company.teams
    lines = (
        _line(rng, others[0], team_id, levels=("A", "B"), parts=(Part.PHONE, Part.REVENUE)),
        _line(rng, others[-1], team_id, cities=("苏州市", "无锡市"), parts=(Part.REVENUE,)),
    )
    someone: dict[str, Any] = {
        "user_id": rep_id,
        "tenant_id": company.tenant_id,
        "team_id": team_id,
    }
    return {
        "manager": Actor(**someone, role=Role.AGENT_OWNER, scope=Scope.TENANT),
        "team": Actor(**someone, role=Role.SALES_MANAGER, scope=Scope.TEAM),
        "shared": Actor(**someone, role=Role.SALES_REP, scope=Scope.MINE, shared=lines),
        "rep": Actor(**someone, role=Role.SALES_REP, scope=Scope.MINE),
    }


def _line(rng: random.Random, giver: UUID, taker: UUID, **terms: Any) -> Sharing:
    """Write a line of policy between two teams."""
    return Sharing(id=UUID(int=rng.getrandbits(128)), from_team_id=giver, to_team_id=taker, **terms)


class Answered(msgspec.Struct, frozen=True):
    """How a question was answered to one person."""

    taken: Spread
    cpu_ms: float
    """Of this process and of PostgreSQL together, each time; others load the machine as well."""
    plan: Plan


async def asked(
    company: Company, actor: Actor, ask: Ask, rng: random.Random, probes: int = _PROBES
) -> Answered:
    """Ask about many customers, one after the other."""
    chosen = rng.choices(company.sample, k=probes)
    planned = [
        await plans.of(company.tenant_id, partial(ask, actor, about, rng))
        for about in chosen[:_EXPLAINED]
    ]
    taken = []
    begun = await cpu.used_s(company.tenant_id)
    for about in chosen:
        start = time.perf_counter()
        await ask(actor, about, rng)
        taken.append((time.perf_counter() - start) * 1000)
    used_s = await cpu.used_s(company.tenant_id) - begun
    costliest = max(planned, key=lambda plan: plan.pages)
    return Answered(Spread.of(taken), used_s / probes * 1000, costliest)


async def measure(machine: Machine, rng: random.Random, size: int) -> list[Figure]:
    """Lay `size` customers down, ask everything of the largest company and of a usual one."""
    largest = int(size * _LARGEST)
    usual = (size - largest) // (COMPANIES - 1)
    begun = time.perf_counter()
    companies = await scale_load.load(
        machine.product_url, rng, [largest, *[usual] * (COMPANIES - 1)]
    )
    laid_down_s = time.perf_counter() - begun
    figures = await _compared(companies[0], companies[COMPANIES // 2], rng)
    scanned = sum(len(answered.plan.scanned_of(_SMALL_PAGES)) for _, answered in figures)
    return [
        Figure(goal="1M", what="laid down", unit="s", ours=Spread.of([laid_down_s])),
        *(figure for figure, _ in figures),
        Figure(
            goal="1M", what="tables read end to end", unit="", ours=Spread.of([scanned]), limit=0
        ),
    ]


async def _compared(
    large: Company, usual: Company, rng: random.Random
) -> list[tuple[Figure, Answered]]:
    """Ask everything of both."""
    made = []
    of_large, of_usual = viewers(large, rng), viewers(usual, rng)
    for what, ask in QUESTIONS.items():
        for who, actor in of_large.items():
            answered = await asked(large, actor, ask, rng)
            floor = await asked(usual, of_usual[who], ask, rng)
            figure = Figure(
                goal="1M",
                what=f"{what}: {who}",
                unit="ms",
                ours=answered.taken,
                floor=floor.taken,
                notes=_told(answered, floor),
            )
            made.append((figure, answered))
    return made


def _told(answered: Answered, floor: Answered) -> list[str]:
    """Write how a question was answered."""
    plan, taken = answered.plan, answered.taken
    times = f"p50 {taken.median:.1f} ms, p95 {taken.p95 or taken.high:.1f} ms"
    used = f"CPU {answered.cpu_ms:.1f} ms ({floor.cpu_ms:.1f} in a usual company)"
    pages = f"{plan.pages} pages ({floor.plan.pages}), {plan.sorted_rows} rows sorted"
    return [f"{times}; {used}; {pages}", *dict.fromkeys(plan.nodes)]
