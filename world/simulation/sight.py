"""Who sees which rows of a simulated tenant, and where they stand in the feed."""

from typing import Any, Final

import msgspec

from server.access import Actor, Scope
from server.changelog import storage
from server.sync.store import After, Row
from sync_protocol.merge import HeldRecord, Key, encode_versions
from sync_protocol.schema import SCHEMA, FieldType
from world.simulation.tables import RecordRow, Tables, customer_of

_JSON: Final = frozenset({FieldType.SET, FieldType.ANY})


def sees(actor: Actor, owner_id: object, team_id: object) -> bool:
    """Say whether a customer of this owner and team is within the actor's sight."""
    is_own = owner_id == str(actor.user_id)
    match actor.scope:
        case Scope.TENANT:
            return True
        case Scope.TEAM:
            return is_own or (team_id is not None and team_id == str(actor.team_id))
        case _:
            return is_own


def sees_customer(actor: Actor, tables: Tables, customer_id: str) -> bool:
    """Say whether a customer is there and within the actor's sight."""
    row = tables.records.get(("customer", customer_id))
    if row is None:
        return False
    return sees(actor, row.record.fields["owner_id"], row.record.fields["team_id"])


def may_see(actor: Actor, tables: Tables, key: Key) -> bool:
    """Say whether a record may be written by the actor, a deleted one too."""
    customer_id = customer_of(tables.records[key].record)
    if customer_id is None or ("customer", customer_id) not in tables.records:
        return True
    return sees_customer(actor, tables, customer_id)


def is_shown(actor: Actor, tables: Tables, record: HeldRecord) -> bool:
    """Say whether a device of the actor holds a record: it lives, in sight, with its customer."""
    if record.deleted:
        return False
    customer_id = customer_of(record)
    if customer_id is None:
        return True
    row = tables.records.get(("customer", customer_id))
    return row is not None and not row.record.deleted and sees_customer(actor, tables, customer_id)


def place_of(actor: Actor, tables: Tables, row: RecordRow, after: After) -> tuple[int, int] | None:
    """Give a row's effective sequence and when it entered the scope; None when it is not told."""
    record = row.record
    customer_id = customer_of(record)
    if record.kind == "customer":
        entered = row.scope_seq
        is_within = sees_customer(actor, tables, record.id)
    elif customer_id is None:
        entered, is_within = 0, True
    else:
        customer = tables.records.get(("customer", customer_id))
        entered = customer.scope_seq if customer else 0
        is_within = (
            customer is not None
            and not customer.record.deleted
            and sees_customer(actor, tables, customer_id)
        )
    if not is_within:
        return None
    is_unseen = record.created.seq > after.base and record.seq <= after.started
    if record.deleted and is_unseen:
        return None
    is_child = record.kind != "customer" and customer_id is not None
    is_old_news = record.deleted and record.seq <= after.base
    if is_child and entered > after.base and record.seq < entered and not is_old_news:
        return entered, entered
    return record.seq, entered


def as_row(record: HeldRecord, effective: int, entered_seq: int) -> Row:
    """Give a record as the feed reads it."""
    row: dict[str, Any] = {
        "id": record.id,
        "handle": record.handle,
        "seq": record.seq,
        "created_seq": record.created.seq,
        "versions": _json(encode_versions(record.versions, record.dots)),
        "deleted": record.deleted,
        "effective": effective,
        "entered_seq": entered_seq,
    }
    for spec in SCHEMA.record(record.kind).fields:
        value = record.fields.get(spec.name)
        row[spec.name] = _json(value) if spec.type in _JSON and value is not None else value
    if storage.is_extensible(record.kind):
        custom = storage.to_custom(record.fields)
        row[storage.CUSTOM] = None if custom is None else _json(custom)
    return row


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
