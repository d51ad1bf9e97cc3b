"""How a history names who did something."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from partner_portal.customers.record import Teller
from partner_portal.formats import Formats
from partner_portal.words import Language, catalogue
from server.identity.schemas import Directory

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
