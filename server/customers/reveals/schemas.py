"""What reveals are over HTTP and to the portal."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from server.kit.text import Str


class NewReveal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants to see the phones of a customer."""

    reason: Str = ""
    """Why; the customer's owner and the company's can read it."""


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A phone in full, or a WeChat id, and whose it is."""

    kind: Literal[
        "customer",
        "store",
        "contact",
        "note",
        "custom_record",
        "opportunity",
        "visit",
        "task",
        "call",
        "service_case",
        "resource_request",
        "quote",
        "contract",
        "lead",
    ]
    record_id: UUID
    name: str
    field: str
    number: str


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    """The phones of a customer in full."""

    numbers: list[Number]
    left_today: int | None
    """How many more customers' phones the person may look at today; null is no limit."""


class RevealView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody looked at a customer's hidden phones."""

    customer_id: UUID
    customer_name: str
    user_id: UUID
    revealed_at: datetime
    reason: str
