"""What is written to the books is sealed by itself."""

import pytest

from billing.sealing import queries
from server.benefits import jobs
from server.identity import keys
from server.kit import db
from server.worker import collect_schedule
from tests.billing import books
from tests.factories import NOW


@pytest.mark.usefixtures("database")
async def test_what_was_written_is_sealed_when_it_comes_round() -> None:
    await books.make_program(1_000)
    async with db.platform_transaction(books.OPERATOR):
        # Other tests put lines into the books by hand.
        before = await queries.contradictions(keys.current().books_public)

    await collect_schedule()[jobs.SEAL].run(NOW)

    async with db.platform_transaction(books.OPERATOR):
        head = await queries.last_head()
        waiting = await db.connection().fetchval("SELECT count(*) FROM ledger_unsealed")
        wrong = await queries.contradictions(keys.current().books_public)
    assert head is not None
    assert head.public_key in keys.current().books_public
    assert (waiting, wrong) == (0, before)
