"""Decide what sync refuses before it looks at any op. Pure."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.access import Actor
from server.kit.errors import Conflict, Forbidden
from sync_protocol import version

SYNC_NEWS: Final = timedelta(minutes=1)
"""How fresh the platform and the agent see a device that only reads."""

EPOCH_AHEAD: Final = timedelta(days=1)
"""How far the clock of a server that began an epoch may have been ahead of this one's."""


class DeviceRequired(Forbidden):
    """Only an enrolled device syncs."""

    code = "device_required"


class ClientTooOld(Conflict):
    """The device speaks a protocol that this server no longer does."""

    code = "client_too_old"


class OutOfOrder(Conflict):
    """Ops are missing before the first of this push, or do not follow each other."""

    code = "op_gap"


class EpochUnknown(Conflict):
    """The device claims an epoch that no server can have begun."""

    code = "epoch_unknown"


def ensure_epoch(claimed: int, *, held: int, now: datetime) -> None:
    """Refuse an epoch from the future.

    A list of those that were begun would not do: a server that was restored has forgotten those
    after its backup, and their devices are the ones to hear.

    :param held: the tenant's present epoch.
    """
    latest = max(held, int((now + EPOCH_AHEAD).timestamp()))
    if claimed > latest:
        raise EpochUnknown("This epoch was never begun; pull, then send again.", field="epoch")


def ensure_device(actor: Actor) -> UUID:
    """Give the device; refuse whoever does not come from an enrolled one of an agent."""
    actor.ensure_agent()
    if actor.device_id is None:
        raise DeviceRequired("Enrol this device first, then sync.")
    return actor.device_id


def ensure_supported(protocol: int) -> None:
    """Refuse a protocol that this server does not speak; the outbox stays on the device."""
    if not version.is_supported(protocol):
        raise ClientTooOld("Update the app, then sync again; nothing is lost.", field="protocol")


def is_sync_news(last_sync_at: datetime | None, now: datetime) -> bool:
    """Say whether a pull is worth writing down: not more than once a minute."""
    return last_sync_at is None or now - last_sync_at >= SYNC_NEWS


def offset_ms(device_time_ms: int, received_at_ms: int) -> int:
    """Give what must be added to the device's clock to get the server's."""
    return received_at_ms - device_time_ms
