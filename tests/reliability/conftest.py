"""The product as an operator runs it: real processes on a PostgreSQL that forces all to disk."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from server.embedded import Cluster
from tests.reliability.site import OWNER, PASSWORD, Site, found_company
from world.faults import site as sites
from world.faults import soak


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A PostgreSQL that forces everything to disk."""
    with Cluster(tmp_path / "postgres", environ={}) as started:
        yield started


@pytest.fixture(scope="session")
def served() -> Iterator[sites.Site]:
    """The product with a worker, for stories that each found a company of their own."""
    with soak.standing() as standing:
        yield standing


@pytest.fixture
async def site(tmp_path: Path, cluster: Cluster) -> AsyncIterator[Site]:
    """The product, served by two web processes, with a company whose owner is signed in."""
    made = Site(cluster, tmp_path)
    try:
        made.start()
        made.tenant_id = await found_company(made)
        login = {"login": OWNER, "password": PASSWORD}
        async with httpx.AsyncClient() as http:
            signed_in = await http.post(f"{made.url}/v1/auth/login", json=login)
        assert signed_in.is_success, signed_in.text
        made.token = signed_in.json()["access_token"]
        yield made
    finally:
        made.stop()
