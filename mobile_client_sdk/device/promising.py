"""The commands about benefits: what may be promised without a network, lease units, promise one."""

from argparse import Namespace

from mobile_client_sdk.client import Client
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, USAGE, Desk, Stop
from mobile_client_sdk.device.selling import money
from mobile_client_sdk.device.tables import Column, when


def units(desk: Desk, asked: Namespace) -> int:
    """List what may be promised, by program."""
    del asked
    words = desk.words
    with desk.open() as client:
        rows = [
            [
                each.program_id[-ID_END:],
                str(len(each.unit_ids)),
                money(each.amount_minor),
                when(each.until_ms),
            ]
            for each in client.units()
        ]
    if not rows:
        desk.say("no_units")
        return DONE
    columns = [
        Column(words("program"), ID_END),
        Column(words("units"), 6),
        Column(words("amount"), 12),
        Column(words("promised_until"), 16),
    ]
    desk.print_table(columns, rows)
    return DONE


def lease(desk: Desk, asked: Namespace) -> int:
    """Ask to hold so many units, those held included; 0 gives them back. Told by the next sync."""
    with desk.open() as client:
        try:
            client.lease_units(asked.program, asked.count)
        except ValueError as refused:
            raise Stop(USAGE, desk.words("error.units_max")) from refused
        desk.say("units_asked", count=asked.count)
    return DONE


def promise(desk: Desk, asked: Namespace) -> int:
    """Promise a customer a benefit with a unit that is held."""
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        program_id = _program(desk, client, asked.program)
        try:
            client.promise_benefit(customer, program_id=program_id)
        except NotPossible as refused:
            raise Stop(NOT_DONE, desk.words(f"error.{refused}")) from refused
        left = client.units_left(program_id)
        desk.say("promised", name=customer.name, left=left)
    return DONE


def _program(desk: Desk, client: Client, named: str | None) -> str:
    """Answer the program that a person means, by the end of its id; the only one needs no name.

    :raises Stop: nothing of it is held, or it may be one of several.
    """
    held = [each.program_id for each in client.units()]
    found = [each for each in held if each.endswith(named or "")]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_units"))
    if len(found) > 1:
        lines = [f"  {each[-ID_END:]}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named or ""), *lines]))
    return found[0]
