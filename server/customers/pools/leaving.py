"""Take customers out of the pools as soon as somebody owns them, whichever way that came about."""

from collections.abc import Sequence
from typing import Final

from server.changelog.kinds import Along, Written

_LEAVE: Final = """
DELETE FROM pool_entry e USING clock
WHERE e.tenant_id = clock.tenant_id
    AND e.customer_id = ANY(string_to_array($1, ',')::uuid[])
"""


def of_customers(written: Sequence[Written]) -> list[Along]:
    """Say what keeps the pools in step with customers that were written."""
    left = [
        each.id
        for each in written
        if each.deleted
        or (each.before and each.before["owner_id"] is None and each.after["owner_id"] is not None)
    ]
    return [Along(_LEAVE, (",".join(left),))] if left else []
