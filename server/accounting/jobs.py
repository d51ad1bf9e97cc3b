"""What the schedule starts: every hour the books are looked through for what contradicts itself."""

from datetime import datetime, timedelta
from typing import Final

from billing.accounting_vouchers import queries as vouchers
from billing.escrow import queries as escrow
from billing.ledger import queries as ledger
from billing.periods import queries as periods
from billing.statements import queries as statements
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.kit import db
from server.kit.schedule import Every, Planned

CHECK: Final = "books.check"
_LOOKS: Final = (
    ledger.contradictions,
    escrow.contradictions,
    periods.contradictions,
    statements.contradictions,
    vouchers.contradictions,
)
_TOLD_MAX: Final = 20
"""As many are named; whoever mends the first ones is told of more an hour later."""
_KEEPER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name=CHECK)


class BooksContradict(Exception):
    """The books contradict themselves: a fault of the product's, or somebody edited them."""


async def check(_: datetime) -> None:
    """Look through ledger, units, closed periods, statements and vouchers; each as of one moment.

    Sealed entries are hashed again by whoever verifies them, not here.

    :raises BooksContradict: naming invariants and places. The schedule notes it and looks again.
    """
    found = []
    for look in _LOOKS:
        async with db.platform_transaction(_KEEPER, snapshot=True):
            found += await look()
    if found:
        named = "; ".join(f"{each.invariant}: {each.subject}" for each in found[:_TOLD_MAX])
        raise BooksContradict(f"{len(found)} contradictions in the books: {named}")


SCHEDULE: Final = {CHECK: Planned(Every(timedelta(hours=1)), check)}
"""By name, what comes round."""
