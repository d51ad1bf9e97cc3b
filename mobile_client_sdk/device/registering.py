"""The commands about deal registrations: the protection wall, register, and what becomes of it."""

from argparse import Namespace

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, Desk, Stop
from mobile_client_sdk.device.tables import Column, when
from mobile_client_sdk.records import Customer, Registration
from sync_protocol.registering import Verb

WAIVE = "waive"
VERBS = (*map(str, Verb), WAIVE)
"""What may be done with a registration."""


def registrations(desk: Desk, asked: Namespace) -> int:
    """List registrations, what ends first first; what waits for the server is marked."""
    del asked
    words = desk.words
    with desk.open() as client:
        rows = [_row(desk, client, each) for each in client.registrations()]
    if not rows:
        desk.say("no_registrations")
        return DONE
    columns = [
        Column(words("id"), ID_END),
        Column(words("customer"), 24),
        Column(words("state"), 24),
        Column(words("until"), 16),
        Column(words("why"), 16),
    ]
    desk.print_table(columns, rows)
    return DONE


def register(desk: Desk, asked: Namespace) -> int:
    """Register a customer; provisional until the next sync."""
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        try:
            client.register(customer)
        except NotPossible as refused:
            raise _not_possible(desk, refused) from refused
        desk.say("quote_asked", name=customer.name, state=desk.words("registration.provisional"))
    return DONE


def decide(desk: Desk, asked: Namespace) -> int:
    """Extend, release or contest a customer's registration, or bring no more to its case.

    Provisional until the next sync.
    """
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        held = client.registrations(customer)
        if not held:
            raise Stop(NOT_DONE, desk.words("no_registrations"))
        newest = max(held, key=lambda each: each.id)
        try:
            if asked.verb == WAIVE:
                client.waive_evidence(newest)
            else:
                shown = {"kind": asked.kind, "record_id": asked.record}
                client.decide_registration(newest, Verb(asked.verb), **shown)
        except NotPossible as refused:
            raise _not_possible(desk, refused) from refused
        desk.say("quote_asked", name=customer.name, state=_standing(desk, client, newest))
    return DONE


def _row(desk: Desk, client: Client, each: Registration) -> list[str]:
    """Write a registration as a line."""
    customer = client.get(Customer, each.customer_id)
    return [
        each.id[-ID_END:],
        "" if customer is None else customer.name,
        _standing(desk, client, each),
        when(each.protected_until),
        desk.words(f"reason.{each.reason}") if each.reason else "",
    ]


def _standing(desk: Desk, client: Client, registration: Registration) -> str:
    """Write where a registration stands."""
    state, is_provisional = client.registration_state(registration)
    said = desk.words(f"registration.{state}")
    return f"{said} ({desk.words('provisional')})" if is_provisional else said


def _not_possible(desk: Desk, refused: NotPossible) -> Stop:
    """Say where a registration stands from which this does not lead on."""
    state = desk.words(f"registration.{refused}")
    return Stop(NOT_DONE, desk.words("error.registration_state", state=state))
