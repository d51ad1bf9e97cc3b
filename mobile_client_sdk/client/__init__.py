"""The client: what an app is written against. Everything works offline; ``sync`` does the rest.

with open_client("rep.db", "https://crm.example", clock_ms=..., random_bytes=...) as client:
    client.enrol("6WM-BR8-KXK", device_name="王芳的手机")
    ...

The store is encrypted wherever the extra ``protected`` is installed, and opens only while the lease
lasts that each contact with the server begins anew.
"""

from mobile_client_sdk.client.made import RequestState
from mobile_client_sdk.client.opening import Client, open_client, renew_lease
from mobile_client_sdk.client.syncing import SyncProgress, SyncReport, SyncState

__all__ = [
    "Client",
    "RequestState",
    "SyncProgress",
    "SyncReport",
    "SyncState",
    "open_client",
    "renew_lease",
]
