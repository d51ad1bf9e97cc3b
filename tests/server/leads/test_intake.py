"""Every way in gives a lead with source, campaign and cost key (S37), and tags by rule (S42)."""

import msgspec
import pytest

from server.customers import queries as customers
from server.kit.errors import IdReused, Invalid
from server.leads import queries, service
from server.leads.rules.campaigns import SourceUnfit
from server.leads.rules.states import IntakePath
from server.leads.rules.tagging import BadRule, Condition, Field, Op, Rule, RuleSet, made_ready, tag
from server.leads.schemas import NewRules, SourceEdit
from server.leads.service.terms import RulesChanged
from tests.factories import NOW, Tenant, new_id
from tests.server.leads.stories import (
    a_campaign,
    a_lead,
    a_source,
    a_tag,
    one,
    ready,
    receive,
    route,
)


@pytest.mark.parametrize("path", [IntakePath.API, IntakePath.FORM, IntakePath.IMPORT])
async def test_s37_each_way_in_keeps_source_campaign_and_cost_key(
    tenant: Tenant, path: IntakePath
) -> None:
    source = await a_source(tenant, cost_key=f"web-{path}")
    campaign = await a_campaign(tenant, source.id)

    [lead_id] = (await receive(tenant.manager, a_lead(campaign_id=campaign.id), path=path)).ids

    lead = await one(tenant.manager, lead_id)
    assert (lead.path, lead.cost_key) == (path, f"web-{path}")
    assert (lead.source_id, lead.campaign_id) == (source.id, campaign.id)


async def test_s37_the_same_lead_may_be_sent_twice_and_another_under_its_id_not(
    tenant: Tenant,
) -> None:
    lead = a_lead(id=new_id())

    first = await receive(tenant.manager, lead)
    again = await receive(tenant.manager, lead)
    with pytest.raises(IdReused):
        await receive(tenant.manager, msgspec.structs.replace(lead, name="别家"))

    assert (first.ids, first.is_new, again.is_new) == (again.ids, [True], [False])
    assert again.verdicts == first.verdicts


@pytest.mark.parametrize("name", ["别家", "杭州龙井茶行"])
async def test_s37_an_id_stands_for_one_lead_of_a_batch(tenant: Tenant, name: str) -> None:
    lead = a_lead(id=new_id())

    with pytest.raises(IdReused) as refused:
        await receive(tenant.manager, lead, msgspec.structs.replace(lead, name=name))

    assert refused.value.field == "leads[1].id"
    assert sum((await queries.board(tenant.manager)).states.values()) == 0


async def test_a_batch_is_taken_all_or_none(tenant: Tenant) -> None:
    with pytest.raises(Invalid) as refused:
        await receive(tenant.manager, a_lead(), a_lead(source_id=new_id()))

    assert refused.value.field == "leads[1].source_id"
    assert sum((await queries.board(tenant.manager)).states.values()) == 0


async def test_a_twin_in_the_same_batch_is_found(tenant: Tenant) -> None:
    saved = await receive(tenant.manager, a_lead(phone="13812340000"), a_lead(phone="13812340000"))

    assert saved.verdicts == ["clean", "duplicate"]


async def test_sources_stand_in_a_tree_without_rings(tenant: Tenant) -> None:
    top = await a_source(tenant, "伙伴推荐")
    below = await a_source(tenant, "银行", parent_id=top.id, partner="杭州银行")

    assert below.path == ["伙伴推荐", "银行"]
    ring = SourceEdit(parent_id=below.id)
    with pytest.raises(SourceUnfit):
        await service.change_source(tenant.manager, top.id, ring, now=NOW)


RULES = RuleSet(
    version=7,
    rules=[
        Rule(
            name="餐饮大单",
            when=[
                Condition(field=Field.INDUSTRY, words=["餐饮"]),
                Condition(field=Field.AMOUNT, op=Op.AT_LEAST, words=["10000"]),
            ],
            tags=[new_id()],
        ),
        Rule(
            name="合作伙伴",
            when=[Condition(field=Field.SOURCE, words=["伙伴推荐", "老客户"])],
            tags=[new_id()],
        ),
        Rule(
            name="招聘",
            when=[Condition(field=Field.NEED, op=Op.CONTAINS, words=["求职", "招聘"])],
            is_junk=True,
        ),
    ],
)
BIG, PARTNER = (str(RULES.rules[n].tags[0]) for n in (0, 1))


@pytest.mark.parametrize(
    ("facts", "tags", "junk"),
    [
        ({Field.INDUSTRY: ["餐饮"], Field.AMOUNT: ["10000.0"]}, {BIG}, None),
        ({Field.INDUSTRY: ["餐饮"], Field.AMOUNT: ["9999.99"]}, set(), None),
        ({Field.INDUSTRY: ["餐饮"]}, set(), None),
        ({Field.SOURCE: ["伙伴推荐", "银行"]}, {PARTNER}, None),
        (
            {
                Field.SOURCE: ["老客户"],
                Field.INDUSTRY: ["餐饮"],
                Field.AMOUNT: ["20000"],
                Field.NEED: ["想求职"],
            },
            {BIG, PARTNER},
            "招聘",
        ),
        ({}, set(), None),
    ],
)
def test_s42_rules_give_the_tags_of_the_fixture(
    facts: dict[Field, list[str]], tags: set[str], junk: str | None
) -> None:
    tagged = tag(made_ready(RULES), facts)

    assert (set(tagged.tags), tagged.junk_rule) == (tags, junk)


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([["词"] * 100] * 21, "rules"),
        ([["\ufdfa" * 6]], "rules[0]"),
        ([["好"], ["  "]], "rules[1]"),
        ([["好"], ["\u202e"]], "rules[1]"),
    ],
)
async def test_rules_that_would_hold_a_process_or_meet_every_lead_are_refused(
    tenant: Tenant, rules: list[list[str]], field: str
) -> None:
    made = [
        Rule(name=f"规则{n}", when=[Condition(field=Field.NEED, op=Op.CONTAINS, words=words)])
        for n, words in enumerate(rules)
    ]

    with pytest.raises(BadRule) as refusal:
        await service.change_rules(tenant.manager, NewRules(rules=made, base=0), now=NOW)

    assert refusal.value.field == field


async def test_s42_a_lead_is_tagged_at_birth_and_its_customer_has_the_tags(
    tenant: Tenant,
) -> None:
    hot = await a_tag(tenant, "热")
    rule = Rule(name="展会", when=[Condition(field=Field.SOURCE, words=["展会"])], tags=[hot])
    await service.change_rules(tenant.manager, NewRules(rules=[rule], base=0), now=NOW)
    top = await a_source(tenant, "展会")
    below = await a_source(tenant, "茶博会", parent_id=top.id)

    lead_id = await ready(tenant, source_id=below.id)
    await route(tenant, lead_id)

    lead = await one(tenant.manager, lead_id)
    assert (lead.tags, lead.rules_version) == ([hot], 1)
    assert lead.customer_id is not None
    assert (await customers.one(tenant.rep, lead.customer_id)).tags == [hot]


async def test_s42_rules_are_changed_by_who_has_seen_the_latest(tenant: Tenant) -> None:
    first = NewRules(rules=RULES.rules[2:], base=0)
    await service.change_rules(tenant.manager, first, now=NOW)
    await service.change_rules(tenant.manager, first, now=NOW)

    with pytest.raises(RulesChanged):
        await service.change_rules(tenant.owner, NewRules(rules=[], base=0), now=NOW)
    assert (await queries.terms(tenant.owner)).version == 1
    with pytest.raises(BadRule):
        await service.change_rules(tenant.owner, NewRules(rules=RULES.rules, base=1), now=NOW)
    bad = Rule(name="x", when=[Condition(field=Field.CITY, op=Op.AT_LEAST, words=["3"])])
    with pytest.raises(BadRule):
        await service.change_rules(tenant.owner, NewRules(rules=[bad], base=1), now=NOW)
