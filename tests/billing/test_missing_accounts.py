"""A transfer whose account is not there is refused, though no foreign key looks it up."""

import asyncpg
import pytest

from server.kit import db
from tests.billing import books
from tests.billing.books import OPERATOR
from tests.factories import NOW, Tenant, new_id

pytestmark = pytest.mark.usefixtures("database")
# Follows the hold of an issuance, but for the accounts that are named here.
_MOVE = """
INSERT INTO ledger_transfer (
    id, owner_id, group_id, position, kind, debit_id, credit_id, currency, amount_minor,
    released_minor, pending_id, event, effective_at, recorded_at, actor_id
)
SELECT gen_random_uuid(), owner_id, $1, place, $2, coalesce(debit, debit_id),
    coalesce(credit, credit_id), currency, 1, CASE WHEN $3 THEN amount_minor ELSE 0 END,
    CASE WHEN $3 THEN id END, event, $4, $4, actor_id
FROM ledger_transfer,
    unnest($5::uuid[], $6::uuid[]) WITH ORDINALITY AS side (debit, credit, place)
WHERE id = $7
"""
_NOWHERE = new_id()


@pytest.mark.parametrize("kind", ["single", "hold"])
@pytest.mark.parametrize(
    ("debits", "credits_"),
    [([_NOWHERE], [None]), ([None], [_NOWHERE]), ([None, None], [None, _NOWHERE])],
    ids=["debit", "credit", "the last of two"],
)
async def test_a_transfer_of_an_account_that_is_not_there_is_refused(
    tenant: Tenant, kind: str, debits: list[object], credits_: list[object]
) -> None:
    held = await a_hold(tenant)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="an account is missing"):
        await move(kind, debits, credits_, held)


@pytest.mark.parametrize("kind", ["post", "void", "expire"])
async def test_what_settles_a_hold_names_its_accounts(tenant: Tenant, kind: str) -> None:
    held = await a_hold(tenant)
    for debit, credit in ((_NOWHERE, None), (None, _NOWHERE)):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="does not fit"):
            await move(kind, [debit], [credit], held)


async def a_hold(tenant: Tenant) -> object:
    """Issue a benefit that leaves half of its budget, and give the hold's id."""
    program = await books.make_program(200)
    [issued] = await books.issue(program, [books.ask(tenant.tenant_id)])
    return issued.issuance_id


async def move(kind: str, debits: object, credits_: object, held: object) -> None:
    """Write transfers past the ledger's own function."""
    settles = kind in {"post", "void", "expire"}
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute(_MOVE, new_id(), kind, settles, NOW, debits, credits_, held)
