"""Open and close sources, and take what they tell: each event once."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.automation.plays import acting
from server.automation.plays.rules import TRIAL_DAYS_MAX
from server.automation.signals import queries, rules
from server.automation.signals.schemas import (
    NewSignal,
    NewSignalSource,
    SignalSourceSaved,
    SignalTaken,
    Told,
)
from server.changelog import custom as custom_values
from server.customers import queries as customers
from server.customers.custom import queries as custom
from server.identity import keys
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound
from server.kit.text import clean

_NOBODY: Final = UUID(int=0)
"""In place of a source, where somebody tells with an access token."""
_ADD: Final = """
INSERT INTO signal_source (tenant_id, id, name, account_field, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_CLOSE: Final = """
UPDATE signal_source SET closed_at = $3 WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL
"""
_OPEN: Final = """
SELECT account_field FROM signal_source WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL
"""
_BY_ACCOUNT: Final = """
SELECT DISTINCT record_id FROM customer_token WHERE tenant_id = $1 AND token = $2
"""
_KEEP: Final = """
INSERT INTO signal (tenant_id, source_id, event_id, event, customer_id, happened_at, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""
_HELD: Final = """
SELECT event, customer_id, happened_at FROM signal
WHERE tenant_id = $1 AND source_id = $2 AND event_id = $3
"""
_FORGET: Final = "DELETE FROM signal WHERE tenant_id = $1 AND received_at < $2"


async def open_source(actor: Actor, new: NewSignalSource, *, now: datetime) -> SignalSourceSaved:
    """Let a system outside tell of customers, and give its secret.

    :raises AccountFieldUnfit: the field is none of customers, or values may repeat in it.
    :raises IdReused: the id is another source's.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    source_id, name = new.id or ids.new_id(now), clean(new.name)
    async with db.tenant_transaction(actor.tenant_id):
        await _ensure_names_one(actor, new.account_field)
        made = await db.connection().execute(
            _ADD, actor.tenant_id, source_id, name, new.account_field, actor.user_id, now
        )
        if made.endswith(" 1"):
            await audit.record(actor, "signal_source.opened", subject_id=source_id, now=now)
        held = await queries.source(actor, source_id)
    if (held.name, held.account_field) != (name, new.account_field):
        raise IdReused("This id belongs to another source; make a new one.", field="id")
    secret = rules.secret(actor.tenant_id, source_id, key=keys.current().mac)
    return SignalSourceSaved(source=held, secret=rules.shown(secret))


async def _ensure_names_one(actor: Actor, field: str | None) -> None:
    """Refuse a field by which no customer, or more than one, could be named."""
    if field is None:
        return
    defined = await custom.definitions(actor, "customer")
    if not any(each.name == field and each.is_unique for each in defined):
        raise rules.AccountFieldUnfit(
            "Choose a custom field of customers that is unlike all others.",
            field="account_field",
        )


async def close_source(actor: Actor, source_id: UUID, *, now: datetime) -> None:
    """Take nothing more from a source; again changes nothing.

    :raises NotFound: there is none.
    """
    ensure(actor, Permission.AUTOMATION_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        await queries.source(actor, source_id)
        closed = await db.connection().execute(_CLOSE, actor.tenant_id, source_id, now)
        if closed.endswith(" 1"):
            await audit.record(actor, "signal_source.closed", subject_id=source_id, now=now)


async def tell(actor: Actor, told: NewSignal, *, now: datetime) -> SignalTaken:
    """Take what somebody tells with an access token."""
    ensure(actor, Permission.AUTOMATION_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        return await _take(actor, told.source_id or _NOBODY, told.event_id, told, now=now)


async def receive(
    tenant_id: UUID,
    source_id: UUID,
    told: Told,
    *,
    event_id: str,
    sent_s: str,
    signatures: str,
    body: bytes,
    now: datetime,
) -> SignalTaken:
    """Take what a source tells: the signature is looked at before anything is read.

    :param event_id: with `sent_s` and `signatures` what the message's headers say.
    :raises SignatureRefused: the source did not sign it.
    :raises NotFound: the source is closed, or the customer is not there.
    :raises IdReused: the same event came with other content.
    """
    secrets = [rules.secret(tenant_id, source_id, key=key) for key in keys.current().macs]
    rules.ensure_signed(
        secrets, event_id=event_id, sent_s=sent_s, signatures=signatures, body=body, now=now
    )
    product = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="signals")
    async with db.tenant_transaction(tenant_id):
        return await _take(product, source_id, event_id, told, now=now)


async def _take(
    actor: Actor, source_id: UUID, event_id: str, told: Told, *, now: datetime
) -> SignalTaken:
    """Keep a signal and let plays act on it, in the open transaction; again does neither."""
    customer_id = await _customer_of(actor, source_id, told)
    key = (actor.tenant_id, source_id, event_id)
    kept = await db.connection().execute(
        _KEEP, *key, told.event, customer_id, told.happened_at, now
    )
    if not kept.endswith(" 1"):
        held = await db.connection().fetchrow(_HELD, *key)
        if held is None or tuple(held) != (told.event, customer_id, told.happened_at):
            raise IdReused("This event came before with other content.", field="event_id")
        return SignalTaken(is_new=False, fired=0)
    since = now - timedelta(microseconds=1)
    fired = await acting.hear(actor.tenant_id, told.event, customer_id, since=since, now=now)
    return SignalTaken(is_new=True, fired=fired)


async def _customer_of(actor: Actor, source_id: UUID, told: Told) -> UUID:
    """Find whom a signal is about, within the actor's sight.

    :raises CustomerUnnamed: it names nobody, or somebody twice.
    :raises NotFound: there is no such source or customer.
    """
    if (told.customer_id is None) == (told.account is None):
        raise rules.CustomerUnnamed("Give customer_id or account, one of them.", field="account")
    field = None
    if source_id != _NOBODY:
        row = await db.connection().fetchrow(_OPEN, actor.tenant_id, source_id)
        if row is None:
            raise NotFound
        field = row["account_field"]
    if told.customer_id is not None:
        return (await customers.one(actor, told.customer_id)).id
    if field is None or told.account is None:
        raise rules.CustomerUnnamed("This source names customers by id.", field="customer_id")
    token = custom_values.token(field, clean(told.account))
    rows = await db.connection().fetch(_BY_ACCOUNT, actor.tenant_id, token)
    if len(rows) != 1:
        raise NotFound(field="account")
    return (await customers.one(actor, rows[0]["record_id"])).id


async def forget(tenant_id: UUID, *, now: datetime) -> None:
    """Throw away signals that no trial looks at any more."""
    async with db.tenant_transaction(tenant_id):
        oldest = now - timedelta(days=TRIAL_DAYS_MAX)
        await db.connection().execute(_FORGET, tenant_id, oldest)
