"""What `tonglu soak billing` plays, with a sample of its seeds, and that it finds what is wrong."""

from datetime import datetime

import msgspec
import pytest

from billing.ledger import service
from billing.ledger.schemas import Journal, Outcome
from server.settings import Settings
from tests.factories import new_id
from tests.postgres import Postgres
from world.books import soak
from world.books.soak import Tally

ORDERS = 24
SEED = 11


async def _played(postgres: Postgres, seed: int) -> Tally:
    tally = Tally()
    await soak.play(seed, postgres.superuser, tally, orders=ORDERS)
    return tally


async def test_a_seed_is_played_and_nothing_is_overspent_doubled_or_lost(
    postgres: Postgres, own_books: Settings
) -> None:
    tally = await _played(postgres, SEED)

    assert tally.failed == []
    assert (tally.overspent, tally.doubled, tally.lost) == (0, 0, 0)
    assert tally.broken >= tally.kills > 0
    assert tally.codes["recorded"] > 0
    assert tally.codes["id_reused"] > 0
    assert await soak.contradictions() == []


async def test_keys_that_are_not_kept_are_found(
    postgres: Postgres, own_books: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = service.record

    async def forgetful(journal: Journal, *, now: datetime) -> Outcome:
        return await record(msgspec.structs.replace(journal, key=new_id()), now=now)

    monkeypatch.setattr(service, "record", forgetful)

    tally = await _played(postgres, SEED)

    assert tally.doubled > 0
