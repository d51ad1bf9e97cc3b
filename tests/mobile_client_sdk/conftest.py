"""A server in memory and people with phones."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mobile_client_sdk.testing import FakeServer
from tests.mobile_client_sdk.people import Phones


@pytest.fixture
def make_phones(tmp_path: Path) -> Iterator[Callable[..., Phones]]:
    """Make phones around a server."""
    made: list[Phones] = []

    def make(*, scoped: bool = False) -> Phones:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        phones = Phones(FakeServer(scoped=scoped), folder)
        phones.server._clock_ms = phones.clock_ms
        made.append(phones)
        return phones

    yield make
    for each in made:
        each.close()


@pytest.fixture
def phones(make_phones: Callable[..., Phones]) -> Phones:
    """Phones around a server on which all see everything."""
    return make_phones()
