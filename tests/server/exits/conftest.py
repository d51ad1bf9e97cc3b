"""Where the stories about exits begin."""

import pytest

from tests.factories import Tenant, make_tenant
from tests.server.exits.stories import Leaving


@pytest.fixture
async def leaving(tenant: Tenant) -> Leaving:
    """A company that leaves."""
    story = Leaving(tenant, await make_tenant())
    await story.open()
    return story
