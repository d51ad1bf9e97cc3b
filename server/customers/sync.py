"""Which records of this room travel, and what it adds to the protocol's rules about them."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from server.access import Actor
from server.changelog.kinds import Along, RecordKind, Written
from server.customers import assigning, index
from server.customers.objects import rules as objects
from server.customers.pools import leaving
from server.customers.rules import fields, pinyin, tags
from server.customers.rules.status import Status


def _complete_customer(actor: Actor, given: Mapping[str, Any], _at_ms: int) -> dict[str, Any]:
    """Give a new customer to who made it, as potential, where nothing else was said."""
    completed: dict[str, Any] = {}
    if given["owner_id"] is None and given["team_id"] is None:
        completed["owner_id"] = str(actor.user_id)
        completed["team_id"] = str(actor.team_id) if actor.team_id else None
    if given["status"] is None:
        completed["status"] = str(Status.POTENTIAL)
    return completed


def _derive_customer(after: Mapping[str, Any]) -> dict[str, Any]:
    """Compute what a customer sorts by."""
    return {"name_pinyin": pinyin.sort_key(after["name"])}


def _complete_note(actor: Actor, given: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    """Name the author of a note, and its time where none was said."""
    written_at = at_ms if given["written_at"] is None else given["written_at"]
    return {"author_id": str(actor.user_id), "written_at": written_at}


def _complete_tag(actor: Actor, given: Mapping[str, Any], _at_ms: int) -> dict[str, Any]:
    """Give a tag to who made it, where nobody else was named."""
    return {} if given["owner_id"] else {"owner_id": str(actor.user_id)}


def _along_customers(written: Sequence[Written]) -> list[Along]:
    """Say what is written along with customers: search keys, and who leaves a pool."""
    return [*index.of_customers(written), *leaving.of_customers(written)]


CUSTOMER: Final = RecordKind(
    name="customer",
    table="customer",
    normalise=fields.normalise_customer,
    check=fields.check_customer,
    complete=_complete_customer,
    ask=assigning.look_up,
    heed=assigning.heed,
    derived={"name_pinyin": "text"},
    derived_from=frozenset({"name"}),
    derive=_derive_customer,
    index=_along_customers,
)
STORE: Final = RecordKind(
    name="store", table="store", normalise=fields.normalise_store, index=index.of_children
)
CONTACT: Final = RecordKind(
    name="contact", table="contact", normalise=fields.normalise_contact, index=index.of_children
)
NOTE: Final = RecordKind(
    name="note", table="note", normalise=fields.normalise_note, complete=_complete_note
)
TAG: Final = RecordKind(
    name="tag",
    table="tag",
    normalise=fields.normalise_tag,
    complete=_complete_tag,
    allow=tags.allow,
    is_audited=True,
)

CUSTOM_OBJECT: Final = RecordKind(name="custom_object", table="custom_object")
CUSTOM_FIELD: Final = RecordKind(name="custom_field", table="custom_field")
CUSTOM_RECORD: Final = RecordKind(
    name="custom_record",
    table="custom_record",
    normalise=partial(fields.normalise, "custom_record"),
    ruled_by="object_id",
    permit=objects.ensure_may_write,
    index=index.of_titled,
)

KINDS: Final = (TAG, CUSTOM_OBJECT, CUSTOM_FIELD, CUSTOMER, STORE, CONTACT, NOTE, CUSTOM_RECORD)
"""This room's records, parents before their children."""

BY_NAME: Final[Mapping[str, RecordKind]] = {kind.name: kind for kind in KINDS}
"""The same, by name."""
