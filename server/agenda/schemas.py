"""What a calendar feed is over HTTP and to the portal."""

from datetime import datetime

import msgspec


class NewFeed(msgspec.Struct, frozen=True, kw_only=True):
    """How a person wants a calendar."""

    shows_customers: bool = False
    """Whether the names of customers go along, to wherever the calendar is kept."""


class FeedView(msgspec.Struct, frozen=True, kw_only=True):
    """A person's feed."""

    shows_customers: bool
    made_at: datetime


class FeedSaved(msgspec.Struct, frozen=True, kw_only=True):
    """A feed with its address, which is told this once."""

    feed: FeedView
    address: str


class Content(msgspec.Struct, frozen=True):
    """A calendar as it is sent."""

    body: bytes
    tag: str
