"""What `tonglu soak billing` plays, with a sample of its seeds, and that it finds what is wrong."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from billing.escrow import rules as escrow_rules
from billing.escrow import service as escrow
from billing.escrow.schemas import Promise
from billing.ledger import service
from billing.ledger.schemas import Journal, Outcome
from billing.redemptions import rules as redemption_rules
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Settled, Wish
from server.kit import clock
from server.settings import Settings
from tests.factories import new_id
from tests.postgres import Postgres
from world.books import soak
from world.books.audit import Findings
from world.books.benefits import audit, plan, trial
from world.books.killer import killer
from world.books.soak import Tally
from world.books.units import audit as unit_audit
from world.books.units import plan as unit_plan
from world.books.units import trial as unit_trial

ORDERS = 16
WISHES = 10
UNITS = 40
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


# ------------------------------------------------------------------- what benefits alone may hide


async def _settled(postgres: Postgres, seed: int) -> Findings:
    now = clock.now()
    wished = plan.from_seed(seed, orders=WISHES, now=now)
    async with killer(postgres.superuser) as killing:
        return await audit.audit(wished, await trial.play(wished, killing, now=now))


async def test_wishes_that_are_not_kept_are_found(
    postgres: Postgres, own_books: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = redemptions.settle

    async def forgetful(
        wish: Wish, *, transfer_ids: Sequence[UUID], owner_id: UUID, actor_id: UUID, now: datetime
    ) -> Settled:
        return await settle(
            msgspec.structs.replace(wish, key=new_id()),
            transfer_ids=transfer_ids,
            owner_id=owner_id,
            actor_id=actor_id,
            now=now,
        )

    monkeypatch.setattr(redemptions, "settle", forgetful)

    assert (await _settled(postgres, SEED)).doubled != []


async def test_benefits_that_are_used_when_they_are_over_are_found(
    postgres: Postgres, own_books: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redemption_rules, "has_lapsed", lambda *_: False)

    assert (await _settled(postgres, SEED)).overspent != []


# ---------------------------------------------------------------------- what units alone may hide


async def _carried(postgres: Postgres, seed: int) -> Findings:
    now = clock.now()
    phones = unit_plan.from_seed(seed, doings=UNITS, now=now)
    async with killer(postgres.superuser) as killing:
        return await unit_audit.audit(phones, await unit_trial.play(phones, killing, now=now))


async def test_units_that_are_released_too_early_are_found(
    postgres: Postgres, own_books: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escrow_rules, "GRACE", timedelta(days=-10))

    # Who comes first is not the seed's to say: in one of them a sweep comes before a promise.
    assert any([(await _carried(postgres, SEED + n)).lost for n in range(6)])


async def test_promises_that_are_told_and_not_kept_are_found(
    postgres: Postgres, own_books: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def careless(promise: Promise, *, now: datetime) -> bool:
        return bool(promise) and bool(now)

    monkeypatch.setattr(escrow, "keep", careless)

    assert (await _carried(postgres, SEED)).lost != []
