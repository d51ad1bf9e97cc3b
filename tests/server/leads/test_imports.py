"""A file becomes leads (S38): judged, told, once, and what is exported comes back unchanged."""

import csv
import io
from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from partner_portal.words import Language as Spoken
from partner_portal.words import catalogue
from server.access import Actor, Scope
from server.customers import service as customers
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.customers.schemas import NewCustomer
from server.imports import queries as imports_queries
from server.imports import service as imports
from server.imports.queries import BadPlan
from server.imports.reasons import Language
from server.imports.rules.rows import Policy
from server.imports.schemas import ImportView, StartImport
from server.kit import db
from server.kit.errors import Forbidden
from server.leads import queries
from server.leads.exports import service as exports
from server.leads.rules.states import LeadState
from server.leads.rules.verdicts import Verdict
from server.leads.schemas import LeadFilters, LeadView
from server.tenants import service as tenants
from tests.factories import NOW, Tenant, new_id
from tests.server.leads.stories import a_campaign, a_lead, a_phone, a_rep, a_source, receive, route


def sheet(*rows: str, header: str = "公司,联系人,手机,城市,意向金额,来源") -> bytes:
    """Write a small CSV."""
    return "\r\n".join([header, *rows]).encode("gb18030")


async def hand_in(actor: Actor, content: bytes, **extra: Any) -> ImportView:
    """Upload a file of leads."""
    return await imports.upload(actor, "线索.csv", content, target="leads", now=NOW, **extra)


async def bring_in(actor: Actor, content: bytes, **wanted: Any) -> ImportView:
    """Upload a file, see what it would do, do it, and see that it did that."""
    view = await hand_in(actor, content)
    plan = StartImport(**wanted)
    foreseen = await imports_queries.preview(actor, view.id, plan)
    await imports.start(actor, view.id, plan, now=NOW)
    assert await imports.run(actor, view.id, now=NOW)
    done = await imports_queries.one(actor, view.id)
    assert foreseen.counts == done.counts
    return done


async def told(actor: Actor, view: ImportView) -> list[tuple[int, str, str]]:
    """Give what was found wrong."""
    page = await imports_queries.problems(actor, view.id)
    return [(each.row, each.field, each.code) for each in page.items]


async def everything(tenant: Tenant) -> list[LeadView]:
    """Give all leads of a company."""
    return (await queries.list_page(tenant.owner, LeadFilters(), limit=200)).items


async def export(actor: Actor) -> bytes:
    """Export all leads."""
    return b"".join([block async for block in await exports.as_csv(actor, LeadFilters(), now=NOW)])


async def test_s38_rows_become_leads_with_source_amount_and_verdict(tenant: Tenant) -> None:
    source = await a_source(tenant, name="展会", cost_key="expo")

    done = await bring_in(
        tenant.manager,
        sheet(
            "平江路茶馆,王老板,138 6214 7701,苏州,1.2万,展会",
            "打不通的店,,12,苏州,,展会",
            "测试公司,,13862147702,苏州,,",
        ),
    )

    leads = {lead.name: lead for lead in await everything(tenant)}
    tea = leads["平江路茶馆"]
    assert (done.counts.created, done.counts.refused) == (3, 0)
    assert (tea.contact_name, tea.amount_minor, tea.city) == ("王老板", 1_200_000, "苏州市")
    assert (tea.source_id, tea.cost_key, tea.path) == (source.id, "expo", "import")
    assert {name: lead.verdict for name, lead in leads.items()} == {
        "平江路茶馆": "clean",
        "打不通的店": "invalid_phone",
        "测试公司": "junk",
    }
    assert tea.received_by == tenant.manager.user_id


async def test_s38_what_is_there_already_is_told_and_not_taken_twice(tenant: Tenant) -> None:
    await receive(tenant.manager, a_lead("已有线索", phone="13862147701"))
    await customers.create(tenant.owner, NewCustomer(name="已有客户", phone="13862147702"), now=NOW)
    content = sheet(
        "甲店,,13862147701,苏州,,",
        "乙店,,13862147702,苏州,,",
        "丙店,,13862147703,苏州,,",
        "丁店,,+86 13862147703,苏州,,",
    )

    first = await bring_in(tenant.owner, content)
    again = await bring_in(tenant.owner, content)

    assert (first.counts.created, first.counts.skipped) == (1, 3)
    assert await told(tenant.owner, first) == [
        (2, "", "duplicate_in_tenant"),
        (3, "", "duplicate_in_tenant"),
        (5, "", "duplicate_in_file"),
    ]
    assert (again.counts.created, again.counts.skipped) == (0, 4)
    rows = (await imports_queries.error_file(tenant.owner, first.id, Language.ZH)).decode()
    assert "该客户已经存在：已有线索。" in rows
    assert "该客户已经存在：已有客户。" in rows
    assert "与第 4 行是同一客户。" in rows
    assert Counter(lead.name for lead in await everything(tenant)) == {"已有线索": 1, "丙店": 1}


async def test_s38_doubles_may_be_kept_for_the_queue(tenant: Tenant) -> None:
    content = sheet("丙店,,13862147703,苏州,,", "丁店,,13862147703,苏州,,")

    done = await bring_in(tenant.owner, content, duplicates=Policy.CREATE)

    verdicts = {lead.name: lead.verdict for lead in await everything(tenant)}
    assert done.counts.created == 2
    assert verdicts == {"丙店": "clean", "丁店": "duplicate"}


async def test_s38_what_a_row_does_not_say_is_said_for_all_rows(tenant: Tenant) -> None:
    source = await a_source(tenant, name="地推", cost_key="street")
    campaign = await a_campaign(tenant, source.id, name="春季地推")
    view = await hand_in(tenant.manager, sheet("丙店,,13862147703,苏州,,"))

    offered = await imports_queries.choices(tenant.manager, view)
    await bring_in(
        tenant.manager, sheet("丙店,,13862147703,苏州,,"), everywhere={"campaign": "春季地推"}
    )

    [lead] = await everything(tenant)
    assert offered == {"source": ["地推"], "campaign": ["春季地推"]}
    assert (lead.campaign_id, lead.source_id) == (campaign.id, source.id)


async def test_s38_a_row_that_cannot_be_read_is_told_with_its_column(tenant: Tenant) -> None:
    content = sheet(
        ",王老板,13862147701,苏州,,",
        "合计,,,,15000,",
        "甲店,,1.38E+10,苏州,,",
        "乙店,,13862147702,苏州,很多,没有这个来源",
        f"{'长' * 201},,13862147704,苏州,,",
    )

    done = await bring_in(tenant.owner, content)

    assert done.counts.refused == 5
    assert await everything(tenant) == []
    assert await told(tenant.owner, done) == [
        (2, "name", "field_required"),
        (3, "name", "sum_row"),
        (4, "phone", "digits_lost"),
        (5, "amount_yuan", "bad_amount"),
        (5, "source", "unknown_source"),
        (6, "name", "bad_value"),
    ]


async def test_s38_an_own_export_that_comes_back_changes_nothing(tenant: Tenant) -> None:
    source = await a_source(tenant, name="展会", cost_key="expo")
    await a_campaign(tenant, source.id, name="春季展会")
    await bring_in(
        tenant.owner,
        sheet("=平江路茶馆,王老板,138 6214 7701,苏州,1.2万,展会", "打不通的店,,12,苏州,,"),
    )
    before = await everything(tenant)

    exported = await export(tenant.owner)
    done = await bring_in(tenant.owner, exported)
    made_anew = await bring_in(tenant.owner, exported, duplicates=Policy.CREATE)

    assert (done.counts.skipped, done.counts.rows) == (2, 2)
    assert made_anew.counts == done.counts
    assert await everything(tenant) == before
    assert await told(tenant.owner, done) == []
    assert "'=平江路茶馆".encode() in exported
    assert b"138 6214 7701" in exported


async def test_s38_an_export_rebuilds_the_leads_of_an_empty_company(
    tenant: Tenant, rival: Tenant
) -> None:
    await bring_in(tenant.owner, sheet("平江路茶馆,王老板,13862147701,苏州,1.2万,", "乙店,,12,,,"))

    done = await bring_in(rival.owner, await export(tenant.owner))

    def told_of(leads: list[LeadView]) -> set[tuple[Any, ...]]:
        return {(lead.id, lead.name, lead.phone, lead.amount_minor, lead.verdict) for lead in leads}

    assert done.counts.created == 2
    assert told_of(await everything(rival)) == told_of(await everything(tenant))


def test_every_state_and_verdict_of_a_lead_is_exported_as_the_page_says_it() -> None:
    said = catalogue(Spoken.CHINESE)
    states = {each: said.say(f"leads.state.{each}") for each in LeadState}
    verdicts = {each: said.say(f"leads.verdict.{each}") for each in Verdict if each != "clean"}

    assert states == exports.STATES_ZH
    assert {Verdict.CLEAN: "", **verdicts} == exports.VERDICTS_ZH


async def test_an_export_of_leads_speaks_chinese_and_tells_shanghais_time(tenant: Tenant) -> None:
    await bring_in(tenant.owner, sheet("平江路茶馆,王老板,13862147701,苏州,1.2万,", "乙店,,12,,,"))

    rows = csv.DictReader(io.StringIO((await export(tenant.owner)).decode("utf-8-sig")))

    received = f"{NOW + timedelta(hours=8):%Y-%m-%d %H:%M}"
    assert {(row["名称"], row["状态"], row["判断"], row["收到时间"]) for row in rows} == {
        ("平江路茶馆", "待分配", "", received),
        ("乙店", "待清洗", "电话无效", received),
    }


async def test_s45_the_phone_of_who_opted_out_is_not_exported(tenant: Tenant) -> None:
    # Another phone than the other stories have: it holds for every company.
    phone = a_phone()
    await bring_in(tenant.owner, sheet(f"平江路茶馆,,{phone},苏州,,"))
    assert phone.encode() in await export(tenant.owner)

    await opt_outs.opt_out(tenant.owner, f"+86{phone}", OptOutReason.ASKED, now=NOW)

    assert phone.encode() not in await export(tenant.owner)


async def test_s38_a_lead_of_another_team_is_not_told(tenant: Tenant) -> None:
    team_id = new_id()
    await tenants.add_team(tenant.tenant_id, team_id, name="乙队", now=NOW)
    theirs = await a_rep(tenant, team_id)
    manager = msgspec.structs.replace(tenant.manager, scope=Scope.TEAM)
    [hidden_id] = (await receive(tenant.owner, a_lead("别队线索", phone="13862147701"))).ids
    await route(tenant, hidden_id, theirs)
    by_id = sheet(f"{hidden_id},随便", header="线索编号(勿改),公司")
    by_phone = sheet("随便,,13862147701,苏州,,")

    named = await bring_in(manager, by_id)
    alike = await bring_in(manager, by_phone)

    assert await told(manager, named) == [(2, "id", "not_found")]
    page = await imports_queries.problems(manager, alike.id)
    assert [each.detail for each in page.items] == ["This customer is there already."]


async def test_s38_files_of_leads_are_for_those_who_manage_them(tenant: Tenant) -> None:
    view = await hand_in(tenant.owner, sheet("甲店,,13862147701,苏州,,"))

    with pytest.raises(Forbidden):
        await hand_in(tenant.rep, sheet("甲店,,13862147701,苏州,,"))
    with pytest.raises(Forbidden):
        await export(tenant.rep)
    for wrong in (
        StartImport(duplicates=Policy.UPDATE),
        StartImport(columns=["name", "owner", None, None, None, None]),
        StartImport(everywhere={"owner": "赵磊"}),
    ):
        with pytest.raises(BadPlan):
            await imports.start(tenant.owner, view.id, wrong, now=NOW)


async def test_s38_an_import_of_leads_goes_on_behind_the_chunks_that_are_done(
    tenant: Tenant,
) -> None:
    rows = [f"店{number},,138{number:08d},苏州,," for number in range(2500)]
    view = await hand_in(tenant.owner, sheet(*rows, "重复,,13800000007,苏州,,"))
    await imports.start(tenant.owner, view.id, StartImport(), now=NOW)

    runs = 1
    while not await imports.run(tenant.owner, view.id, now=NOW, budget_s=0):
        runs += 1

    done = await imports_queries.one(tenant.owner, view.id)
    assert runs == 4
    assert (done.counts.created, done.counts.skipped) == (2500, 1)
    assert await told(tenant.owner, done) == [(2502, "", "duplicate_in_file")]
    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        kept = await db.connection().fetchval(
            "SELECT count(*) FROM raw_lead WHERE tenant_id = $1", tenant.tenant_id
        )
    assert kept == 2500


@pytest.mark.parametrize("again", ["甲店,13862147701", "乙店,13862147702"])
async def test_s38_one_id_is_one_lead_even_where_doubles_are_wanted(
    tenant: Tenant, again: str
) -> None:
    lead_id = new_id()
    content = sheet(
        f"{lead_id},甲店,13862147701", f"{lead_id},{again}", header="线索编号(勿改),公司,手机"
    )

    done = await bring_in(tenant.owner, content, duplicates=Policy.CREATE)

    assert (done.counts.created, done.counts.skipped) == (1, 1)
    assert await told(tenant.owner, done) == [(3, "", "duplicate_in_file")]
    assert [lead.name for lead in await everything(tenant)] == ["甲店"]
