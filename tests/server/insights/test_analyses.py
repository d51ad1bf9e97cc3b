"""Figures over customers and deals, in which nobody is named (S109)."""

import re
from typing import Any, Final
from uuid import UUID

import pytest

from server.access import Actor, Role, Scope, doors
from server.access.rules import NotPermitted
from server.customers import queries as customers
from server.customers.schemas import Filters
from server.insights import queries
from server.insights.rules import COUNTED, NONE, OTHER, NotCounted, Subject, is_told
from server.insights.schemas import Analysis, NewAnalysis
from sync_protocol.process.gates import Verb
from tests.factories import Tenant, make_tenant
from tests.server.customers.stories import make, make_tag
from tests.server.pipeline.stories import FIRST, begin, do, move

_ID: Final = UUID(int=7)
PRIVATE: Final = "王小明 13800001111"
IMPERSONAL: Final = {
    *("c.tenant_id", "c.id", "c.status", "c.level", "c.team_id", "c.source", "c.city"),
    *("c.industry", "c.tags", "c.created_at", "c.expected_revenue_minor"),
    *("o.tenant_id", "o.id", "o.customer_id", "o.process_id", "o.stage", "o.state"),
    *("o.lost_reason", "o.expected_on", "o.closed_at", "o.amount_minor"),
    *("m.tenant_id", "m.opportunity_id", "m.from_stage", "m.state", "m.moved_at", "m.stayed_ms"),
    "m.verb",
}
"""The columns that figures may be made of; words among them are told only where many use them."""


@pytest.mark.parametrize(
    ("word", "carried_by", "stands_as"),
    [
        ("展会", 5, "told"),
        ("展会", 4, "other"),
        ("2026", 9, "told"),
        ("13800", 9, "other"),
        ("1３8٠0", 9, "other"),
        ("a@b.cn", 9, "other"),
    ],
)
def test_s109_a_word_is_told_where_many_use_it_and_it_is_no_number(
    word: str, carried_by: int, stands_as: str
) -> None:
    assert is_told(word, carried_by) is (stands_as == "told")


def test_s109_figures_are_made_of_nothing_that_names_a_person() -> None:
    read = " ".join(
        text
        for counted in COUNTED.values()
        for text in (
            counted.source,
            *(f"{each.sql} {each.joins} {each.holds}" for each in counted.dimensions.values()),
            *(f"{each.sql} {each.per}" for each in counted.measures.values()),
        )
    )

    assert set(re.findall(r"\b[com]\.\w+", read)) <= IMPERSONAL
    assert not re.search(r"\*(?!\))", read), "no SELECT * hides a column"


def test_s109_a_route_that_says_nothing_is_closed_to_an_analyst() -> None:
    analyst = Actor(user_id=_ID, tenant_id=_ID, role=Role.ANALYST, scope=Scope.TENANT)

    doors.ensure_open(analyst, doors.OPEN_TO_ANALYSTS)
    with pytest.raises(NotPermitted):
        doors.ensure_open(analyst, {"is_read": True})


@pytest.fixture(scope="module")
async def company(database: object) -> Tenant:
    """Six customers of a fair and one whose source names somebody; three deals, one won."""
    del database
    tenant = await make_tenant()
    tag, rare = await make_tag(tenant.owner), await make_tag(tenant.owner, PRIVATE)
    both = [tag, rare]
    made = [
        (await make(tenant.rep, f"展会客户{at}", source="展会", level="A", tags=[tag])).id
        for at in range(5)
    ]
    await make(tenant.rep, "线下客户", source=PRIVATE, city=PRIVATE, tags=both, level="B")
    await make(tenant.owner, "别队客户", team_id=None, owner_id=tenant.owner.user_id)
    for at, customer_id in enumerate(made[:3]):
        deal = await begin(tenant.rep, customer_id, name=PRIVATE, amount_minor=100_00 * (at + 1))
        if at == 0:
            await do(tenant.rep, deal, *FIRST)
            await move(tenant.rep, deal, Verb.ADVANCE)
    return tenant


def analyst_of(tenant: Tenant, scope: Scope = Scope.TENANT) -> Actor:
    """Give an analyst of a company."""
    return tenant.actor(Role.ANALYST, scope=scope)


async def ask(actor: Actor, subject: Subject, *by: str, **more: Any) -> Analysis:
    """Ask for figures."""
    given = {"measures": [next(iter(COUNTED[subject].measures))], **more}
    return await queries.analysis(actor, NewAnalysis(subject=subject, by=list(by), **given))


def told(found: Analysis) -> dict[tuple[str, ...], list[int]]:
    """Give the figures by the values of the dimensions."""
    return {tuple(key.value for key in cell.keys): cell.figures for cell in found.cells}


async def test_s109_what_few_customers_carry_is_counted_and_not_told(company: Tenant) -> None:
    analyst = analyst_of(company)

    for by in ("source", "city", "tag"):
        found = await ask(analyst, Subject.CUSTOMERS, by)
        assert PRIVATE not in str(found)
    by_source = told(await ask(analyst, Subject.CUSTOMERS, "source"))

    assert by_source == {("展会",): [5], (OTHER,): [1], (NONE,): [1]}
    assert [key.label for key in await queries.values(analyst, "tag")] == ["重点"]


async def test_s109_nobody_finds_out_by_narrowing_that_a_word_is_there(company: Tenant) -> None:
    refusals = []
    for word in (PRIVATE, "nobody ever wrote this", OTHER):
        with pytest.raises(NotCounted) as refused:
            await ask(analyst_of(company), Subject.CUSTOMERS, "level", filters={"source": [word]})
        refusals.append((refused.value.field, refused.value.detail))

    assert len(set(refusals)) == 1


async def test_s109_deals_are_summed_by_the_platforms_stages(company: Tenant) -> None:
    found = await ask(
        analyst_of(company), Subject.DEALS, "stage", measures=["deals", "amount_minor"]
    )

    assert found.totals == [3, 600_00]
    assert [sum(column) for column in zip(*told(found).values(), strict=True)] == [3, 600_00]
    assert {keys[0] for keys in told(found)} <= {"lead", "pre_opportunity", "opportunity"}
    narrowed = await ask(analyst_of(company), Subject.DEALS, "state", filters={"stage": ["lead"]})
    assert narrowed.totals == told(found)["lead",][:1]
    left = await ask(analyst_of(company), Subject.MOVES, "stage", "state")
    assert told(left) == {("lead", "open"): [1]}


async def test_s109_a_customer_with_two_tags_stands_in_two_cells_and_once_in_the_total(
    company: Tenant,
) -> None:
    found = await ask(analyst_of(company), Subject.CUSTOMERS, "tag", "level")

    assert sum(figures[0] for figures in told(found).values()) == 8
    assert found.totals == [7]
    by_tag = told(await ask(analyst_of(company), Subject.CUSTOMERS, "tag"))
    for tags in ([key.value for key in await queries.values(analyst_of(company), "tag")], [NONE]):
        narrowed = await ask(analyst_of(company), Subject.CUSTOMERS, "level", filters={"tag": tags})
        assert narrowed.totals == by_tag[tags[0],], tags


async def test_s109_figures_are_those_within_sight(company: Tenant) -> None:
    assert (await ask(analyst_of(company), Subject.CUSTOMERS, "team")).totals == [7]
    with pytest.raises(NotPermitted):
        await ask(company.rep, Subject.CUSTOMERS, "team")
    mine = await ask(analyst_of(company, Scope.MINE), Subject.CUSTOMERS, "team")
    assert (mine.totals, mine.cells) == ([0], [])


@pytest.mark.parametrize(
    "asked",
    [
        {"by": ["name"]},
        {"by": ["owner_id"]},
        {"measures": ["phone"]},
        {"filters": {"name": ["x"]}},
        {"by": ["status"], "filters": {"c.phone": ["1"]}},
    ],
)
async def test_s109_what_is_not_on_the_list_does_not_exist(
    asked: dict[str, Any], company: Tenant
) -> None:
    by = asked.get("by", ["status"])
    rest = {name: value for name, value in asked.items() if name != "by"}
    with pytest.raises(NotCounted):
        await ask(analyst_of(company), Subject.CUSTOMERS, *by, **rest)


async def test_s109_an_analyst_asks_no_service_for_records(company: Tenant) -> None:
    with pytest.raises(NotPermitted):
        await customers.list_page(analyst_of(company), Filters())
