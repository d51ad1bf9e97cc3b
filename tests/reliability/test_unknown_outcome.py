"""The answer is eaten after the commit: whoever asks again has caused exactly one effect.

In each story a proxy between a device and real processes lets the server finish, and gives the
device nothing of the answer.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import httpx
import pytest

from mobile_client_sdk.client import Client, SyncState, open_client
from mobile_client_sdk.records import Customer
from server.benefits import queries as benefits
from server.kit import db
from tests.postgres import opened
from world.faults import company
from world.faults.company import AMOUNT_MINOR, Company
from world.faults.proxy import Fault, Proxy
from world.faults.site import Site

TIMES = 3
"""So many answers are eaten, one after the other."""


class Stand:
    """A company whose owner has a phone behind a proxy."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.proxy = Proxy(site.port, Random(4), chance=0)
        self._folder = folder

    async def found(self) -> None:
        """Found the company and give the owner a phone."""
        self.company: Company = await company.found(self.site.settings, Random(), reps=0)
        self.proxy.__enter__()
        self.phone: Client = await asyncio.to_thread(self._enrol)

    def _enrol(self) -> Client:
        phone = open_client(self._folder / "owner.db", self.proxy.url, protect=True)
        phone.enrol(self.company.codes[0], device_name="owner")
        assert phone.sync().is_complete
        return phone

    def eat(self, times: int = TIMES) -> None:
        """Let so many answers be eaten from now on."""
        self.proxy.plan = [Fault.REPLY_EATEN] * times

    async def ask(self, path: str, body: dict[str, str]) -> list[int]:
        """Ask again until there is an answer, and once more; give the statuses."""
        assert self.phone.session is not None
        headers = {"Authorization": f"Bearer {self.phone.session.access_token}"}
        answers: list[int] = []
        contents: set[bytes] = set()
        async with httpx.AsyncClient(base_url=self.proxy.url, headers=headers) as http:
            while len(answers) < 2:
                try:
                    answer = await http.post(path, json=body)
                except httpx.TransportError:
                    continue
                answers.append(answer.status_code)
                contents.add(answer.content)
        assert len(contents) == 1, "both are told the same"
        return answers

    async def count(self, question: str) -> int:
        """Count by SQL, beside the server."""
        async with (
            opened(self.site.settings),
            db.tenant_transaction(self.company.tenant_id, readonly=True),
        ):
            return int(await db.connection().fetchval(question))

    async def promised(self) -> int:
        """Count the benefits that the program's budget has paid."""
        async with opened(self.site.settings):
            program = await benefits.program(self.company.operator, self.company.program_id)
        return (program.funded_minor - program.available_minor) // AMOUNT_MINOR

    def close(self) -> None:
        """Hang up."""
        self.phone.close()
        self.proxy.__exit__(None, None, None)


@pytest.fixture
async def stand(served: Site, tmp_path: Path, no_database: None) -> AsyncIterator[Stand]:
    """A company of this test's own."""
    made = Stand(served, tmp_path)
    await made.found()
    yield made
    made.close()


@pytest.mark.timeout(120)
async def test_a_push_whose_answers_are_eaten_is_done_once(stand: Stand) -> None:
    def story() -> None:
        shop = stand.phone.create_customer(name="福满楼")
        with stand.phone.edit(shop) as draft:
            draft.city = "苏州市"
        stand.phone.add_note(shop, "要两箱")
        stand.phone.request_benefit(shop, program_id=str(stand.company.program_id))
        stand.eat()
        for _ in range(TIMES):
            report = stand.phone.sync()
            assert (report.state, report.pending) == (SyncState.OFFLINE, 4)
        assert stand.phone.sync().is_complete
        assert stand.phone.refusals() == []
        assert stand.phone.conflicts() == []
        assert stand.phone.count(Customer) == 1

    await asyncio.to_thread(story)

    assert stand.proxy.faults[Fault.REPLY_EATEN] == TIMES
    assert await stand.count("SELECT count(*) FROM customer") == 1
    assert await stand.count("SELECT count(*) FROM note") == 1
    assert await stand.count("SELECT count(*) FROM change WHERE action = 'create'") == 2
    assert await stand.count("SELECT count(*) FROM benefit_request WHERE state = 'issued'") == 1
    assert await stand.promised() == 1


@pytest.mark.timeout(120)
async def test_a_customer_and_a_benefit_over_rest_are_made_once(stand: Stand) -> None:
    customer_id, request_id = stand.phone.new_id(), stand.phone.new_id()

    stand.eat()
    body = {"id": customer_id, "name": "得月楼"}
    assert await stand.ask("/v1/customers", body) == [201, 201]
    stand.eat()
    body = {
        "id": request_id,
        "customer_id": customer_id,
        "program_id": str(stand.company.program_id),
    }
    assert await stand.ask("/v1/benefits/requests", body) == [201, 201]

    assert stand.proxy.faults[Fault.REPLY_EATEN] == 2 * TIMES
    assert await stand.count("SELECT count(*) FROM customer") == 1
    assert await stand.count("SELECT count(*) FROM change WHERE action = 'create'") == 1
    assert await stand.count("SELECT count(*) FROM benefit_request") == 1
    assert await stand.promised() == 1


@pytest.mark.timeout(120)
async def test_a_request_that_is_delivered_twice_at_once_is_done_once(stand: Stand) -> None:
    customer_id, request_id = stand.phone.new_id(), stand.phone.new_id()

    stand.proxy.plan = [Fault.TWICE_AT_ONCE, None] * 2
    await stand.ask("/v1/customers", {"id": customer_id, "name": "得月楼"})
    body = {
        "id": request_id,
        "customer_id": customer_id,
        "program_id": str(stand.company.program_id),
    }
    await stand.ask("/v1/benefits/requests", body)

    assert await stand.count("SELECT count(*) FROM change WHERE action = 'create'") == 1
    assert await stand.promised() == 1
