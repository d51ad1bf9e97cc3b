"""What the stories about deals need besides."""

import asyncio

import pytest

from server.settings import Settings


@pytest.fixture(scope="session")
async def loop(database: Settings) -> asyncio.AbstractEventLoop:
    """The loop that the database is open on, for tests that step through it by themselves."""
    del database
    return asyncio.get_running_loop()
