"""The commands about calls: the phone to dial, unless nobody may call there, and what was said."""

from argparse import Namespace

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.calling import Banned
from mobile_client_sdk.device.desk import DONE, NOT_DONE, Desk, Stop
from mobile_client_sdk.device.tables import when
from mobile_client_sdk.records import Call, Contact, Customer

_MINUTE_S = 60


def dial(desk: Desk, asked: Namespace) -> int:
    """Print the phone of a customer, or of a contact; not where nobody may call."""
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        contact = _contact(desk, client, customer, asked.contact)
        try:
            phone = client.dial(customer, contact)
        except Banned as refused:
            raise Stop(NOT_DONE, desk.words("error.banned")) from refused
    if phone is None:
        raise Stop(NOT_DONE, desk.words("error.no_phone"))
    desk.print(phone)
    return DONE


def call(desk: Desk, asked: Namespace) -> int:
    """Write down a call that is just over."""
    note, minutes = " ".join(asked.text), asked.minutes
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        client.add_call(
            customer,
            asked.outcome,
            contact=_contact(desk, client, customer, asked.contact),
            direction="in" if asked.incoming else "out",
            note=note or None,
            duration_s=None if minutes is None else minutes * _MINUTE_S,
        )
    desk.say("saved")
    return DONE


def _contact(desk: Desk, client: Client, customer: Customer, named: str | None) -> Contact | None:
    """Answer the contact that a person means; none where nobody is named.

    :raises Stop: if there is none.
    """
    if named is None:
        return None
    found = [each for each in client.contacts(customer) if named in each.name]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_contact", named=named))
    return found[0]


def told(desk: Desk, each: Call) -> str:
    """Tell a call in a line."""
    said = desk.words(f"call.{each.outcome}")
    return "  ".join(part for part in (when(each.called_at), said, each.note) if part)
