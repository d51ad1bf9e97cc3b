"""The server is put back to an old backup: each op that a device still holds comes back, once.

The backup is a copy of the database's folder. The first time an operator says so, by
`tonglu restored`; the second time nobody does, and the server notices when it starts.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
import pytest

from mobile_client_sdk.client import Client, open_client
from server.kit import db
from server.settings import Settings
from tests.postgres import opened
from tests.reliability.site import Site

T = TypeVar("T")


class Held(msgspec.Struct, frozen=True):
    """What the server holds of a customer, and how often its history tells each thing."""

    city: str | None
    remark: str | None
    creations: int
    edits: int


async def of_people(work: Callable[[], T]) -> T:
    """Let people use their phones, which block."""
    return await asyncio.to_thread(work)


async def enrol(site: Site, name: str) -> Client:
    """Give the owner one more phone."""
    headers = {"Authorization": f"Bearer {site.token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers) as http:
        answer = await http.post("/v1/devices/enrolment-codes", json={})
    assert answer.is_success, answer.text

    def start() -> Client:
        phone = open_client(site.folder / f"{name}.db", site.url, protect=False)
        phone.enrol(answer.json()["code"], device_name=name)
        return phone

    return await of_people(start)


def synced(*phones: Client) -> None:
    """Let every phone sync, until nothing of one is news for another."""
    for _ in range(2):
        for phone in phones:
            report = phone.sync()
            assert report.is_complete, report
            assert report.refused == (), report


async def held(site: Site) -> dict[str, Held]:
    """Read the customers and their histories."""
    settings = Settings(database_url=site.cluster.app_url())
    async with opened(settings), db.tenant_transaction(site.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT c.name, c.city, c.remark,"
            " count(*) FILTER (WHERE h.action = 'create') AS creations,"
            " count(*) FILTER (WHERE h.action = 'edit') AS edits"
            " FROM customer c JOIN change h ON h.tenant_id = c.tenant_id AND h.record_id = c.id"
            " GROUP BY c.name, c.city, c.remark"
        )
    return {row["name"]: Held(*list(row)[1:]) for row in rows}


async def lines_of(site: Site) -> list[str]:
    """Read who found each restoration, by the trail."""
    settings = Settings(database_url=site.cluster.app_url())
    async with opened(settings), db.tenant_transaction(site.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT detail->>'found_by' AS found_by FROM audit_entry"
            " WHERE action = 'database.restored'"
        )
    return [row["found_by"] for row in rows]


@pytest.mark.timeout(180)
async def test_each_op_that_a_device_holds_comes_back_once(site: Site, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    li, wang = await enrol(site, "li"), await enrol(site, "wang")

    def before() -> None:
        for number in range(3):
            li.create_customer(name=f"老客户{number}")
        synced(li, wang)

    def after() -> None:
        for number in range(4):
            li.create_customer(name=f"新客户{number}")
        edit(li, "老客户0", city="苏州市")
        synced(li, wang)
        edit(wang, "老客户1", remark="搬到二楼了")
        edit(wang, "新客户2", city="无锡市")
        synced(li, wang)
        li.create_customer(name="还没发出")

    await of_people(before)
    site.back_up(backup)
    await of_people(after)
    expected = await held(site)
    assert len(expected) == 7

    site.put_back(backup)
    assert "1 companies begin a new epoch" in site.say_restored()
    site.start()
    await of_people(lambda: synced(li, wang))

    expected["还没发出"] = Held(None, None, 1, 0)
    assert await held(site) == expected
    assert await lines_of(site) == ["operator"]

    site.put_back(backup)
    site.start()
    # Now the edits come before the creations that they belong to.
    await of_people(lambda: synced(wang, li))

    assert await held(site) == expected
    # Both web processes look, and one of them finds it.
    assert await lines_of(site) == ["start-up"]
    assert shown(li) == shown(wang) == set(expected)
    li.close()
    wang.close()


def edit(phone: Client, name: str, **values: str) -> None:
    """Edit a customer on a phone."""
    [customer] = phone.customers(name=name)
    with phone.edit(customer) as draft:
        for field, value in values.items():
            setattr(draft, field, value)


def shown(phone: Client) -> set[str]:
    """Give the names that a phone shows."""
    return {customer.name for customer in phone.customers()}
