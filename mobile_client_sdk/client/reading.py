"""What is on this device, as a person sees it: with what was done here, whether sent or not."""

from collections.abc import Iterator
from typing import TypeVar

from mobile_client_sdk.client.device import Device
from mobile_client_sdk.records import (
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
    id_of,
)
from mobile_client_sdk.records import Store as StoreRecord
from mobile_client_sdk.views import Question
from mobile_client_sdk.watch import Watch
from sync_protocol.schema import SCHEMA

R = TypeVar("R", bound=Record)


class Reading(Device):
    """Questions to the store; none of them needs the server."""

    def get(self, kind: type[R], record_id: str) -> R | None:
        """Answer one record, or none."""
        self._outbox.flush()
        return self._views.get(kind, record_id, self._seq)

    def find(self, kind: type[R], question: Question | None = None) -> Iterator[R]:
        """Answer records in order, read a page at a time."""
        self._outbox.flush()
        return self._views.find(kind, question or Question(), self._seq)

    def count(self, kind: type[Record]) -> int:
        """Answer how many records of a kind there are."""
        self._outbox.flush()
        return self._views.count(kind)

    def customer(self, customer_id: str) -> Customer | None:
        """Answer one customer, or none."""
        return self.get(Customer, customer_id)

    def customers(
        self, *, search: str = "", tag: Tag | str | None = None, **equal: object
    ) -> Iterator[Customer]:
        """Answer customers by name; ``customers(city="杭州", search="楼")`` narrows."""
        for name in equal:
            SCHEMA.field("customer", name)
        question = Question(
            equal=equal,
            search=search,
            search_in=("name", "phone", "uscc"),
            having={} if tag is None else {"tags": id_of(tag)},
            order_by="name",
        )
        return self.find(Customer, question)

    def stores(self, customer: Customer | str) -> list[StoreRecord]:
        """Answer a customer's places."""
        return self._of_customer(StoreRecord, customer, "name")

    def contacts(self, customer: Customer | str) -> list[Contact]:
        """Answer the people at a customer."""
        return self._of_customer(Contact, customer, "name")

    def notes(self, customer: Customer | str) -> list[Note]:
        """Answer what was noted about a customer, the oldest first."""
        return self._of_customer(Note, customer, "written_at")

    def leads(self, *, state: str = "offered") -> list[Lead]:
        """Answer the leads of a state, those whose clock runs out first before the others."""
        return list(self.find(Lead, Question(equal={"state": state}, order_by="accept_by")))

    def visits(self, customer: Customer | str) -> list[Visit]:
        """Answer the visits to a customer, the oldest first."""
        return self._of_customer(Visit, customer, "id")

    def open_visit(self, customer: Customer | str) -> Visit | None:
        """Answer this person's visit to a customer that was checked in to and not out of."""
        session = self.session
        me = None if session is None else session.user_id
        return next(
            (
                each
                for each in reversed(self.visits(customer))
                if each.visitor_id in (None, me)
                and each.checked_in_at is not None
                and each.checked_out_at is None
            ),
            None,
        )

    def tasks(self, customer: Customer | str | None = None) -> list[Task]:
        """Answer the open tasks of a customer, or this person's own; the first due come first."""
        equal = {} if customer is None else {"customer_id": id_of(customer)}
        me = None if self.session is None else self.session.user_id
        found = [
            each
            for each in self.find(Task, Question(equal=equal))
            if each.is_open and (customer is not None or each.assignee_id in (None, me))
        ]
        return sorted(found, key=lambda each: (each.due_at is None, each.due_at or 0, each.id))

    def custom_fields(
        self, subject: str, of: CustomObject | str | None = None
    ) -> list[CustomField]:
        """Answer the fields that the company gave a kind of record and that are in use.

        :param of: the object whose records have them, where these are custom records.
        """
        about = {} if of is None else {"object_id": id_of(of)}
        asked = Question(equal={"subject": subject, "state": "active", **about})
        return sorted(self.find(CustomField, asked), key=lambda each: (each.place or 0, each.id))

    def custom_objects(self) -> list[CustomObject]:
        """Answer the sorts of records that the company added and that are in use."""
        found = self.find(CustomObject, Question(equal={"state": "active"}))
        return sorted(found, key=lambda each: (each.place or 0, each.id))

    def custom_records(
        self,
        customer: Customer | str | None = None,
        *,
        of: CustomObject | str | None = None,
    ) -> list[CustomRecord]:
        """Answer custom records by title: a customer's, an object's, or all."""
        equal = {} if customer is None else {"customer_id": id_of(customer)}
        equal |= {} if of is None else {"object_id": id_of(of)}
        return list(self.find(CustomRecord, Question(equal=equal, order_by="title")))

    def tags(self) -> list[Tag]:
        """Answer the tags of the tenant."""
        return list(self.find(Tag, Question(order_by="name")))

    def _of_customer(self, kind: type[R], customer: Customer | str, order_by: str) -> list[R]:
        question = Question(equal={"customer_id": id_of(customer)}, order_by=order_by)
        return list(self.find(kind, question))

    def watch(self, kind: type[R], *, order_by: str = "", **equal: object) -> Watch[R]:
        """Follow the records of a question: ``client.watch(Customer, city="杭州")``.

        The watch tells exactly when its result has changed: by an edit here, or by a sync.
        """
        for name in equal:
            SCHEMA.field(kind.KIND, name)
        named = "name" if "name" in SCHEMA.fields(kind.KIND) else "id"
        question = Question(equal=equal, order_by=order_by or named)

        def read() -> list[R]:
            self._follow()
            return list(self.find(kind, question))

        def look(record_id: str) -> R | None:
            return self._views.match(kind, record_id, question, self._seq)

        return Watch(self._store, kind.KIND, question.order_by, read=read, look=look)

    def _follow(self) -> None:
        """Read on from what the replica shows now."""
        self._seq = self._replica.progress.seq
