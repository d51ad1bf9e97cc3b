"""What a company added without code, in a terminal: its objects with their records, its fields."""

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mobile_client_sdk.client import Client
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, USAGE, Desk, Stop, phone_spelled
from mobile_client_sdk.device.tables import Column
from mobile_client_sdk.records import CustomObject, CustomRecord, Record, custom_of
from sync_protocol import custom_texts
from sync_protocol.custom_fields import Definition
from sync_protocol.schema import CustomType, ValueRefused

_TITLE = "title"


def objects(desk: Desk, asked: Namespace) -> int:
    """List the objects that the company added, with the fields of each."""
    del asked
    with desk.open() as client:
        rows = [
            [
                each.name(language_of(desk)),
                each.title(language_of(desk)),
                " ".join(
                    field.definition.label(language_of(desk))
                    for field in client.custom_fields("custom_record", each)
                ),
                each.meaning or "",
            ]
            for each in client.custom_objects()
        ]
    if not rows:
        desk.say("no_objects")
        return DONE
    columns = [
        Column(desk.words("object"), 20),
        Column(desk.words("title"), 20),
        Column(desk.words("fields"), 40),
        Column(desk.words("meaning"), 40),
    ]
    desk.print_table(columns, rows)
    return DONE


def records(desk: Desk, asked: Namespace) -> int:
    """List the records of the company's objects: of a customer, of an object, or all."""
    with desk.open() as client:
        customer = None if asked.customer is None else desk.customer(client, asked.customer)
        of = None if asked.object is None else _object(desk, client, asked.object)
        known = {each.id: each for each in client.find(CustomObject)}
        rows = []
        for each in client.custom_records(customer, of=of):
            theirs = client.customer(each.customer_id)
            sort = known.get(each.object_id)
            rows.append(
                [
                    each.id[-ID_END:],
                    "" if theirs is None else theirs.name,
                    "" if sort is None else sort.name(language_of(desk)),
                    each.title,
                    " · ".join(f"{name} {value}" for name, value in told(desk, client, each)),
                ]
            )
    if not rows:
        desk.say("no_records")
        return DONE
    columns = [
        Column(desk.words("id"), ID_END),
        *(Column(desk.words(title), 24) for title in ("customer", "object", "title")),
        Column(desk.words("fields"), 60),
    ]
    desk.print_table(columns, rows)
    return DONE


def add(desk: Desk, asked: Namespace) -> int:
    """Add a record of one of the company's objects to a customer."""
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        of = _object(desk, client, asked.object)
        custom, rest = read(desk, asked.fields, definitions(client, "custom_record", of.id))
        _refuse_rest(desk, rest, of, client)
        made = client.add_record(customer, of, asked.title, custom=custom)
        desk.say("added", name=made.title, id=made.id[-ID_END:])
    return DONE


def amend(desk: Desk, asked: Namespace) -> int:
    """Change a record of one of the company's objects; its title is called as the object says."""
    with desk.open() as client:
        record, before = _record(desk, client, asked.record), client.pending_count
        of = client.get(CustomObject, record.object_id)
        custom, rest = read(
            desk, asked.fields, definitions(client, "custom_record", record.object_id)
        )
        titles = {_TITLE, desk.words("title")}
        titles |= set() if of is None else {of.title("zh"), of.title("en")}
        _refuse_rest(desk, {k: v for k, v in rest.items() if k not in titles}, of, client)
        with client.edit(record) as draft:
            custom_of(draft).update(custom)
            for title in rest.values():
                draft.title = title
        desk.say("saved" if client.pending_count > before else "unchanged")
    return DONE


def drop(desk: Desk, asked: Namespace) -> int:
    """Delete a record of one of the company's objects."""
    with desk.open() as client:
        record = _record(desk, client, asked.record)
        client.delete(record)
        desk.say("deleted", name=record.title)
    return DONE


# --------------------------------------------------------------------------- the company's fields


def language_of(desk: Desk) -> str:
    """Answer in which language definitions are read out."""
    return "en" if desk.words.language == "en" else "zh"


def definitions(client: Client, subject: str, object_id: str | None = None) -> list[Definition]:
    """Answer the fields in use of a kind of record, or of an object's records."""
    return [each.definition for each in client.custom_fields(subject, object_id)]


def told(desk: Desk, client: Client, record: Record) -> list[tuple[str, str]]:
    """Answer what a record says in the company's own fields: names and values, for people."""
    held, language = custom_of(record), language_of(desk)
    object_id = getattr(record, "object_id", None)
    return [
        (each.label(language), custom_texts.written(each, held[each.name], language=language))
        for each in definitions(client, record.KIND, object_id)
        if held.get(each.name) is not None
    ]


def read(
    desk: Desk, texts: Iterable[str], known: Sequence[Definition]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Answer what ``field=value`` words say of the company's own fields, and what of others.

    :raises Stop: if a word is not of this form, or a value none of its field.
    """
    by_label = {
        name: each for each in known for name in (each.label_en, each.label_zh, each.name) if name
    }
    custom: dict[str, Any] = {}
    rest: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise Stop(USAGE, desk.words("error.fields", text=text))
        found = by_label.get(name)
        if found is None:
            rest[name] = value
        else:
            custom[found.name] = _value(desk, found, value)
    return custom, rest


def _value(desk: Desk, definition: Definition, text: str) -> Any:
    """Answer a value as it is stored; of several choices, none is an empty set.

    :raises Stop: if it is none of its field, and says what would be one.
    """
    language = language_of(desk)
    try:
        value = custom_texts.read(definition, text)
    except ValueRefused as error:
        known = " ".join(custom_texts.options(definition, language).values())
        said = {"field": definition.label(language), "known": known, "n": definition.decimals}
        raise Stop(NOT_DONE, desk.words(f"error.own.{definition.type}", **said)) from error
    if value is None and definition.type is CustomType.CHOICES:
        return []
    return phone_spelled(value) if definition.type is CustomType.PHONE and value else value


def _refuse_rest(
    desk: Desk, rest: Mapping[str, str], of: CustomObject | None, client: Client
) -> None:
    """Refuse names that are no fields of an object.

    :raises Stop: naming those that there are.
    """
    if not rest:
        return
    object_id = None if of is None else of.id
    known = definitions(client, "custom_record", object_id)
    labels = " ".join(each.label(language_of(desk)) for each in known)
    raise Stop(USAGE, desk.words("error.field", field=next(iter(rest)), known=labels))


def _object(desk: Desk, client: Client, named: str) -> CustomObject:
    """Answer the object that a person means.

    :raises Stop: if there is none.
    """
    held = client.custom_objects()
    for each in held:
        if named in (each.name_zh, each.name_en):
            return each
    known = " ".join(each.name(language_of(desk)) for each in held)
    raise Stop(NOT_DONE, desk.words("error.no_object", named=named, known=known))


def _record(desk: Desk, client: Client, named: str) -> CustomRecord:
    """Answer the record that a person means.

    :raises Stop: if there is none, or more than one.
    """
    held = client.custom_records()
    found = [each for each in held if named in each.title]
    found = found or [each for each in held if each.id.endswith(named.lower())]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_record", named=named))
    if len(found) > 1:
        lines = [f"  {each.id[-ID_END:]}  {each.title}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named), *lines]))
    return found[0]
