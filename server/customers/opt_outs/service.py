"""Write down that somebody is not to be called by any company, or take it back."""

from datetime import datetime
from typing import Final

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.customers.opt_outs import rules
from server.customers.opt_outs.rules import OptOutReason
from server.identity import keys
from server.kit import db

_ADD: Final = """
INSERT INTO contact_opt_out (phone_hash, mark, reason, since) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
_REMOVE: Final = "DELETE FROM contact_opt_out WHERE phone_hash = $1 AND mark = $2"


async def opt_out(actor: Actor, phone: str, reason: OptOutReason, *, now: datetime) -> None:
    """Write down that this phone (E.164) is not to be called; again changes nothing."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        status = await db.connection().execute(_ADD, *_names(actor, phone), reason, now)
        if status.endswith(" 1"):
            await audit.record(actor, "phone.opted_out", subject_id=None, now=now, reason=reason)


async def withdraw(actor: Actor, phone: str, *, now: datetime) -> bool:
    """Take back what this company wrote of a phone; what others wrote of it stays.

    Say whether there was anything.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        status = await db.connection().execute(_REMOVE, *_names(actor, phone))
        was_there: bool = status.endswith(" 1")
        if was_there:
            await audit.record(actor, "phone.opted_in", subject_id=None, now=now)
    return was_there


def _names(actor: Actor, phone: str) -> tuple[bytes, bytes]:
    """Give the two names of a company's line about a phone."""
    key = keys.current().opt_outs
    return rules.phone_hash(phone, key=key), rules.mark(phone, actor.tenant_id, key=key)
