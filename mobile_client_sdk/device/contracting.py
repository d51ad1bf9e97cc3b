"""The commands about contracts: list them, write one, what becomes of it, and what came in."""

from argparse import Namespace

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, USAGE, Desk, Stop
from mobile_client_sdk.device.selling import deal_named, fen, money
from mobile_client_sdk.device.tables import Column
from mobile_client_sdk.records import Contract
from sync_protocol.contracting.plan import PlanInvalid


def contracts(desk: Desk, asked: Namespace) -> int:
    """List contracts; what waits for the server is marked."""
    del asked
    words = desk.words
    with desk.open() as client:
        rows = [
            [
                each.id[-ID_END:],
                each.title,
                _standing(desk, client, each),
                money(each.amount_minor),
                money(each.received_minor),
                each.ends_on or "",
            ]
            for each in client.contracts()
        ]
    if not rows:
        desk.say("no_contracts")
        return DONE
    columns = [
        Column(words("id"), ID_END),
        Column(words("contract"), 36),
        Column(words("state"), 24),
        Column(words("amount"), 16, is_number=True),
        Column(words("received"), 16, is_number=True),
        Column(words("ends_on"), 10),
    ]
    desk.print_table(columns, rows)
    return DONE


def write(desk: Desk, asked: Namespace) -> int:
    """Write a contract in a deal; it is a draft until it is submitted."""
    with desk.open() as client:
        deal = deal_named(desk, client, asked.deal)
        plan = [_part(desk, text) for text in asked.parts]
        try:
            made = client.write_contract(
                deal.customer_id,
                asked.name,
                fen(desk, asked.amount),
                plan,
                opportunity_id=deal.id,
                ends_on=asked.until,
            )
        except PlanInvalid as fault:
            raise Stop(USAGE, desk.words("error.plan", text=fault)) from fault
        desk.say("added", name=made.title, id=made.id[-ID_END:])
    return DONE


def decide(desk: Desk, asked: Namespace) -> int:
    """Submit, approve, sign, end ... a contract; provisional until the next sync."""
    with desk.open() as client:
        contract = _contract(desk, client, asked.contract)
        try:
            remark = " ".join(asked.remark) or None
            client.decide_contract(contract, asked.verb, signed_on=asked.on, remark=remark)
        except NotPossible as refused:
            state = desk.words(f"contract.{refused}")
            raise Stop(NOT_DONE, desk.words("error.contract_state", state=state)) from refused
        state = _standing(desk, client, contract)
        desk.say("quote_asked", name=contract.title, state=state)
    return DONE


def receive(desk: Desk, asked: Namespace) -> int:
    """Note money of a contract, with its number of the instalment where it has a plan."""
    with desk.open() as client:
        contract = _contract(desk, client, asked.contract)
        parts = [part for part, _ in client.instalments(contract)]
        if parts and not (asked.part and 1 <= asked.part <= len(parts)):
            lines = [
                f"  {at}  {part.name}  {part.due_on}  {money(part.amount_minor)}"
                for at, part in enumerate(parts, 1)
            ]
            raise Stop(USAGE, "\n".join([desk.words("error.which_part"), *lines]))
        part = parts[asked.part - 1] if parts else None
        client.receive(contract, fen(desk, asked.amount), part, received_on=asked.on)
        desk.say("received_noted", name=contract.title)
    return DONE


def _standing(desk: Desk, client: Client, contract: Contract) -> str:
    """Write where a contract stands."""
    state, is_provisional = client.contract_state(contract)
    said = desk.words(f"contract.{state}")
    return f"{said} ({desk.words('provisional')})" if is_provisional else said


def _contract(desk: Desk, client: Client, named: str) -> Contract:
    """Answer the contract that a person means.

    :raises Stop: if there is none, or more than one.
    """
    held = client.contracts()
    found = [each for each in held if named in each.title or named == each.number]
    found = found or [each for each in held if each.id.endswith(named.lower())]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_contract", named=named))
    if len(found) > 1:
        lines = [f"  {each.id[-ID_END:]}  {each.title}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named), *lines]))
    return found[0]


def _part(desk: Desk, text: str) -> tuple[str, str, int]:
    """Read ``name@day=amount``.

    :raises Stop: it is none.
    """
    named, _, amount = text.rpartition("=")
    name, _, day = named.rpartition("@")
    if not name or not day:
        raise Stop(USAGE, desk.words("error.line", text=text))
    return name, day, fen(desk, amount)
