"""A request that loses a deadlock runs once more, where that is as running for the first time."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar, Request, post
from litestar.params import JSONBody

from server.access import Role, of_the_product
from server.app import create_app
from server.audit import service as audit
from server.kit import attempts, db, live
from server.settings import Settings
from tests.conftest import living
from tests.factories import NOW, new_id

_LOSE = "DO $$ BEGIN RAISE EXCEPTION 'chosen as the victim' USING ERRCODE = '{}'; END $$"


class Story(msgspec.Struct):
    """What is to happen inside a request."""

    tenant_id: UUID
    losses: int
    """So many runs are ended by the database."""
    code: str = "40P01"
    keeps_first: bool = False
    """Whether something is kept by a transaction before it."""


_runs: dict[UUID, int] = {}


async def leave(tenant_id: UUID) -> None:
    """Leave a line in a company's trail, one for each time that it is kept."""
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="stories")
    await audit.record(product, "story.played", subject_id=None, now=NOW)


async def play(story: Story) -> None:
    """Write, and perhaps lose."""
    _runs[story.tenant_id] = run = _runs.get(story.tenant_id, 0) + 1
    if story.keeps_first:
        async with db.tenant_transaction(story.tenant_id):
            await leave(story.tenant_id)
    async with db.tenant_transaction(story.tenant_id):
        await leave(story.tenant_id)
        if run <= story.losses:
            await db.connection().execute(_LOSE.format(story.code))


@post("/stories", exclude_from_auth=True)
async def told(data: JSONBody[Story]) -> int:
    """Play a story."""
    await play(data)
    return _runs[data.tenant_id]


@post("/streams", exclude_from_auth=True)
async def streamed(request: Request[Any, Any, Any]) -> int:
    """Play a story that is read off the network and kept nowhere."""
    body = b"".join([part async for part in request.stream()])
    story = msgspec.json.decode(body, type=Story)
    await play(story)
    return _runs[story.tenant_id]


@pytest.fixture(scope="module")
async def story_app(database: Settings) -> AsyncIterator[Litestar]:
    """The application with the routes of these stories."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db.ENGINE, "pool", None)
        patch.setattr(live, "HUB", live.Hub())
        app = create_app(database, more=[told, streamed])
        async with living(app):
            yield app


@pytest.fixture
async def http(story_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a session."""
    transport = httpx.ASGITransport(app=cast("Any", story_app), client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://tonglu.test") as client:
        yield client


async def asked(http: httpx.AsyncClient, story: Story, path: str = "/stories") -> httpx.Response:
    """Send a story."""
    return await http.post(path, content=msgspec.json.encode(story))


async def kept(tenant_id: UUID) -> int:
    """Count what was left."""
    async with db.tenant_transaction(tenant_id, readonly=True):
        return int(await db.connection().fetchval("SELECT count(*) FROM audit_entry"))


@pytest.mark.parametrize("code", ["40P01", "40001"])
async def test_who_loses_is_run_again_and_done_once(http: httpx.AsyncClient, code: str) -> None:
    story = Story(tenant_id=new_id(), losses=attempts.AGAIN_MAX, code=code)

    answer = await asked(http, story)

    assert (answer.status_code, answer.json()) == (201, attempts.AGAIN_MAX + 1)
    assert await kept(story.tenant_id) == 1


async def test_who_always_loses_is_told_in_the_end(http: httpx.AsyncClient) -> None:
    story = Story(tenant_id=new_id(), losses=99)

    answer = await asked(http, story)

    assert (answer.status_code, answer.json()["code"]) == (503, "contended")
    assert _runs[story.tenant_id] == attempts.AGAIN_MAX + 1
    assert await kept(story.tenant_id) == 0


async def test_what_has_kept_something_before_is_not_run_again(http: httpx.AsyncClient) -> None:
    story = Story(tenant_id=new_id(), losses=1, keeps_first=True)

    answer = await asked(http, story)

    assert (answer.status_code, _runs[story.tenant_id]) == (503, 1)
    assert await kept(story.tenant_id) == 1


async def test_what_was_read_and_is_kept_nowhere_is_not_run_again(http: httpx.AsyncClient) -> None:
    story = Story(tenant_id=new_id(), losses=1)

    answer = await asked(http, story, "/streams")

    assert (answer.status_code, _runs[story.tenant_id]) == (503, 1)


async def test_another_fault_of_the_database_is_not_run_again(http: httpx.AsyncClient) -> None:
    story = Story(tenant_id=new_id(), losses=1, code="57014")

    answer = await asked(http, story)

    assert (answer.status_code, _runs[story.tenant_id]) == (503, 1)
