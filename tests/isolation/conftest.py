"""The whole application on a database of its own, with two companies that must never meet."""

import importlib
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar

from server.kit import db, live
from tests.conftest import living, make_settings
from tests.isolation.world import World, make_world
from tests.postgres import Postgres

_WITHOUT_LIMIT = 1e9


@pytest.fixture(scope="module")
async def house(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Litestar, str]]:
    """The application with its pages, and a superuser's address of its database."""
    name = f"isolation_{uuid4().hex[:8]}"
    await postgres.clone(name)
    settings = msgspec.structs.replace(
        make_settings(postgres, name, tmp_path_factory.mktemp("isolation")),
        user_rate_per_s=_WITHOUT_LIMIT,
        tenant_rate_per_s=_WITHOUT_LIMIT,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db.ENGINE, "pool", None)
        patch.setattr(live, "HUB", live.Hub())
        app: Litestar = importlib.import_module("partner_portal.app").create_app(settings)
        async with living(app):
            yield app, postgres.superuser_url(name)
    await postgres.drop(name)


@pytest.fixture(scope="module")
async def world(house: tuple[Litestar, str]) -> World:
    """Two companies full of data."""
    return await make_world(house[1])


@pytest.fixture(scope="module")
async def http(house: tuple[Litestar, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a session, which also sees what fails inside."""
    transport = httpx.ASGITransport(app=cast("Any", house[0]))
    async with httpx.AsyncClient(transport=transport, base_url="http://tonglu.test") as client:
        yield client
