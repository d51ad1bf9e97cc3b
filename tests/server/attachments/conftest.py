"""Contents lie in a folder, and then in a real S3: every story is told twice."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from server.attachments import place as places
from server.attachments.place import Place
from server.settings import Settings
from tests.factories import Tenant
from tests.server.attachments import seaweed
from tests.server.attachments.seaweed import Seaweed
from tests.server.attachments.stories import Story
from tests.server.customers.conftest import api

__all__ = ["api"]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A real S3 on loopback."""
    with seaweed.running(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def bucket(s3: Seaweed, database: Settings) -> Place:
    """Contents lie in a bucket of it."""
    before = list(places._open)
    opened = places.open_place(s3.settings(database))
    places._open[:] = before
    return opened


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, database: Settings, tmp_path: Path) -> Iterator[Place]:
    """Where contents lie in this test."""
    if request.param == "s3":
        before = list(places._open)
        places._open[:] = [request.getfixturevalue("bucket")]
        yield places.place()
        places._open[:] = before
    else:
        yield from _opened(msgspec.structs.replace(database, data_dir=tmp_path))


@pytest.fixture
def folder(database: Settings, tmp_path: Path) -> Iterator[Place]:
    """Contents lie in a folder, in stories that are not about where they lie."""
    yield from _opened(msgspec.structs.replace(database, data_dir=tmp_path))


def _opened(settings: Settings) -> Iterator[Place]:
    """Open a place, and what was open before again afterwards."""
    before = list(places._open)
    yield places.open_place(settings)
    places._open[:] = before


@pytest.fixture
async def story(tenant: Tenant) -> Story:
    """A customer whom somebody has taken photos of."""
    return await Story.begun(tenant)
