"""What others were promised or answered is not read to promise one more benefit, nor to use it."""

from uuid import UUID

import pytest

from billing.issuance import service as issuance
from billing.issuance.schemas import Issued, Terms
from billing.ledger.schemas import Code
from billing.redemptions.schemas import Kind, Wish
from server.kit import db
from tests.billing import books
from tests.billing.books import OPERATOR, Program, rows_read
from tests.factories import NOW, make_tenant, new_id

_OTHERS = 60
_TABLES = ("issuance", "ledger_transfer", "redemption")


@pytest.mark.usefixtures("unseen")
async def test_what_others_were_promised_is_not_read() -> None:
    program = await books.make_program(100_000)
    for _ in range(_OTHERS):
        others = await make_tenant()
        await books.issue(program, [books.ask(others.tenant_id)])
    tenant = await make_tenant()

    async with db.platform_transaction(OPERATOR):
        before = await rows_read(*_TABLES)
        benefit = (await _issued(program, tenant.tenant_id)).issuance_id
        assert benefit is not None
        used = Wish(key=new_id(), kind=Kind.REDEEM, issuance_id=benefit, amount_minor=30)
        back = Wish(key=new_id(), kind=Kind.ROLL_BACK, issuance_id=benefit, of_id=used.key)
        for wish in (used, back):
            assert (await books.settle(wish)).code is Code.RECORDED
        after = await rows_read(*_TABLES)

    read = {table: after[table] - before[table] for table in _TABLES}
    assert max(read.values()) < _OTHERS, read


@pytest.mark.usefixtures("unseen")
async def test_a_plan_that_was_made_for_few_answers_does_not_read_many() -> None:
    program, many = await books.make_program(100_000), 300
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute("SET LOCAL enable_seqscan = on")
        for _ in range(10):
            await _issued(program, new_id())
        await issuance.issue(
            Terms(program_id=program.id),
            [books.ask(new_id()) for _ in range(many)],
            group_id=new_id(),
            actor_id=OPERATOR.user_id,
            now=NOW,
        )

        before = await rows_read("ledger_outcome")
        await _issued(program, new_id())
        after = await rows_read("ledger_outcome")

    assert after["ledger_outcome"] - before["ledger_outcome"] < many


async def _issued(program: Program, agent_id: UUID) -> Issued:
    """Issue a benefit as the platform does for many agents."""
    [issued] = await issuance.issue(
        Terms(program_id=program.id),
        [books.ask(agent_id)],
        group_id=new_id(),
        actor_id=OPERATOR.user_id,
        now=NOW,
    )
    return issued
