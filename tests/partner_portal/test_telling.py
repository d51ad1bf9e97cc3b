"""How a history names who did something."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from partner_portal.customers.record import Teller
from partner_portal.formats import Formats
from partner_portal.words import Language, catalogue
from server.customers.schemas import HistoryEntry
from server.identity.schemas import Directory
from tests.factories import NOW

ZHAO = uuid4()


@pytest.mark.parametrize(
    ("language", "product", "colleague"),
    [(Language.CHINESE, "系统", "同事"), (Language.ENGLISH, "Tonglu", "A colleague")],
)
def test_what_jobs_write_is_the_products_and_no_colleagues(
    language: Language, product: str, colleague: str
) -> None:
    words = catalogue(language)
    formats = Formats(words, datetime(2026, 3, 2, tzinfo=UTC))
    teller = Teller(words, formats, Directory(people={ZHAO: "赵磊"}, devices={}), {})

    assert teller.person(ZHAO) == "赵磊"
    assert teller.person(UUID(int=0)) == product
    assert teller.person(uuid4()) == colleague


@pytest.mark.parametrize(
    ("age", "is_told"),
    [
        (timedelta(days=-1), False),
        (timedelta(minutes=2), False),
        (timedelta(minutes=10), True),
        (timedelta(days=40), True),
        (timedelta(days=20_000), False),
    ],
)
def test_a_note_that_comes_late_tells_when_it_was_written(age: timedelta, *, is_told: bool) -> None:
    words = catalogue(Language.ENGLISH)
    teller = Teller(words, Formats(words, NOW), Directory(people={}, devices={}), {})
    entry = HistoryEntry(
        seq=1,
        at=NOW,
        actor_id=ZHAO,
        device_id=uuid4(),
        kind="note",
        record_id=uuid4(),
        action="create",
        changes=[],
    )

    moment = teller.moment(entry, {entry.record_id: "跟进"}, {entry.record_id: NOW - age})

    assert (moment.at, moment.body) == (NOW, "跟进")
    assert moment.written_at == (NOW - age if is_told else None)
