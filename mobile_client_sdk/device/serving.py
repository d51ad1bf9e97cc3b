"""The commands about service cases: list them, note one down, and what becomes of it."""

from argparse import Namespace

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, USAGE, Desk, Stop
from mobile_client_sdk.device.tables import Column
from mobile_client_sdk.records import ServiceCase


def cases(desk: Desk, asked: Namespace) -> int:
    """List service cases; what waits for the server is marked."""
    del asked
    words = desk.words
    with desk.open() as client:
        rows = [
            [
                each.id[-ID_END:],
                each.subject,
                words(f"severity.{each.severity or 'normal'}"),
                _standing(desk, client, each),
            ]
            for each in client.cases()
        ]
    if not rows:
        desk.say("no_cases")
        return DONE
    columns = [
        Column(words("id"), ID_END),
        Column(words("case"), 40),
        Column(words("severity"), 10),
        Column(words("state"), 24),
    ]
    desk.print_table(columns, rows)
    return DONE


def note(desk: Desk, asked: Namespace) -> int:
    """Note down what a customer complains of, or asks for."""
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        made = client.open_case(customer, asked.subject, severity=asked.severity)
        desk.say("added", name=made.subject, id=made.id[-ID_END:])
    return DONE


def decide(desk: Desk, asked: Namespace) -> int:
    """Begin, pause, resolve, close ... a case; provisional until the next sync."""
    with desk.open() as client:
        case = _case(desk, client, asked.case)
        try:
            client.decide_case(case, asked.verb, " ".join(asked.remark) or None)
        except NotPossible as refused:
            state = desk.words(f"case.{refused}")
            raise Stop(NOT_DONE, desk.words("error.case_state", state=state)) from refused
        desk.say("quote_asked", name=case.subject, state=_standing(desk, client, case))
    return DONE


def _standing(desk: Desk, client: Client, case: ServiceCase) -> str:
    """Write where a case stands."""
    state, is_provisional = client.case_state(case)
    said = desk.words(f"case.{state}")
    return f"{said} ({desk.words('provisional')})" if is_provisional else said


def _case(desk: Desk, client: Client, named: str) -> ServiceCase:
    """Answer the case that a person means.

    :raises Stop: if there is none, or more than one.
    """
    held = client.cases()
    found = [each for each in held if named in each.subject]
    found = found or [each for each in held if each.id.endswith(named.lower())]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_case", named=named))
    if len(found) > 1:
        lines = [f"  {each.id[-ID_END:]}  {each.subject}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named), *lines]))
    return found[0]
