"""The commands about deals: list them, begin one, tick a step, move it on."""

from argparse import Namespace
from decimal import Decimal, InvalidOperation

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.selling import Foretold, MoveBlocked
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, USAGE, Desk, Stop
from mobile_client_sdk.device.tables import Column
from mobile_client_sdk.records import Opportunity
from sync_protocol.process.gates import MoveRefused, Open


def deals(desk: Desk, asked: Namespace) -> int:
    """List deals: all, or a customer's; what waits for the server is marked."""
    words = desk.words
    with desk.open() as client:
        customer = desk.customer(client, asked.customer) if asked.customer else None
        found = [(deal, client.foretold(deal)) for deal in client.deals(customer)]
        rows = [
            [
                deal.id[-ID_END:],
                deal.name,
                _standing(desk, there),
                money(deal.amount_minor),
                deal.expected_on or "",
            ]
            for deal, there in found
        ]
    if not rows:
        desk.say("no_deals")
        return DONE
    columns = [
        Column(words("id"), ID_END),
        Column(words("deal"), 36),
        Column(words("stage"), 36),
        Column(words("amount"), 16, is_number=True),
        Column(words("expected"), 10),
    ]
    desk.print_table(columns, rows)
    return DONE


def begin(desk: Desk, asked: Namespace) -> int:
    """Begin a deal with a customer."""
    amount = fen(desk, asked.amount) if asked.amount else None
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        made = client.begin_deal(customer, asked.name, amount_minor=amount, expected_on=asked.on)
        desk.say("added", name=made.name, id=made.id[-ID_END:])
        _tell_open(desk, client.foretold(made).open)
    return DONE


def step(desk: Desk, asked: Namespace) -> int:
    """Mark steps of a deal's stage as done, by their numbers in what is open."""
    with desk.open() as client:
        deal = deal_named(desk, client, asked.deal)
        open_ = client.foretold(deal).open
        for number in asked.numbers:
            if not 1 <= number <= len(open_) or open_[number - 1].kind != "step":
                raise Stop(USAGE, desk.words("error.no_step", number=number))
            client.do_step(deal, open_[number - 1].id)
        _tell_open(desk, client.foretold(deal).open)
    return DONE


def advance(desk: Desk, asked: Namespace) -> int:
    """Move a deal forward; without a network it is provisional until the next sync."""
    with desk.open() as client:
        deal = deal_named(desk, client, asked.deal)
        try:
            client.advance(deal)
        except MoveBlocked as blocked:
            _tell_open(desk, blocked.blocks)
            return NOT_DONE
        except MoveRefused as refused:
            raise Stop(NOT_DONE, desk.words("error.no_move", why=refused)) from refused
        desk.say("advanced", stage=_standing(desk, client.foretold(deal)))
    return DONE


def deal_named(desk: Desk, client: Client, named: str) -> Opportunity:
    """Answer the deal that a person means.

    :raises Stop: if there is none, or more than one.
    """
    found = [each for each in client.deals() if named in each.name]
    found = found or [each for each in client.deals() if each.id.endswith(named.lower())]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_deal", named=named))
    if len(found) > 1:
        lines = [f"  {each.id[-ID_END:]}  {each.name}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named), *lines]))
    return found[0]


def _standing(desk: Desk, there: Foretold) -> str:
    """Write where a deal stands."""
    said = f"{there.stage_name} · {desk.words(f'deal.{there.state}')}"
    return f"{said} ({desk.words('provisional')})" if there.is_provisional else said


def _tell_open(desk: Desk, open_: tuple[Open, ...]) -> None:
    """Say what the stage asks for, numbered."""
    if open_:
        desk.say("open_steps")
    for number, each in enumerate(open_, 1):
        desk.print(f"  {number}. {each.name}")


def money(minor: int | None) -> str:
    """Write an amount in yuan."""
    return "" if minor is None else f"{minor / 100:,.2f}"


def fen(desk: Desk, text: str) -> int:
    """Read an amount in yuan.

    :raises Stop: it is none.
    """
    try:
        minor = Decimal(text) * 100
    except InvalidOperation:
        minor = Decimal("NaN")
    if not minor.is_finite() or minor < 0 or minor != minor.to_integral_value():
        raise Stop(USAGE, desk.words("error.amount", text=text))
    return int(minor)
