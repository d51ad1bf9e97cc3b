"""Calls on a device: told without a network, and none to whoever asked not to be called."""

from typing import Any

from mobile_client_sdk.client.serving import Serving
from mobile_client_sdk.records import Call, CallBan, Contact, Customer, id_of
from mobile_client_sdk.views import Question


class Banned(Exception):
    """Whoever has this phone has asked not to be called, by any company of the channel."""


class Calling(Serving):
    """Calls, and phones that are not to be called."""

    def calls(self, customer: Customer | str) -> list[Call]:
        """Answer the calls with a customer, the oldest first."""
        question = Question(equal={"customer_id": id_of(customer)}, order_by="called_at")
        return list(self.find(Call, question))

    def is_banned(self, customer: Customer | str, phone: str | None) -> bool:
        """Say whether nobody may call a phone of a customer, as far as this device has heard."""
        question = Question(equal={"customer_id": id_of(customer)})
        bans = self.find(CallBan, question)
        return any(each.phone == phone and each.lifted_at is None for each in bans)

    def dial(self, customer: Customer, contact: Contact | None = None) -> str | None:
        """Answer the phone to dial, a contact's or else the customer's own; None without one.

        :raises Banned: if whoever has it asked not to be called.
        """
        phone = customer.phone if contact is None else contact.phone
        if self.is_banned(customer, phone):
            raise Banned
        return phone

    def add_call(
        self,
        customer: Customer | str,
        outcome: str,
        *,
        contact: Contact | str | None = None,
        direction: str = "out",
        **facts: Any,
    ) -> Call:
        """Write down a call that is just over, with its `duration_s` and a `note`.

        The outcome ``opted_out`` says that nobody of the channel may call there any more.
        """
        who = {} if contact is None else {"contact_id": id_of(contact)}
        return self.create(
            Call,
            customer_id=id_of(customer),
            outcome=outcome,
            direction=direction,
            called_at=self._clock_ms(),
            **who,
            **facts,
        )
