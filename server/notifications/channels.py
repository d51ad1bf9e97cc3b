"""Ways outside of the product, behind one protocol: Apprise's, or none."""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import quote

from server.notifications.rules import Channel, Reach
from server.settings import Settings

OFF: Final = "off://"
"""What an operator writes for a channel that is not to be used."""
_TITLE: Final = "同路"


class ChannelAway(RuntimeError):
    """A channel did not take a message; it is tried again later."""


class Sender(Protocol):
    """Takes messages out of the product."""

    async def send(self, reach: Reach, text: str) -> None:
        """Send a text. What is not configured is passed over.

        :raises ChannelAway: it was not taken.
        """
        ...


class NullSender:
    """Sends nothing: the notification is in the product, and that is all."""

    async def send(self, reach: Reach, text: str) -> None:
        """Pass over."""


class AppriseSender:
    """Sends by the library Apprise, each channel by an address that the operator writes."""

    def __init__(self, addresses: Mapping[Channel, str]) -> None:
        self._addresses = addresses

    async def send(self, reach: Reach, text: str) -> None:
        """Send in a thread: the library waits for the network."""
        pattern = self._addresses.get(reach.channel)
        if pattern is not None:
            address = pattern.format(address=quote(reach.address, safe="@"))
            await asyncio.to_thread(_send, address, text, reach.channel)


def _send(address: str, text: str, channel: Channel) -> None:
    """Send one message.

    :raises ChannelAway: it was not taken.
    """
    # The worker alone sends; no web process loads the library.
    import apprise  # noqa: PLC0415 - see above

    line = apprise.Apprise()
    if not (line.add(address) and line.notify(title=_TITLE, body=text)):
        raise ChannelAway(f"{channel} did not take a message")


_chosen: list[Sender] = []


def open_sender(settings: Settings) -> Sender:
    """Choose by the settings; the whole process uses it from here on."""
    addresses = {
        Channel.WECOM: settings.notify_wecom,
        Channel.DINGTALK: settings.notify_dingtalk,
        Channel.FEISHU: settings.notify_feishu,
        Channel.EMAIL: settings.notify_email,
    }
    used = {channel: address for channel, address in addresses.items() if address != OFF}
    sender = AppriseSender(used) if used else NullSender()
    _chosen[:] = [sender]
    return sender


def sender() -> Sender:
    """Give what this process uses; before anything was chosen, what sends nothing."""
    return _chosen[0] if _chosen else NullSender()
