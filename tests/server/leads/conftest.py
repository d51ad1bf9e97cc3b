"""The server's keys, which opted-out phones are hashed with."""

import pytest

from server.identity import keys
from server.settings import Settings


@pytest.fixture(autouse=True)
def opened_keys(database: Settings) -> None:
    """Derive the keys of this process."""
    keys.open_keys(database)
