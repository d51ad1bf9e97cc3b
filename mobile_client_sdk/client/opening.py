"""A client on its store file: opened, or allowed by the server to be opened again."""

import time
from collections.abc import Callable
from os import urandom
from pathlib import Path

import httpx

from mobile_client_sdk.client.inbox import Inbox
from mobile_client_sdk.client.made import Made
from mobile_client_sdk.client.photos import Photos
from mobile_client_sdk.client.promising import Promising
from mobile_client_sdk.client.syncing import Syncing
from mobile_client_sdk.engine import DEFAULT_PAGE
from mobile_client_sdk.keys import KeyKeeper
from mobile_client_sdk.lease import StoreWiped, uptime_ms
from mobile_client_sdk.protection import Protection
from mobile_client_sdk.session import DeviceRevoked, Session, Sessions
from mobile_client_sdk.store import CAN_ENCRYPT, StoreUnusable, open_store
from mobile_client_sdk.transport import Transport
from sync_protocol import codec


class Client(Inbox, Photos, Promising, Made, Syncing):
    """One person's records on one device."""


def open_client(  # noqa: PLR0913 - an app says here all that is its own
    path: str | Path,
    base_url: str,
    *,
    key: bytes | None = None,
    keeper: KeyKeeper | None = None,
    passphrase: str | None = None,
    protect: bool | None = None,
    clock_ms: Callable[[], int] | None = None,
    uptime_ms: Callable[[], int] = uptime_ms,
    random_bytes: Callable[[int], bytes] = urandom,
    http: httpx.BaseTransport | None = None,
    media: codec.MediaType = codec.MSGPACK,
    page: int = DEFAULT_PAGE,
    app_version: str = "",
) -> Client:
    """Open a client on a store file; the clock and the randomness are the system's by default.

    The store is encrypted where the extra ``protected`` is installed, with a key that ``keeper``
    keeps (a file beside the store by default, with a ``passphrase`` where one is given) and under a
    lease. ``protect=False`` leaves it readable; ``protect=True`` refuses to. An app that keeps a
    ``key`` of 32 bytes itself gets an encrypted store without a lease. ``app_version`` is what the
    company's list of devices shows.

    :raises LeaseEnded: if the device was without its server for too long; see ``renew_lease``.
    :raises WrongKey: if the key or the passphrase is another one.
    """
    now = clock_ms or _system_clock_ms
    protection = None
    wanted = CAN_ENCRYPT if protect is None else protect
    if key is not None:
        store = open_store(path, key=key)
    elif wanted or keeper is not None or passphrase is not None:
        if not CAN_ENCRYPT:
            raise StoreUnusable("Nothing here can encrypt; install the extra `protected`.")
        protection = Protection(
            path,
            keeper=keeper,
            passphrase=passphrase,
            clock_ms=now,
            uptime_ms=uptime_ms,
            random_bytes=random_bytes,
        )
        store = protection.open()
    else:
        store = open_store(path)
    return Client(
        store,
        base_url,
        clock_ms=now,
        random_bytes=random_bytes,
        http=http,
        media=media,
        page=page,
        protection=protection,
        app_version=app_version,
        uptime_ms=uptime_ms,
    )


def renew_lease(  # noqa: PLR0913 - as for ``open_client``
    path: str | Path,
    base_url: str,
    *,
    code: str | None = None,
    device_name: str = "",
    keeper: KeyKeeper | None = None,
    passphrase: str | None = None,
    clock_ms: Callable[[], int] | None = None,
    uptime_ms: Callable[[], int] = uptime_ms,
    http: httpx.BaseTransport | None = None,
) -> Session:
    """Ask the server to let a store be opened again whose lease has ended.

    A device that has been signed out meanwhile gives a new enrolment ``code`` of the same person.

    :raises Offline: if the server cannot be reached.
    :raises SignedOut: if a code is needed.
    :raises StoreWiped: if the device's right was taken away; its store is destroyed.
    """
    now = clock_ms or _system_clock_ms
    protection = Protection(
        path, keeper=keeper, passphrase=passphrase, clock_ms=now, uptime_ms=uptime_ms
    )
    sessions = Sessions(protection.vault, on_terms=protection.vault.contact)
    transport = Transport(base_url, sessions, now, http=http, is_protected=True)
    try:
        if code is not None:
            return transport.enrol(
                code,
                device_name=device_name,
                platform="python",
                made=None,
                random_bytes=urandom,
            )
        return transport.renew()
    except DeviceRevoked as error:
        protection.wipe()
        raise StoreWiped("This device was signed out and its store was destroyed.") from error
    finally:
        transport.close()


def _system_clock_ms() -> int:
    """Tell the time of this device; the server knows how far it is off."""
    return time.time_ns() // 1_000_000
