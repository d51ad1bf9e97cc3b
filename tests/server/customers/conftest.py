"""People of the stories who speak HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar

from server import app as server_app
from server.access import Actor
from server.settings import Settings
from tests.factories import Tenant, join, login_of, make_platform_actor

PASSWORD = "a quiet harbour at dawn"
SignIn = Callable[[Tenant, Actor], Awaitable[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def api(database: Settings) -> Litestar:
    """The API alone; the database is open already."""
    return server_app.create_app(database)


@pytest.fixture
async def sign_in(api: Litestar) -> SignIn:
    """Give somebody a client that is signed in."""

    async def signed_in(tenant: Tenant, actor: Actor) -> httpx.AsyncClient:
        inviter = make_platform_actor() if actor == tenant.owner else tenant.owner
        await join(inviter, actor, PASSWORD)
        transport = httpx.ASGITransport(app=cast("Any", api))
        http = httpx.AsyncClient(transport=transport, base_url="http://tonglu.test")
        answer = await http.post(
            "/v1/auth/login", json={"login": login_of(actor), "password": PASSWORD}
        )
        assert answer.status_code == 200, answer.text
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return http

    return signed_in
