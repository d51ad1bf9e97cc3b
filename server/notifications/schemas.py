"""What notifications are over HTTP and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.kit.text import PRINTABLE
from server.notifications.rules import Channel, Kind

__all__ = ["Channel", "Kind", "NotificationView", "ReachView", "SettingView", "Unread"]

Minute = Annotated[int, msgspec.Meta(ge=0, le=1439)]
Address = Annotated[str, msgspec.Meta(min_length=8, max_length=200, pattern=PRINTABLE)]


class NotificationView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that one was told."""

    id: UUID
    kind: Kind
    subject: str
    link: str
    rule: str | None = None
    """The rule that had it told, with `rule_version`."""
    rule_version: int | None = None
    told_at: datetime
    read_at: datetime | None


class Unread(msgspec.Struct, frozen=True):
    """How much one has not looked at."""

    unread: int


class ReachView(msgspec.Struct, frozen=True):
    """A channel, and by what it reaches one: a robot's key, or an e-mail address."""

    channel: Channel
    address: Address


class SettingView(msgspec.Struct, frozen=True, kw_only=True):
    """How one wants to be told outside of the product."""

    channels: Annotated[list[ReachView], msgspec.Meta(max_length=4)] = []
    quiet_from: Minute | None = None
    """Minutes from midnight of Shanghai; with `quiet_until` the hours in which nothing is sent."""
    quiet_until: Minute | None = None
    shows_subject: bool = True
    """Whether what it is about goes along, without numbers of anybody."""
