"""Contracts as plain facts: written and changed. What becomes of them is decided by `deciding`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from server.access import Actor, Permission, ensure
from server.access.hidden import restored
from server.changelog import service as changelog
from server.contracts import queries
from server.contracts.kinds import WRITTEN
from server.contracts.schemas import ContractEdit, NewContract, NewInstalment
from server.customers import queries as customers
from server.customers.rules import masks
from server.customers.saving import named, saved
from server.customers.schemas import Saved
from server.kit import clock, db, ids
from server.kit.errors import Invalid
from server.pipeline import queries as pipeline
from server.sales import queries as sales
from sync_protocol.contracting import plan as planning
from sync_protocol.contracting.plan import Instalment
from sync_protocol.messages import Create, Edit

_KIND: Final = "contract"
_WRITTEN: Final = ("title", "party_a", "party_b")
"""Texts of which a form is filled with what the contract is made from."""


async def create(actor: Actor, new: NewContract, *, now: datetime) -> Saved:
    """Write a contract with a customer; it is a draft.

    Made from a quote, it takes its amount, currency and lines; to renew another, its parties.

    :raises NotFound: what it is made from is not there, or out of sight.
    :raises BadPlan: the instalments do not come to the amount.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    contract_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        given = await _drawn(actor, new, now=now)
        for name in ("customer_id", "title"):
            if given.get(name) is None:
                raise Invalid("Say with whom, and what for.", field=name)
        given["plan"] = planning.write(_instalments(named(contract_id, new.plan), now))
        op = Create(
            number=1,
            kind=_KIND,
            id=str(contract_id),
            fields={name: value for name, value in given.items() if value is not None},
            at_ms=clock.to_ms(now),
            base=changelog.base_of_now(),
        )
        return saved(contract_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))


async def _drawn(actor: Actor, new: NewContract, *, now: datetime) -> dict[str, Any]:
    """Draw up what a new contract says; what is left out comes from what it is made from.

    :raises NotFound: that is not there, or out of sight.
    """
    drawn: dict[str, Any] = {"currency": "CNY"}
    shown: list[str | None] = []
    if new.renews_id is not None:
        old = await queries.one(masks.unmasked(actor), new.renews_id, now=now)
        for name in ("customer_id", "opportunity_id", "title", "party_a", "party_b", "currency"):
            drawn[name] = getattr(old, name)
        drawn |= {"amount_minor": old.amount_minor, "account_manager_id": old.account_manager_id}
        # A renewal is a deal of its own.
        del drawn["opportunity_id"]
        shown += [old.title, old.party_a, old.party_b]
    if new.opportunity_id is not None:
        deal = await pipeline.one(masks.unmasked(actor), new.opportunity_id, now=now)
        drawn["customer_id"] = deal.customer_id
        shown += [deal.name, deal.customer_name]
    if new.quote_id is not None:
        quote = await sales.one(masks.unmasked(actor), new.quote_id)
        drawn |= {"customer_id": quote.customer_id, "opportunity_id": quote.opportunity_id}
        drawn |= {"title": quote.name, "currency": quote.currency}
        drawn["amount_minor"] = quote.totals.net_minor
        shown += [quote.name, quote.customer_name]
    said = msgspec.structs.asdict(new)
    drawn |= {name: value for name, value in said.items() if value is not None}
    if actor.masks_phones:
        if drawn.get("customer_id") is not None and not shown:
            customer = await customers.one(masks.unmasked(actor), drawn["customer_id"])
            shown = [customer.name]
        given = {name: drawn[name] for name in _WRITTEN if drawn.get(name) is not None}
        drawn |= {name: restored(text, shown, name) for name, text in given.items()}
    for name in ("id", "plan"):
        drawn.pop(name, None)
    return {name: str(value) if isinstance(value, UUID) else value for name, value in drawn.items()}


async def edit(actor: Actor, contract_id: UUID, change: ContractEdit, *, now: datetime) -> Saved:
    """Change a contract. Whatever an approval is about makes it a draft again.

    :raises ContractClosed: both have signed, or it was given up.
    :raises BadPlan: the instalments would not come to the amount.
    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    touched: dict[str, Any] = {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in msgspec.structs.asdict(change).items()
        if name != "base" and value is not UNSET
    }
    if not isinstance(change.plan, UnsetType):
        touched["plan"] = planning.write(_instalments(change.plan, now))
    op = Edit(
        number=1,
        kind=_KIND,
        id=str(contract_id),
        fields=touched,
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if change.base is None else change.base,
    )
    async with db.tenant_transaction(actor.tenant_id):
        return saved(contract_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))


def _instalments(given: Sequence[NewInstalment], now: datetime) -> list[Instalment]:
    """Give each instalment an id."""
    return [
        Instalment(
            id=str(each.id or ids.new_id(now)),
            name=each.name,
            due_on=each.due_on,
            amount_minor=each.amount_minor,
        )
        for each in given
    ]
