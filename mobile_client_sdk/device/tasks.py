"""The commands about tasks: list them, note one, say that one is done."""

from argparse import Namespace
from datetime import datetime
from typing import Any

from mobile_client_sdk.client import Client
from mobile_client_sdk.device.desk import DONE, ID_END, NOT_DONE, USAGE, Desk, Stop
from mobile_client_sdk.device.tables import ZONE, Column, when
from mobile_client_sdk.records import Task


def tasks(desk: Desk, asked: Namespace) -> int:
    """List open tasks: this person's, or a customer's; the first due come first."""
    words = desk.words
    with desk.open() as client:
        found = client.tasks(desk.customer(client, asked.customer) if asked.customer else None)
        rows = [[each.id[-ID_END:], *_told(desk, client, each)] for each in found]
    if not rows:
        desk.say("no_tasks")
        return DONE
    columns = [
        Column(words("id"), ID_END),
        Column(words("task"), 40),
        Column(words("customer"), 24),
        Column(words("due"), 16),
        Column(words("must_do"), 8),
    ]
    desk.print_table(columns, rows)
    return DONE


def _told(desk: Desk, client: Client, each: Task) -> list[str]:
    """Tell a task in cells."""
    customer = client.customer(each.customer_id)
    must = desk.words("must_do") if each.is_must_do else ""
    return [each.title, customer.name if customer else "", when(each.due_at), must]


def task(desk: Desk, asked: Namespace) -> int:
    """Note something to do for a customer."""
    optional: dict[str, Any] = {}
    if asked.due is not None:
        optional["due_at"] = _moment(desk, asked.due)
    title = " ".join(asked.text)
    with desk.open() as client:
        made = client.add_task(desk.customer(client, asked.customer), title, **optional)
    desk.say("added", name=made.title, id=made.id[-ID_END:])
    return DONE


def done(desk: Desk, asked: Namespace) -> int:
    """Say that a task is done, and what came of it."""
    with desk.open() as client:
        client.complete_task(_one(desk, client, asked.task), " ".join(asked.text) or None)
    desk.say("saved")
    return DONE


def _moment(desk: Desk, text: str) -> int:
    """Read a time of Shanghai's clock, and a day alone as its six in the evening.

    A time that names its own zone is of that zone.

    :raises Stop: it is none.
    """
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(USAGE, desk.words("error.due", text=text)) from None
    if len(text) == len("2027-01-31"):
        told = told.replace(hour=18)
    if told.tzinfo is None:
        told = told.replace(tzinfo=ZONE)
    return int(told.timestamp()) * 1_000


def _one(desk: Desk, client: Client, named: str) -> Task:
    """Answer the open task that a person means.

    :raises Stop: if there is none, or more than one.
    """
    own = client.tasks()
    found = [each for each in own if named in each.title]
    found = found or [each for each in own if each.id.endswith(named.lower())]
    if not found:
        raise Stop(NOT_DONE, desk.words("error.no_task", named=named))
    if len(found) > 1:
        lines = [f"  {each.id[-ID_END:]}  {each.title}" for each in found]
        raise Stop(USAGE, "\n".join([desk.words("error.several", named=named), *lines]))
    return found[0]
