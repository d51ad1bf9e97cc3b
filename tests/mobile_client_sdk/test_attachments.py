"""The stories of photos around the real application and a real PostgreSQL."""

import asyncio
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from server.identity import service as identity
from server.kit import clock
from tests.factories import Tenant
from tests.mobile_client_sdk import attachment_stories
from tests.mobile_client_sdk.attachment_stories import *  # noqa: F403 - the stories are told here
from tests.mobile_client_sdk.test_real_server import Bridge


class RealField(attachment_stories.Field):
    """Phones of a company of the real application."""

    def __init__(self, folder: Path, app: Litestar, tenant: Tenant) -> None:
        super().__init__(folder)
        self._app = app
        self._tenant = tenant

    async def code(self, name: str) -> str:
        """Give somebody an enrolment code."""
        actor = {"rep": self._tenant.rep, "boss": self._tenant.manager}[name]
        made = await identity.new_enrolment_code(actor, user_id=actor.user_id, now=clock.now())
        return made.code

    def way(self) -> httpx.BaseTransport:
        """Answer a way to the application on the loop of the tests."""
        return Bridge(self._app, asyncio.get_running_loop())

    async def revoke(self, device_id: str) -> None:
        """Take a device's right away."""
        await identity.revoke_device(self._tenant.owner, UUID(device_id), now=clock.now())


@pytest.fixture
def field(app: Litestar, tenant: Tenant, tmp_path: Path) -> RealField:
    """A company's phones."""
    return RealField(tmp_path, app, tenant)
