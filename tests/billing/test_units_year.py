"""A year of units day by day: available, held and issued stay what was allocated."""

from datetime import timedelta

import pytest

from billing.escrow import rules as escrow_rules
from server.settings import Settings
from tests.factories import NOW
from world.books.units.year import Year


async def test_what_is_available_held_and_issued_stays_what_was_allocated(
    own_books: Settings,
) -> None:
    year = Year(3, begins_at=NOW)

    await year.play(60)

    assert year.found == []
    assert year.kept > 10
    assert year.late > 0
    assert year.swept > 10


async def test_units_that_are_released_too_early_are_found(
    own_books: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escrow_rules, "GRACE", timedelta())
    year = Year(3, begins_at=NOW)

    await year.play(20)

    assert year.found
