"""What is exported comes back without a change, and harms no spreadsheet program."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta

import openpyxl
import pytest

from server.customers import queries, service
from server.customers.exports import service as exports
from server.customers.exports.sheets import Words
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.customers.schemas import Filters, NewContact
from server.imports.schemas import Policy
from server.kit.errors import Forbidden
from tests.factories import NOW, Tenant
from tests.server.customers.spreadsheets import bring_in, everything, hand_in, sheet, trail
from tests.server.customers.stories import change, make, make_tag, names


async def joined(blocks: AsyncIterator[bytes]) -> bytes:
    """Put a stream together."""
    return b"".join([block async for block in blocks])


@pytest.fixture
async def stocked(tenant: Tenant) -> Tenant:
    """A company with every kind of value in its customers."""
    tag = await make_tag(tenant.owner, "重点")
    await make(tenant.rep, "=HYPERLINK(1)茶行", phone="13805710001", tags=[tag], city="杭州")
    await make(tenant.owner, "'带引号", remark="一行\n=2+2\n'三", phone="0571-88880000")
    await make(
        tenant.manager,
        "龙井茶行",
        uscc="91110000600037341L",
        phone="+1 650 253 0000",
        status="signed",
        level="A",
        source="展会",
        expected_revenue_minor=123_456,
        address="@西湖区",
        industry="-茶叶",
    )
    lost = await make(tenant.owner, "黄酒坊", status="lost", expected_revenue_minor=0)
    await service.add_contact(tenant.owner, lost.id, NewContact(name="王"), now=NOW)
    return tenant


@pytest.mark.parametrize("words", Words)
@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_s101_an_export_that_comes_back_changes_nothing(
    stocked: Tenant, words: Words, policy: Policy, kind: str
) -> None:
    write_out = exports.as_csv if kind == "csv" else exports.as_xlsx
    content = await joined(await write_out(stocked.owner, Filters(), words, now=NOW))
    before = await everything(stocked)

    view = await bring_in(stocked, content, policy)

    assert (view.counts.created, view.counts.updated, view.counts.refused) == (0, 0, 0)
    assert view.counts.rows == 4
    assert await everything(stocked) == before


async def test_an_edited_export_edits(stocked: Tenant) -> None:
    content = await joined(
        await exports.as_csv(stocked.owner, Filters(q="黄酒"), Words.ZH, now=NOW)
    )

    view = await bring_in(
        stocked, content.decode("utf-8-sig").replace("黄酒坊", "黄酒新坊").encode(), Policy.UPDATE
    )

    assert (view.counts.updated, view.counts.unchanged) == (1, 0)
    assert await names(stocked.owner, q="黄酒") == ["黄酒新坊"]


async def test_an_export_rebuilds_an_empty_company(stocked: Tenant, rival: Tenant) -> None:
    await make_tag(rival.owner, "重点")
    content = await joined(await exports.as_csv(stocked.owner, Filters(), Words.KEYS, now=NOW))
    view = await hand_in(rival, content)
    columns = [None if column in {"owner", "owner_id"} else column for column in view.plan.columns]

    done = await bring_in(rival, content, columns=columns)

    assert done.counts.created == 4
    theirs = await everything(rival)
    for customer_id, customer in (await everything(stocked)).items():
        again = theirs[customer_id]
        assert (again.name, again.remark, again.phone) == (
            customer.name,
            customer.remark,
            customer.phone,
        )


async def test_an_export_is_within_sight_filtered_and_told(stocked: Tenant) -> None:
    with pytest.raises(Forbidden):
        await exports.as_csv(stocked.rep, Filters(), Words.KEYS, now=NOW)

    content = await joined(
        await exports.as_csv(stocked.manager, Filters(status=("signed",)), Words.KEYS, now=NOW)
    )

    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["龙井茶行"]
    assert "customers.exported" in [each["action"] for each in await trail(stocked)]


async def test_people_are_told_shanghais_time_and_programs_the_zone(stocked: Tenant) -> None:
    told = set()
    for words, column in ((Words.ZH, "建立时间"), (Words.KEYS, "created_at")):
        content = await joined(await exports.as_csv(stocked.owner, Filters(), words, now=NOW))
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
        told |= {(words, row[column]) for row in rows}

    assert told == {
        (Words.ZH, f"{NOW + timedelta(hours=8):%Y-%m-%d %H:%M}"),
        (Words.KEYS, f"{NOW:%Y-%m-%d %H:%M:%S}+00:00"),
    }


async def test_no_cell_of_an_export_is_a_formula(stocked: Tenant) -> None:
    content = await joined(await exports.as_csv(stocked.owner, Filters(), Words.ZH, now=NOW))
    book = openpyxl.load_workbook(
        io.BytesIO(await joined(await exports.as_xlsx(stocked.owner, Filters(), Words.ZH, now=NOW)))
    )

    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        for cell in row:
            for line in cell.splitlines():
                assert not line.lstrip().startswith(("=", "+", "-", "@"))
    types = {cell.data_type for row in book.active.iter_rows() for cell in row if cell.value}
    assert types == {"s"}


async def test_a_large_export_comes_in_pages(tenant: Tenant) -> None:
    await bring_in(tenant, sheet(*[f"客户{at}号,,," for at in range(1500)]))
    customer = (await queries.list_page(tenant.owner, Filters(q="客户7号"))).items[0]
    await change(tenant.owner, customer.id, name="改名")

    blocks = [
        block async for block in await exports.as_csv(tenant.owner, Filters(), Words.KEYS, now=NOW)
    ]

    assert len(blocks) >= 8
    assert len(b"".join(blocks).splitlines()) == 1501


def rows_of(content: bytes, kind: str) -> list[dict[str, str]]:
    """Read an export as people do."""
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    head, *rows = openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)
    return [dict(zip(head, [cell or "" for cell in row], strict=True)) for row in rows]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_s45_a_phone_that_is_not_to_be_called_is_in_no_export_and_is_not_lost_by_it(
    stocked: Tenant, rival: Tenant, kind: str
) -> None:
    await opt_outs.opt_out(rival.rep, "+8613805710001", OptOutReason.ASKED, now=NOW)
    write_out = exports.as_csv if kind == "csv" else exports.as_xlsx

    content = await joined(await write_out(stocked.owner, Filters(), Words.ZH, now=NOW))

    # An apostrophe keeps a spreadsheet from reckoning with what begins by a plus.
    phones = {row["电话"].removeprefix("'") for row in rows_of(content, kind)}
    assert phones == {"", "057188880000", "+16502530000"}
    before = await everything(stocked)
    await bring_in(stocked, content, Policy.UPDATE)
    assert await everything(stocked) == before
    await opt_outs.withdraw(rival.manager, "+8613805710001", "误登", now=NOW)
