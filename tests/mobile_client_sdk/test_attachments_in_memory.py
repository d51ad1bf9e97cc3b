"""The stories of photos around the server in memory: an app's tests see what a phone would."""

from pathlib import Path

import httpx
import pytest

from mobile_client_sdk.attachments import LaneState
from mobile_client_sdk.testing import FakeServer, Fault
from tests.mobile_client_sdk import attachment_stories
from tests.mobile_client_sdk.attachment_stories import *  # noqa: F403 - the stories are told here
from tests.mobile_client_sdk.people import Phones
from tests.server.attachments.files import photo


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


def test_a_server_in_trouble_is_asked_again_within_a_quarter_of_a_minute(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    wang.attach(wang.create_customer(name="福满楼"), photo())
    wang.sync()
    for _ in range(12):
        phones.now_ms += 15_000
        phones.server.faults = [Fault.TROUBLE]
        assert wang.send_attachments().state is LaneState.TRY_LATER

    phones.now_ms += 15_000

    assert wang.send_attachments().stored == 1


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_restored_server_gets_the_photos_again_that_are_still_here(
    phones: Phones, *, is_sent: bool
) -> None:
    wang = phones.enrol("王芳")
    customer = wang.create_customer(name="福满楼")
    wang.sync()
    backup = phones.server.image()
    wang.attach(customer, photo())
    wang.sync()
    if is_sent:
        assert wang.send_attachments().stored == 1
        wang.sync()
    phones.server.restore(backup)

    # The server does not know the record until the phone has noticed and sent it again.
    wang.send_attachments()
    wang.sync()
    assert wang.send_attachments().stored == 1

    wang.sync()
    assert [each.state for each in wang.attachments(customer)] == ["stored"]
    assert wang.unsent_attachments() == []


@pytest.fixture
def field(tmp_path: Path) -> FakeField:
    """A company's phones."""
    return FakeField(tmp_path)
