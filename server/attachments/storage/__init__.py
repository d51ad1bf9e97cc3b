"""Where bytes lie: a folder on this machine, or a bucket of S3. Rooms see one interface.

A key is ``tenant/purpose/random name``: it says whose bytes these are, and nobody guesses it.
"""

import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from server.kit.errors import Unavailable
from server.settings import Settings

PIECE_BYTES: Final = 256 * 1024
"""How much of a content is in memory at once."""
_RANDOM_BYTES: Final = 24


class StorageAway(Unavailable):
    """The place where contents lie cannot be reached."""

    code = "storage_away"


class ObjectMissing(LookupError):
    """There is nothing under this key."""


class Storage(Protocol):
    """Keeps bytes under keys. What `put` has kept outlives a crash."""

    async def put(self, key: str, content: bytes | Path) -> None:
        """Keep bytes, or those of a file, under a key, whole or not at all; again replaces.

        :raises StorageAway: nothing is known to be kept.
        """
        ...

    def read(self, key: str) -> AsyncIterator[bytes]:
        """Give the bytes of a key, in pieces.

        :raises ObjectMissing: there are none.
        :raises StorageAway: they cannot be had now.
        """
        ...

    async def delete(self, keys: Iterable[str]) -> None:
        """Let go of what lies under the keys; what is not there is gone already.

        :raises StorageAway: some may still be there.
        """
        ...

    def link(self, key: str, *, disposition: str, media_type: str, seconds: int) -> str | None:
        """Give an address from which anybody fetches the bytes for a short while.

        None where the application itself hands them out.
        """
        ...


def new_key(tenant_id: UUID, purpose: str) -> str:
    """Make up a key that nobody guesses."""
    return f"{tenant_id}/{purpose}/{secrets.token_hex(_RANDOM_BYTES)}"


def choose(settings: Settings) -> Storage:
    """Choose the place that the settings name."""
    if settings.s3_bucket:
        # boto3 takes most of a second to import, and most installations have no bucket.
        from server.attachments.storage.s3 import Bucket  # noqa: PLC0415 - see above

        return Bucket(settings)
    from server.attachments.storage.local import Folder  # noqa: PLC0415 - like its sibling

    return Folder(settings.data_dir / "attachments")
