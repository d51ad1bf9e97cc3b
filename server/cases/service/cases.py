"""Cases as plain facts: noted down and changed. What becomes of them is decided by `deciding`."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor, Permission, ensure
from server.cases.kinds import WRITTEN
from server.cases.schemas import CaseEdit, NewCase
from server.cases.service.clock import set_dues
from server.changelog import service as changelog
from server.customers.saving import saved
from server.customers.schemas import Saved
from server.kit import clock, db, ids
from sync_protocol.messages import Create, Edit

_KIND: Final = "service_case"


async def create(actor: Actor, new: NewCase, *, now: datetime) -> Saved:
    """Note down what a customer complains of; it is in the hands of whoever notes it.

    :raises NotFound: the customer is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    case_id = new.id or ids.new_id(now)
    given = msgspec.to_builtins(new)
    op = Create(
        number=1,
        kind=_KIND,
        id=str(case_id),
        fields={name: value for name, value in given.items() if name != "id" and value is not None},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
    async with db.tenant_transaction(actor.tenant_id):
        return await _written(actor, case_id, op, now=now)


async def edit(actor: Actor, case_id: UUID, change: CaseEdit, *, now: datetime) -> Saved:
    """Change what is known of a case; writes of others are merged.

    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    touched: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(change).items()
        if name != "base" and value is not UNSET
    }
    op = Edit(
        number=1,
        kind=_KIND,
        id=str(case_id),
        fields=touched,
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if change.base is None else change.base,
    )
    async with db.tenant_transaction(actor.tenant_id):
        return await _written(actor, case_id, op, now=now)


async def _written(actor: Actor, case_id: UUID, op: Create | Edit, *, now: datetime) -> Saved:
    """Write one op, and date the case at once: whoever sees it sees until when it is due."""
    became = saved(case_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))
    await set_dues(actor.tenant_id, [str(case_id)], now=now)
    return became
