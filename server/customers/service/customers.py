"""Create, edit, delete and restore customers, one or a thousand at once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from billing.plans.rules.versions import Meter
from server.access import Actor, vouched
from server.audit import service as audit
from server.changelog import storage
from server.changelog.kinds import Along
from server.customers import queries, sight
from server.customers.custom import required
from server.customers.queries import doubles, records
from server.customers.queries.doubles import Surroundings
from server.customers.rules import fields as rules
from server.customers.rules import masks
from server.customers.rules.duplicates import likeness
from server.customers.schemas import (
    BatchSaved,
    CustomerBatch,
    CustomerEdit,
    CustomerSaved,
    CustomerView,
    Duplicate,
    Identity,
    NewCustomer,
    Saved,
)
from server.customers.service import writing
from server.customers.service.references import ensure_tags, ensure_teams, teams_of
from server.entitlements import service as entitlements
from server.kit import clock, db, ids
from server.kit.errors import Forbidden
from sync_protocol.merge import HeldRecord
from sync_protocol.messages import SetChange
from sync_protocol.schema.custom import is_custom

_TAG_CHANGES: Final = frozenset({"add_tags", "remove_tags"})
_COMPARED: Final = frozenset({"name", "uscc", "phone"})
"""What doubles are found by."""
_SHARED: Final = frozenset(
    {"name", "status", "level", "city", "district", "industry", "source", "tags"}
)
"""What is always shared of a customer, and may be written where a line lets write."""
_OWN_ID: Final = frozenset({"id"})
_OTHERS: Final = """
SELECT count(*) FROM customer WHERE tenant_id = $1 AND NOT deleted AND id <> ALL ($2::uuid[])
"""


class SharedInPart(Forbidden):
    """Another team shares this customer, and does not let write this of it."""

    code = "shared_in_part"


async def create(
    actor: Actor, new: NewCustomer, *, now: datetime, is_asked: bool = True
) -> CustomerSaved:
    """Create a customer, and tell which others look like it.

    :param is_asked: whether a person is there who can give what a new customer must have.
    :raises IdReused: the id is another customer's.
    :raises PlanLimitReached: the company's plan includes no more of them.
    """
    try:
        return await _create(actor, new, now=now, is_asked=is_asked)
    except asyncpg.UniqueViolationError:
        # The same request at the same moment: once more, and what the other one made is found.
        return await _create(actor, new, now=now, is_asked=is_asked)


async def _create(
    actor: Actor, new: NewCustomer, *, now: datetime, is_asked: bool
) -> CustomerSaved:
    """Create a customer whom nobody makes at the same moment."""
    customer_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        fields = await _complete(actor, writing.fields_of(new, but=_OWN_ID))
        compared = rules.normalise("customer", {name: fields[name] for name in _COMPARED})
        # Before the tenant's clock is taken: others of the tenant wait from there on.
        around = await _duplicates(actor, [compared], but=[customer_id])
        if is_asked:
            await required.ensure_given(actor, around.required, [fields])
        op = writing.creation("customer", customer_id, fields, now=now)
        if around.are_there:
            await writing.settle(actor, [op], now=now)
            customer = await records.known(actor, customer_id)
        else:
            if is_asked:
                await _ensure_room(actor, [customer_id], now=now)
            line = audit.entry(actor, "customer.created", subject_id=customer_id, now=now)
            applied = await writing.add(actor, op, along=[Along(*line)], now=now)
            made = view_of(applied.result.records["customer", op.id], now=now)
            customer = masks.view(actor, made.owner_id, made)
    return CustomerSaved(
        id=customer_id,
        seq=customer.seq,
        outcome="applied",
        customer=customer,
        duplicates=around.doubles.get(0, []),
    )


async def _ensure_room(actor: Actor, made: Sequence[UUID], *, now: datetime) -> None:
    """Refuse customers beyond the company's plan; the same ones asked for again are within it."""

    async def held() -> int:
        return int(await db.connection().fetchval(_OTHERS, actor.tenant_id, made))

    await entitlements.ensure_within(
        actor.tenant_id, Meter.CUSTOMERS, held, asked=len(made), now=now
    )


async def create_many(actor: Actor, batch: CustomerBatch, *, now: datetime) -> BatchSaved:
    """Create up to 1,000 customers, all or none, with one sequence number.

    :raises IdReused: an id is another customer's.
    :raises PlanLimitReached: the company's plan includes no more of them.
    """
    try:
        return await _create_many(actor, batch, now=now)
    except asyncpg.UniqueViolationError:
        # As for one: the same request at the same moment.
        return await _create_many(actor, batch, now=now)


async def _create_many(actor: Actor, batch: CustomerBatch, *, now: datetime) -> BatchSaved:
    """Create customers whom nobody makes at the same moment."""
    made = [new.id or ids.new_id(now) for new in batch.customers]
    async with db.tenant_transaction(actor.tenant_id):
        given = [writing.fields_of(new, but=_OWN_ID) for new in batch.customers]
        await ensure_tags(actor, {tag for fields in given for tag in fields["tags"]})
        await ensure_teams(actor, {fields["team_id"] for fields in given})
        teams = await teams_of(actor, {fields["owner_id"] for fields in given})
        wanted = await required.of(actor, "customer")
        await required.ensure_given(actor, wanted, given, place="customers[{}].custom")
        for fields in given:
            _follow_owner(fields, teams)
        await _ensure_room(actor, made, now=now)
        ops = [
            writing.creation("customer", customer_id, fields, now=now, number=number)
            for number, (customer_id, fields) in enumerate(zip(made, given, strict=True), 1)
        ]
        applied = await writing.settle(
            actor, ops, now=now, place=lambda number: f"customers[{number - 1}]"
        )
        created = applied.result.records
        if created:
            await audit.record(
                actor, "customers.created", subject_id=None, now=now, customers=len(created)
            )
    # Read after the commit: what is written holds the tenant's clock, for which others wait.
    async with db.tenant_transaction(actor.tenant_id):
        around = await _duplicates(actor, [held.fields for held in created.values()], but=made)
    places = {str(customer_id): at for at, customer_id in enumerate(made)}
    at_of = [places[held.id] for held in created.values()]
    return BatchSaved(
        seq=max(writing.seq_of(outcome) for outcome in applied.result.outcomes),
        ids=made,
        duplicates={at_of[number]: doubles for number, doubles in around.doubles.items()},
    )


async def edit(
    actor: Actor, customer_id: UUID, change: CustomerEdit, *, now: datetime
) -> CustomerSaved:
    """Edit a customer's touched fields, and tell which others look like it now.

    :raises Stale: when it was to be refused if somebody else wrote meanwhile.
    :raises IllegalTransition: the status does not lead there.
    :raises PhoneHidden: its phones are hidden from the actor, who would write over them.
    :raises OptedOut: it would be somebody else's, and nobody may call it.
    """
    fields = writing.fields_of(change, but=_TAG_CHANGES)
    added, removed = map(str, change.add_tags), map(str, change.remove_tags)
    tags = SetChange(add=tuple(sorted(added)), remove=tuple(sorted(removed)))
    async with db.tenant_transaction(actor.tenant_id):
        held = await records.one(actor, customer_id, with_shared=True)
        masks.ensure_may_take(actor, held.owner_id, fields)
        masks.ensure_may_write(actor, held.owner_id, fields)
        writer = _writer(actor, held, fields)
        await ensure_tags(actor, set(tags.add))
        await ensure_teams(actor, {fields.get("team_id")})
        if fields.get("owner_id"):
            _follow_owner(fields, await teams_of(actor, {fields["owner_id"]}))
        done = await writing.edit_record(
            writer,
            "customer",
            customer_id,
            fields,
            change,
            now=now,
            sets={"tags": tags} if tags.add or tags.remove else None,
        )
        if writer != actor:
            await audit.record(actor, "customer.edited_shared", subject_id=customer_id, now=now)
        if "owner_id" in fields or "team_id" in fields:
            await note_assigned(actor, [str(customer_id)], now)
    # Read after the commit: what is written holds the tenant's clock, for which others wait.
    async with db.tenant_transaction(actor.tenant_id):
        customer = await records.known(actor, customer_id)
        found: dict[int, list[Duplicate]] = {}
        if not _COMPARED.isdisjoint(fields):
            compared = msgspec.to_builtins(customer)
            if masks.hides(actor, customer.owner_id):
                compared["phone"] = None
            around = await _duplicates(actor, [compared], but=[customer_id])
            found = around.doubles
    return CustomerSaved(
        id=customer_id,
        seq=customer.seq,
        outcome=done.outcome,
        conflicts=done.conflicts,
        customer=customer,
        duplicates=found.get(0, []),
    )


async def note_assigned(actor: Actor, customers: Collection[str], now: datetime) -> None:
    """Write into the trail that customers were given to other owners or teams."""
    for customer_id in customers:
        await audit.record(actor, "customer.assigned", subject_id=UUID(customer_id), now=now)


def _writer(actor: Actor, held: CustomerView, fields: Mapping[str, Any]) -> Actor:
    """Give who may write these fields: of a shared customer what a line lets write, in its name.

    :raises SharedInPart: the other team lets see this field at most.
    """
    if not held.shared:
        return actor
    lines = [line for line in sight.lines_of(actor) if line.may_write and line.covers(held)]
    parts = {part.value for line in lines for part in line.parts}
    is_custom_shared = "custom" in parts
    for name in fields:
        is_open = name in parts or name in _SHARED or (is_custom(name) and is_custom_shared)
        if not (lines and is_open):
            raise SharedInPart(
                "Another team lets you see this customer, and not write this; ask its owner.",
                field=name,
            )
    if not lines:
        raise SharedInPart("Another team lets you see this customer alone; ask its owner.")
    return vouched(actor)


async def delete(actor: Actor, customer_id: UUID, *, base: int | None, now: datetime) -> Saved:
    """Delete a customer; it can be restored."""
    async with db.tenant_transaction(actor.tenant_id):
        done = await writing.delete_record(actor, "customer", customer_id, base=base, now=now)
        await audit.record(actor, "customer.deleted", subject_id=customer_id, now=now)
    return done


async def restore(actor: Actor, customer_id: UUID, *, now: datetime) -> Saved:
    """Bring a deleted customer back, with all that belonged to it."""
    async with db.tenant_transaction(actor.tenant_id):
        done = await writing.restore_record(actor, "customer", customer_id, now=now)
        await audit.record(actor, "customer.restored", subject_id=customer_id, now=now)
    return done


async def find_duplicates(actor: Actor, identity_: Identity) -> list[Duplicate]:
    """Tell, before anything is saved, which customers look like this one."""
    given = writing.fields_of(identity_)
    fields = rules.accept("customer", {name: value for name, value in given.items() if value})
    return await queries.duplicates(
        actor, fields.get("name"), uscc=fields.get("uscc"), phone=fields.get("phone")
    )


async def _complete(actor: Actor, fields: dict[str, Any]) -> dict[str, Any]:
    """See that owner, team and tags are there, and let the team follow the owner."""
    await ensure_tags(actor, set(fields["tags"]))
    await ensure_teams(actor, {fields["team_id"]})
    _follow_owner(fields, await teams_of(actor, {fields["owner_id"]}))
    return fields


def _follow_owner(fields: dict[str, Any], teams: dict[str, str | None]) -> None:
    """Give a customer to its owner's team where no other was named."""
    if fields.get("owner_id") and fields.get("team_id") is None:
        fields["team_id"] = teams[fields["owner_id"]]


async def _duplicates(
    actor: Actor, fields: Sequence[Mapping[str, Any]], *, but: Sequence[UUID]
) -> Surroundings:
    """Find who looks like customers with these fields in normal form, by their position."""
    likenesses = [
        likeness(each["name"], uscc=each.get("uscc"), phone=each.get("phone")) for each in fields
    ]
    return await doubles.duplicates_of(actor, likenesses, but=but)


def view_of(held: HeldRecord, *, now: datetime) -> CustomerView:
    """Show a customer that has just been written, as a query would."""
    return msgspec.convert(
        {
            **held.fields,
            "id": held.id,
            "seq": held.seq,
            "tags": held.fields["tags"] or [],
            "created_at": clock.from_ms(held.created.at_ms),
            "updated_at": now,
            "deleted": held.deleted,
            "custom": storage.to_custom(held.fields) or {},
        },
        CustomerView,
    )
