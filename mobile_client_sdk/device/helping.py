"""The commands about requests for help: list them, call up help, and what becomes of it."""

from argparse import Namespace

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, USAGE, Desk, Stop
from mobile_client_sdk.device.tables import Column
from mobile_client_sdk.records import ResourceRequest


def requests(desk: Desk, asked: Namespace) -> int:
    """List requests for help; what waits for the server is marked."""
    del asked
    words = desk.words
    with desk.open() as client:
        rows = [
            [
                each.id[-ID_END:],
                each.subject,
                words(f"resource.{each.resource or 'other'}"),
                _standing(desk, client, each),
                each.result or each.reason or "",
            ]
            for each in client.requests()
        ]
    if not rows:
        desk.say("no_requests")
        return DONE
    columns = [
        Column(words("id"), ID_END),
        Column(words("request"), 32),
        Column(words("resource"), 12),
        Column(words("state"), 24),
        Column(words("result"), 32),
    ]
    desk.print_table(columns, rows)
    return DONE


def ask(desk: Desk, asked: Namespace) -> int:
    """Call up help for a customer."""
    told = {"resource": asked.resource, "wished_on": asked.on, "briefing": asked.briefing}
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        given = {name: value for name, value in told.items() if value is not None}
        made = client.ask_for_help(customer, asked.subject, **given)
        desk.say("added", name=made.subject, id=made.id[-ID_END:])
    return DONE


def decide(desk: Desk, asked: Namespace) -> int:
    """Dispatch, accept, decline, complete, judge or cancel; provisional until the next sync."""
    with desk.open() as client:
        request = _request(desk, client, asked.request)
        try:
            client.decide_request(
                request,
                asked.verb,
                " ".join(asked.remark) or None,
                helper_id=asked.to,
                verdict=asked.verdict,
            )
        except NotPossible as refused:
            state = desk.words(f"request.{refused}")
            raise Stop(NOT_DONE, desk.words("error.request_state", state=state)) from refused
        standing = _standing(desk, client, request)
        desk.say("quote_asked", name=request.subject, state=standing)
    return DONE


def _standing(desk: Desk, client: Client, request: ResourceRequest) -> str:
    """Write where a request stands."""
    state, is_provisional = client.request_state(request)
    said = desk.words(f"request.{state}")
    return f"{said} ({desk.words('provisional')})" if is_provisional else said


def _request(desk: Desk, client: Client, named: str) -> ResourceRequest:
    """Answer the request that a person means.

    :raises Stop: if there is none, or more than one.
    """
    held = client.requests()
    found = [each for each in held if named in each.subject]
    found = found or [each for each in held if each.id.endswith(named.lower())]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_request", named=named))
    if len(found) > 1:
        lines = [f"  {each.id[-ID_END:]}  {each.subject}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named), *lines]))
    return found[0]
