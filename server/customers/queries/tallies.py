"""Count a tenant's customers by status, city and industry, for the platform's aggregate."""

from typing import Final
from uuid import UUID

import msgspec

from server.customers.rules.status import Status
from server.kit import db

STATUSES: Final = tuple(str(status) for status in Status)
"""The funnel, from its wide end."""

_TALLY: Final = """
SELECT COALESCE(status, 'potential') AS status, COALESCE(city, '') AS city,
       COALESCE(industry, '') AS industry, count(*) AS customers
FROM customer WHERE tenant_id = $1 AND NOT deleted
GROUP BY GROUPING SETS (
    (COALESCE(status, 'potential')), (COALESCE(city, '')), (COALESCE(industry, ''))
)
"""


class Tally(msgspec.Struct, frozen=True):
    """Customers by one value each; the empty value is that of records that say nothing."""

    status: dict[str, int]
    city: dict[str, int]
    industry: dict[str, int]


async def tally(tenant_id: UUID) -> Tally:
    """Count all of the tenant's customers; call inside its transaction, for a job has no Actor.

    A customer without a status is a potential one.
    """
    rows = await db.connection().fetch(_TALLY, tenant_id)
    dimensions = ("status", "city", "industry")
    return Tally(
        **{
            one: {row[one]: row["customers"] for row in rows if row[one] is not None}
            for one in dimensions
        }
    )
