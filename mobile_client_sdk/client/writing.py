"""What a person does: changes that are durable at once and travel with the next sync."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from mobile_client_sdk import ids
from mobile_client_sdk.client.reading import Reading
from mobile_client_sdk.records import (
    RECORD_TYPES,
    Contact,
    Customer,
    CustomField,
    CustomObject,
    CustomRecord,
    Lead,
    Note,
    Record,
    Tag,
    Task,
    Visit,
    custom_of,
    id_of,
)
from mobile_client_sdk.records import Store as StoreRecord
from sync_protocol.custom_fields import check_value
from sync_protocol.messages import Create, Delete, Edit, Intent, SetChange
from sync_protocol.schema import SCHEMA, FieldSpec, FieldType, Policy, ValueRefused, check
from sync_protocol.schema.custom import definition_of

R = TypeVar("R", bound=Record)
_SPECS: Final = {kind.KIND: tuple(SCHEMA.fields(kind.KIND).values()) for kind in RECORD_TYPES}
_VALUES: Final = {
    kind: attrgetter(*(each.name for each in specs)) for kind, specs in _SPECS.items()
}
"""Reads all fields of a record of a kind at once."""


class Writing(Reading):
    """Changes to records, and what only the server decides."""

    @contextmanager
    def group(self, *, atomic: bool = False) -> Iterator[None]:
        """Save everything inside at once.

        An atomic group (at most 50 changes) is also accepted whole by the server, or not at all.
        """
        with self._outbox.group(atomic=atomic):
            yield

    def edit(self, record: R) -> AbstractContextManager[R]:
        """Change a record: ``with client.edit(customer) as c: c.phone = "+86..."``.

        What was changed inside is saved durably at the end; an error inside saves nothing.

        :raises ValueRefused: if a value is not of its field's form.
        """
        return _Editing(self, record)

    def save(self, before: Record, after: Record) -> None:
        """Save what differs between a record and its changed copy, as ``edit`` does at its end."""
        olds, news = _VALUES[before.KIND](before), _VALUES[before.KIND](after)
        customs = self._customs(before, after)
        if olds == news and not customs:
            return
        fields: dict[str, Any] = {}
        sets: dict[str, SetChange] = {}
        was: dict[str, str | None] = {}
        for spec, old, new in (*zip(_SPECS[before.KIND], olds, news, strict=True), *customs):
            if old == new:
                continue
            if spec.policy in (Policy.FIXED, Policy.APPEND):
                raise ValueRefused("field_fixed", f"{spec.name} is written once.", spec.name)
            check(spec, new)
            if spec.type is FieldType.SET:
                had, has = {*(old or ())}, {*(new or ())}
                add, remove = tuple(sorted(has - had)), tuple(sorted(had - has))
                sets[spec.name] = SetChange(add=add, remove=remove)
            else:
                fields[spec.name] = new
            if spec.policy is Policy.TEXT_MERGE:
                was[spec.name] = old
        at_ms = self._outbox.edit_time(self._clock_ms())
        self._outbox.add(
            lambda number: Edit(
                number=number,
                kind=before.KIND,
                id=before.id,
                fields=fields,
                sets=sets,
                was=was,
                at_ms=at_ms,
                base=self._base(before),
            )
        )

    def create(self, kind: type[R], **fields: Any) -> R:
        """Make a record; it is there at once, and on the server with the next sync.

        :raises ValueRefused: if a value is missing or not of its field's form.
        """
        custom = fields.pop("custom", {})
        fields = {name: value for name, value in fields.items() if value is not None}
        for name in fields:
            if SCHEMA.field(kind.KIND, name).server_only:
                raise ValueRefused("field_server_only", f"{name} is filled in later.", name)
        for spec in _SPECS[kind.KIND]:
            check(spec, fields.get(spec.name))
        record = kind(id=self.new_id(), as_of=self._seq, **fields)
        if custom:
            after = copy(record)
            after.custom = custom  # type: ignore[attr-defined] # an extensible kind has it
            customs = self._customs(record, after)
            fields |= {spec.name: value for spec, _, value in customs}
            record = after
        at_ms = self._outbox.edit_time(self._clock_ms())
        self._outbox.add(
            lambda number: Create(
                number=number,
                kind=kind.KIND,
                id=record.id,
                fields=fields,
                at_ms=at_ms,
                base=self._seq,
            )
        )
        return record

    def _customs(self, before: Record, after: Record) -> list[tuple[FieldSpec, Any, Any]]:
        """Answer the custom fields that differ, held against what their definitions allow.

        :raises ValueRefused: if a value is not one that its field takes.
        """
        if not SCHEMA.record(before.KIND).extensible:
            return []
        olds, news = custom_of(before), custom_of(after)
        found = []
        for name in sorted({*olds, *news}):
            old, new = olds.get(name), news.get(name)
            if old == new:
                continue
            spec = SCHEMA.field(before.KIND, name)
            check(spec, new)
            defining = self.get(CustomField, definition_of(name) or "")
            if defining is None:
                raise ValueRefused("field_unknown", f"There is no field {name[:40]!r}.", name)
            object_id = getattr(before, "object_id", None)
            check_value(defining.definition, before.KIND, new, object_id=object_id)
            found.append((spec, old, new))
        return found

    def create_customer(self, *, name: str, **fields: Any) -> Customer:
        """Make a customer."""
        return self.create(Customer, name=name, **fields)

    def add_store(self, customer: Customer | str, **fields: Any) -> StoreRecord:
        """Add a place to a customer."""
        return self.create(StoreRecord, customer_id=id_of(customer), **fields)

    def add_contact(self, customer: Customer | str, *, name: str, **fields: Any) -> Contact:
        """Add a person to a customer."""
        return self.create(Contact, customer_id=id_of(customer), name=name, **fields)

    def add_record(
        self, customer: Customer | str, of: CustomObject | str, title: str, **fields: Any
    ) -> CustomRecord:
        """Add a record of a custom object to a customer."""
        named = {"customer_id": id_of(customer), "object_id": id_of(of), "title": title}
        return self.create(CustomRecord, **named, **fields)

    def add_note(self, customer: Customer | str, body: str) -> Note:
        """Note something about a customer."""
        now_ms = self._clock_ms()
        return self.create(Note, customer_id=id_of(customer), body=body, written_at=now_ms)

    def plan_visit(self, customer: Customer | str, *, planned_at: int, **fields: Any) -> Visit:
        """Plan to go to a customer."""
        return self.create(Visit, customer_id=id_of(customer), planned_at=planned_at, **fields)

    def check_in(
        self, customer: Customer | str, *, visit: Visit | None = None, **facts: Any
    ) -> Visit:
        """Say to be at a customer now; where nothing was planned, the visit is a new one.

        What is told is told once: `lat` and `lng` in millionths of a degree, `accuracy_m`,
        `fix_age_s`, `is_mocked`.
        """
        now_ms = self._clock_ms()
        if visit is None:
            return self.create(Visit, customer_id=id_of(customer), checked_in_at=now_ms, **facts)
        return self._told(visit, checked_in_at=now_ms, **facts)

    def check_out(self, visit: Visit, **words: Any) -> Visit:
        """Say to leave now, with the visit's `summary` and `next_step` where there are any."""
        return self._told(visit, checked_out_at=self._clock_ms(), **words)

    def appeal(self, visit: Visit | str, sentence: str) -> str:
        """Speak against the score of one's visit; a manager decides."""
        return self.intend("visit.appeal", visit_id=id_of(visit), appeal=sentence)

    def add_task(self, customer: Customer | str, title: str, **fields: Any) -> Task:
        """Note something to do for a customer: until `due_at`, with a `priority`."""
        return self.create(Task, customer_id=id_of(customer), title=title, **fields)

    def complete_task(self, task: Task, result: str | None = None) -> Task:
        """Say that a task is done now, and what came of it."""
        said = {} if result is None else {"result": result}
        return self._told(task, done_at=self._clock_ms(), **said)

    def cancel_task(self, task: Task) -> Task:
        """Say that a task is not to be done; what must be done only managers cancel."""
        return self._told(task, cancelled_at=self._clock_ms())

    def assign_task(self, task: Task | str, assignee_id: str) -> str:
        """Ask the server to give a task to somebody who sees its customer."""
        return self.intend("task.assign", task_id=id_of(task), assignee_id=assignee_id)

    def _told(self, record: R, **fields: Any) -> R:
        """Write fields of a record; answer it as it is then."""
        with self.edit(self._fresh(record)) as draft:
            for name, value in fields.items():
                setattr(draft, name, value)
        return self._fresh(record)

    def create_tag(self, *, name: str, meaning: str, **fields: Any) -> Tag:
        """Make a tag."""
        return self.create(Tag, name=name, meaning=meaning, **fields)

    def tag(self, customer: Customer, tag: Tag | str) -> None:
        """Mark a customer with a tag."""
        with self.edit(self._fresh(customer)) as draft:
            draft.tags = sorted({*draft.tags, id_of(tag)})

    def untag(self, customer: Customer, tag: Tag | str) -> None:
        """Take a tag off a customer."""
        with self.edit(self._fresh(customer)) as draft:
            draft.tags = sorted({*draft.tags} - {id_of(tag)})

    def delete(self, record: Record) -> None:
        """Delete a record; if somebody edited it meanwhile, it stays and a conflict tells."""
        if not SCHEMA.record(record.KIND).deletable:
            raise ValueRefused("not_allowed", f"A {record.KIND} is not deleted.")
        at_ms = self._outbox.edit_time(self._clock_ms())
        self._outbox.add(
            lambda number: Delete(
                number=number,
                kind=record.KIND,
                id=record.id,
                at_ms=at_ms,
                base=self._base(record),
            )
        )

    def _base(self, record: Record) -> int:
        """Answer what an edit builds on; a copy from before the server was restored on nothing."""
        return record.as_of if record.as_of <= self._seq else 0

    def _fresh(self, record: R) -> R:
        """Answer the record as it is shown now."""
        return self.get(type(record), record.id) or record

    def intend(self, name: str, **args: Any) -> str:
        """Ask the server for something that it decides; answer the id of what is asked for."""
        return self._intend(self.new_id(), name, args)

    def _intend(self, request_id: str, name: str, args: Mapping[str, Any]) -> str:
        at_ms = self._outbox.edit_time(self._clock_ms())
        self._outbox.add(
            lambda number: Intent(
                number=number, id=request_id, name=name, args={**args}, at_ms=at_ms
            )
        )
        return request_id

    def request_benefit(self, customer: Customer | str, *, program_id: str) -> str:
        """Ask for a benefit for a customer; until the server has decided it is a request."""
        return self.intend("benefits.request", customer_id=id_of(customer), program_id=program_id)

    def accept_lead(self, lead: Lead | str) -> str:
        """Take on a lead that was routed to this person; the server has the last word."""
        return self.intend("lead.accept", lead_id=id_of(lead))

    def return_lead(self, lead: Lead | str, *, reason: str, note: str = "") -> str:
        """Give a lead back, for one of `sync_protocol.schema.RETURN_REASONS`."""
        return self.intend("lead.return", lead_id=id_of(lead), reason=reason, note=note)

    def new_id(self) -> str:
        """Make an id in the layout of UUIDv7: ids of one device sort by time."""
        return ids.new_id(self._clock_ms(), self._random_bytes)


class _Editing(Generic[R]):
    """One change of a record, from the draft to the save."""

    __slots__ = ("_client", "_draft", "_record")

    def __init__(self, client: Writing, record: R) -> None:
        self._client = client
        self._record = record
        self._draft = _copied(record)

    def __enter__(self) -> R:
        return self._draft

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._client.save(self._record, self._draft)


def _copied(record: R) -> R:
    """Copy a record so that its lists are its own."""
    draft = copy(record)
    for name in SCHEMA.outline(record.KIND).sets:
        setattr(draft, name, list(getattr(draft, name)))
    if SCHEMA.record(record.KIND).extensible:
        draft.custom = dict(custom_of(record))  # type: ignore[attr-defined] # an extensible kind has it
    return draft
