"""Gather what the page of one customer shows: facts, people, history, conflicts, deals."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from partner_portal.customers import own
from partner_portal.customers.fields import CONTACT, CUSTOMER, SPOKEN, STORE, Input
from partner_portal.formats import (
    CASE_COLOURS,
    CONTRACT_COLOURS,
    REQUEST_COLOURS,
    SEVERITY_COLOURS,
    STAGE_COLOURS,
    Formats,
)
from partner_portal.quality.pages import MENDED_AT
from partner_portal.words import Catalogue, Language
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.activities import queries as activities
from server.benefits import queries as benefits
from server.benefits.schemas import BenefitFilters
from server.cases import queries as cases
from server.contracts import queries as contracts
from server.customers import queries as customers
from server.customers.custom import queries as customs
from server.customers.objects.queries import objects, records
from server.customers.objects.schemas import RecordView
from server.customers.reveals import queries as reveals
from server.customers.schemas import CustomerDetail, HistoryEntry
from server.identity import queries as identity
from server.identity.schemas import Directory
from server.kit import clock, ids
from server.pipeline import queries as deals
from server.quality import queries as quality
from server.registrations import queries as registrations
from server.relationships import queries as relationships
from server.requests import queries as requests
from server.sync import queries as sync
from sync_protocol.custom_fields import Definition
from sync_protocol.schema import CONTACT_ROLES, STANCES
from sync_protocol.schema.custom import is_custom

TAGS_SHOWN: Final = 8
"""How many of a customer's tags stand on its page; the others are one step away (S15)."""
ICONS: Final = {
    "customer": "building-2",
    "contact": "user",
    "store": "store",
    "note": "notebook-pen",
    "lead": "user-plus",
    "visit": "map-pin",
    "call": "phone",
    "call_ban": "phone",
    "task": "clipboard-list",
    "attachment": "file-up",
    "conflict": "git-compare",
    "tag": "tag",
    "opportunity": "funnel",
    "quote": "file-check",
    "contract": "badge-check",
    "registration": "shield-check",
    "service_case": "circle-help",
    "resource_request": "sparkles",
    "custom_record": "layers",
}
_CHOSEN: Final = {Input.STATUS: "status", Input.ROLE: "contact_role", Input.STANCE: "stance"}
"""Below which key the words of a choice stand."""
_LATE: Final = timedelta(minutes=10)
"""So long after it was written, what comes in tells when that was."""
_EARLY: Final = timedelta(days=366)
"""No device has kept anything for longer than this."""
_UNTOLD: Final = frozenset({"author_id", "written_at", "customer_id", "store_id", "team_id"})
"""Fields whose change a person would not call one."""
_WHOLE: Final = frozenset(
    {
        "conflict",
        "attachment",
        "lead",
        "visit",
        "call",
        "call_ban",
        "task",
        "opportunity",
        "quote",
        "contract",
        "registration",
        "service_case",
        "resource_request",
    }
)
"""Kinds of which it is told that something happened, not what changed within."""


class Told(msgspec.Struct, frozen=True):
    """One change, as it is told."""

    field: str
    old: str
    new: str


class Moment(msgspec.Struct, frozen=True):
    """One line of the timeline."""

    at: datetime
    icon: str
    title: str
    who: str
    device: str
    changes: list[Told]
    body: str = ""
    written_at: datetime | None = None
    """By the device's clock, where that was well before it came in."""


def written_before(written: datetime | None, came_at: datetime) -> datetime | None:
    """Say when something was written that a device brought later; nothing where it came at once.

    A device's clock may be wrong: nothing is told that it cannot have been.
    """
    is_told = written is not None and _LATE <= came_at - written <= _EARLY
    return written if is_told else None


def spoken(words: Catalogue) -> str:
    """Give the language in which custom fields are called."""
    return "en" if words.language is Language.ENGLISH else "zh"


class Teller:
    """Says values of records as a person would read them."""

    def __init__(
        self,
        words: Catalogue,
        formats: Formats,
        directory: Directory,
        tags: Mapping[UUID, str],
        own_fields: Sequence[Definition] = (),
    ) -> None:
        self._words = words
        self._formats = formats
        self._own_fields = own_fields
        self._people = {str(id_): name for id_, name in directory.people.items()}
        self._devices = directory.devices
        self._tags = {str(id_): name for id_, name in tags.items()}

    def value(self, name: str, value: Any) -> str:
        """Write one value of a field."""
        if value is None or value == "":
            return ""
        if name == "tags":
            items = value if isinstance(value, (list, tuple)) else [value]
            return ", ".join(self._tags.get(str(item), "…") for item in items)
        if is_custom(name):
            return own.said(self._own_fields, name, value, spoken(self._words))
        field = SPOKEN.get(name)
        return self._written(field.input if field else Input.LINE, value)

    def label(self, name: str) -> str:
        """Say what a field is called."""
        found = next((each for each in self._own_fields if each.name == name), None)
        if found is not None:
            return found.label(spoken(self._words))
        return self._words.say("custom.gone" if is_custom(name) else f"field.{name}")

    @staticmethod
    def called(kind: str, field: str) -> str:
        """Give the key of a field's word: a person's title is another than that of a record."""
        return "record_title" if (kind, field) == ("custom_record", "title") else field

    def _written(self, kind: Input, value: Any) -> str:
        """Write a value of a kind."""
        match kind:
            case Input.STATUS | Input.ROLE | Input.STANCE:
                return self._words.say(f"{_CHOSEN[kind]}.{value}")
            case Input.OWNER:
                return self._people.get(str(value), "…")
            case Input.MONEY:
                return self._formats.money(int(value))
            case Input.PHONE:
                return self._formats.phone(str(value))
            case _:
                return str(value)

    def person(self, user_id: UUID | None) -> str:
        """Name a person; one who is not of the company any more is still somebody.

        What jobs and rules write has the product itself for its author.
        """
        if user_id is not None and not user_id.int:
            return self._words.say("history.product")
        return self._people.get(str(user_id), "") or self._words.say("history.somebody")

    def moment(
        self,
        entry: HistoryEntry,
        said: Mapping[UUID, str],
        written: Mapping[UUID, datetime | None],
    ) -> Moment:
        """Tell one line of the history.

        :param said: what notes say and how contacts and stores are called, by their ids.
        :param written: when notes were written, as their devices said.
        """
        device = self._devices.get(entry.device_id, "") if entry.device_id else ""
        changes = [
            Told(self.called(entry.kind, change.field), self.value(change.field, change.old), new)
            for change in entry.changes
            if change.field not in _UNTOLD and entry.kind not in _WHOLE
            for new in [self.value(change.field, change.new)]
        ]
        return Moment(
            at=entry.at,
            icon=ICONS.get(entry.kind, "history"),
            title=self._words.say(f"history.{entry.kind}.{entry.action}"),
            who=self.person(entry.actor_id),
            device=device or ("" if not entry.device_id else self._words.say("history.device")),
            changes=changes,
            body=said.get(entry.record_id, "") if entry.action == "create" else "",
            written_at=written_before(written.get(entry.record_id), entry.at),
        )


async def facts(
    actor: Actor, customer_id: UUID, words: Catalogue, formats: Formats
) -> dict[str, Any]:
    """Give everything that the page of one customer shows.

    :raises NotFound: there is no such customer within sight.
    """
    found = await customers.detail(actor, customer_id)
    history = await customers.history(actor, customer_id)
    conflicts = await sync.conflicts(actor, customer_id=customer_id)
    directory = await identity.directory(actor)
    all_tags = await customers.tags(actor)
    own_fields = await customs.definitions(actor, None)
    teller = Teller(words, formats, directory, {tag.id: tag.name for tag in all_tags}, own_fields)
    allowed = ROLE_PERMISSIONS[actor.role]
    of_service = await cases.of_customer(actor, customer_id, now=clock.now())
    held = await records.of_customer(actor, customer_id)
    said = sayings(found) | {each.id: each.title for each in held}
    shown: dict[str, Any] = {
        "found": found,
        "customer": found.customer,
        "fields": CUSTOMER,
        "own_fields": {
            subject: [each for each in own_fields if each.subject == subject]
            for subject in ("customer", "store", "contact", "custom_record")
        },
        "spoken": spoken(words),
        "offered": own.drawn(own_fields, {}, spoken(words))["offered"],
        "contact_fields": CONTACT,
        "store_fields": STORE,
        "teller": teller,
        "people": directory.offered(found.customer.owner_id),
        "tags_shown": TAGS_SHOWN,
        "other_tags": [tag for tag in all_tags if tag.id not in set(found.customer.tags)],
        "moments": [teller.moment(entry, said, writings(found)) for entry in history.items],
        "more_history": history.next_cursor,
        "conflicts": conflicts.items,
        "merges": [
            line for line in await sync.merges_of(actor, customer_id) if line.undone_at is None
        ],
        "names": directory.people,
        "visits": await activities.visits_of(actor, customer_id),
        "visit_id": ids.new_id(clock.now()),
        "calls": await activities.calls_of(actor, customer_id),
        "call_id": ids.new_id(clock.now()),
        "banned": await activities.banned(actor, phones_of(found)),
        "tasks": await activities.tasks_of(actor, customer_id),
        "task_id": ids.new_id(clock.now()),
        "now": clock.now(),
        "me": actor.user_id,
        "may_assign": Permission.TASKS_ASSIGN in allowed,
        "deals": await deals.of_customer(actor, customer_id, now=clock.now()),
        "contracts": await contracts.of_customer(actor, customer_id, now=clock.now()),
        "contract_colours": CONTRACT_COLOURS,
        "cases": of_service,
        "alarming": cases.alarming(of_service),
        "case_colours": CASE_COLOURS,
        "severity_colours": SEVERITY_COLOURS,
        "quality": await quality.of_customer(actor, customer_id, now=clock.now()),
        "mended_at": MENDED_AT,
        "relationship": await relationships.of_customer(actor, customer_id, now=clock.now()),
        "contact_roles": CONTACT_ROLES,
        "stances": STANCES,
        "may_order": Permission.CUSTOMERS_WRITE in allowed
        and (
            Permission.TASKS_ASSIGN in allowed or found.customer.owner_id in {None, actor.user_id}
        ),
        "registrations": await registrations.of_customer(actor, customer_id, now=clock.now()),
        "requests": await requests.of_customer(actor, customer_id, now=clock.now()),
        "request_colours": REQUEST_COLOURS,
        **await _of_objects(actor, held),
        "processes": await deals.versions(actor),
        "stage_colours": STAGE_COLOURS,
        "may_write": Permission.CUSTOMERS_WRITE in allowed,
        "benefits": None,
        "are_hidden": reveals.are_hidden(actor, found.customer.owner_id),
        "reveals": [],
    }
    if found.customer.owner_id == actor.user_id or Permission.USERS_MANAGE in allowed:
        shown["reveals"] = await reveals.of_customer(actor, customer_id)
    if Permission.BENEFITS_REQUEST in allowed:
        page = await benefits.benefits(actor, BenefitFilters(customer_id=customer_id))
        shown["benefits"] = page.items
    return shown


async def _of_objects(actor: Actor, held: Sequence[RecordView]) -> dict[str, Any]:
    """Give a customer's records by the company's own objects, and which may be added to."""
    found = [
        (each, [record for record in held if record.object_id == each.id])
        for each in await objects.listed(actor)
    ]
    return {
        "own_records": [
            (each, theirs) for each, theirs in found if theirs or each.state == "active"
        ],
        "addable": {
            each.id
            for each, _ in found
            if each.state == "active" and objects.may_write(actor, each)
        },
    }


async def in_part(
    actor: Actor, customer_id: UUID, words: Catalogue, formats: Formats
) -> dict[str, Any]:
    """Give what another team lets see of its customer.

    :raises NotFound: there is no such customer within sight.
    """
    found = await customers.detail(actor, customer_id, with_shared=True)
    own_fields = await customs.definitions(actor, "customer")
    directory = await identity.directory(actor)
    return {
        "found": found,
        "customer": found.customer,
        "fields": CUSTOMER,
        "own_fields": own_fields,
        "spoken": spoken(words),
        "teller": Teller(words, formats, directory, {}, own_fields),
    }


def sayings(found: CustomerDetail) -> dict[UUID, str]:
    """Give what the notes say and how contacts and stores are called."""
    return (
        {note.id: note.body for note in found.notes}
        | {contact.id: contact.name for contact in found.contacts}
        | {store.id: store.name for store in found.stores if store.name}
    )


def writings(found: CustomerDetail) -> dict[UUID, datetime | None]:
    """Give when the notes were written, as their devices said."""
    return {note.id: note.written_at for note in found.notes}


def phones_of(found: CustomerDetail) -> set[str]:
    """Give all phones of a customer, its contacts and its stores."""
    held = {found.customer.phone}
    held |= {each.phone for each in found.contacts} | {each.phone for each in found.stores}
    return {phone for phone in held if phone is not None}
