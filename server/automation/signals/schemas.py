"""What signals and their sources are over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.automation.plays.rules import EventName, Name
from server.kit.text import PRINTABLE

Account = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
EventId = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\A[\x21-\x7e]+\Z")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class NewSignalSource(msgspec.Struct, frozen=True, kw_only=True):
    """A system outside that will tell of customers. With its own `id` it may be sent again."""

    id: UUID | None = None
    name: Name
    account_field: Annotated[str, msgspec.Meta(max_length=60, pattern=PRINTABLE)] | None = None
    """The custom field of customers by which it names them; without it, it knows their ids."""


class SignalSourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source."""

    id: UUID
    name: str
    address: str
    """Where it sends to."""
    account_field: str | None
    made_at: datetime
    closed_at: datetime | None
    last_heard_at: datetime | None


class SignalSourceSaved(msgspec.Struct, frozen=True, kw_only=True):
    """A source with its secret, which is told to whoever made it."""

    source: SignalSourceView
    secret: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a customer, and when. It names nobody in clear words."""

    event: EventName
    happened_at: Moment
    customer_id: UUID | None = None
    account: Account | None = None
    """What the source calls the customer, kept in the customer's field that the source names."""


class NewSignal(Told, frozen=True, kw_only=True):
    """What somebody tells with an access token."""

    event_id: EventId
    """The same for the same event, however often it is sent."""
    source_id: UUID | None = None
    """Whose accounts are meant, where an account is named."""


class SignalTaken(msgspec.Struct, frozen=True, kw_only=True):
    """That a signal was taken."""

    is_new: bool
    """False where it had come before."""
    fired: int
    """On how many plays it acted."""
