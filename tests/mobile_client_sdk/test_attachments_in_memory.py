"""The stories of photos around the server in memory: an app's tests see what a phone would."""

from pathlib import Path

import httpx
import pytest

from mobile_client_sdk.testing import FakeServer
from tests.mobile_client_sdk import attachment_stories
from tests.mobile_client_sdk.attachment_stories import *  # noqa: F403 - the stories are told here


class FakeField(attachment_stories.Field):
    """Phones of a company in memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server = FakeServer()

    async def code(self, name: str) -> str:
        """Give somebody an enrolment code."""
        return self._server.enrolment_code(name)

    def way(self) -> httpx.BaseTransport:
        """Answer a way that needs no network."""
        return self._server.transport()

    async def revoke(self, device_id: str) -> None:
        """Take a device's right away."""
        self._server.revoke(device_id)


@pytest.fixture
def field(tmp_path: Path) -> FakeField:
    """A company's phones."""
    return FakeField(tmp_path)
