"""Contents in a bucket of S3, or of whatever speaks its protocol. The bucket is private.

boto3 blocks, so it works in a few threads of its own. Addresses for downloads are signed here, with
no request.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from server.attachments.storage import PIECE_BYTES, ObjectMissing, StorageAway
from server.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = 8
_PART_BYTES: Final = 8 * 1024 * 1024
"""S3 takes no parts below 5 MiB, but for the last."""
_DELETED_AT_ONCE: Final = 1000
_MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})


class Bucket:
    """A bucket with an object for each key."""

    def __init__(self, settings: Settings) -> None:
        self._bucket = settings.s3_bucket
        self._client = _client(settings, settings.s3_endpoint_url)
        outside = settings.s3_public_url or settings.s3_endpoint_url
        self._signer = _client(settings, outside)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")
        # Parts one after the other, in the thread that is ours already.
        self._transfer = TransferConfig(
            multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False
        )

    async def put(self, key: str, content: bytes | Path) -> None:
        """Keep bytes, or those of a file, under a key."""
        if isinstance(content, bytes):
            await self._do(self._client.put_object, Bucket=self._bucket, Key=key, Body=content)
        else:
            upload = self._client.upload_file
            await self._do(upload, str(content), self._bucket, key, Config=self._transfer)

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """Give the bytes of a key, in pieces."""
        answer = await self._do(self._client.get_object, Bucket=self._bucket, Key=key)
        body = answer["Body"]
        try:
            while piece := await self._do(body.read, PIECE_BYTES):
                yield piece
        finally:
            body.close()

    async def delete(self, keys: Iterable[str]) -> None:
        """Let go of what lies under the keys."""
        wanted = [{"Key": key} for key in keys]
        for first in range(0, len(wanted), _DELETED_AT_ONCE):
            batch = {"Objects": wanted[first : first + _DELETED_AT_ONCE], "Quiet": True}
            answer = await self._do(self._client.delete_objects, Bucket=self._bucket, Delete=batch)
            if answer.get("Errors"):
                raise StorageAway("Some of the bytes cannot be let go now.")

    def link(self, key: str, *, disposition: str, media_type: str, seconds: int) -> str:
        """Sign an address of the bytes that is good for a short while."""
        address: str = self._signer.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentDisposition": disposition,
                "ResponseContentType": media_type,
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=seconds,
        )
        return address

    async def _do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a blocking thing in a thread, and say in our words what went wrong.

        :raises ObjectMissing: there is nothing under the key.
        :raises StorageAway: anything else.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _MISSING:
                raise ObjectMissing(str(kwargs.get("Key", ""))) from error
            raise StorageAway("The store of contents refuses; try again later.") from error
        except (BotoCoreError, boto3.exceptions.Boto3Error, OSError) as error:
            raise StorageAway("The store of contents cannot be reached; try again.") from error


def _client(settings: Settings, endpoint: str) -> Any:
    """Make a client of one endpoint."""
    session = boto3.session.Session(
        aws_access_key_id=settings.s3_access_key or None,
        aws_secret_access_key=settings.s3_secret_key or None,
        region_name=settings.s3_region,
    )
    return session.client(
        "s3",
        endpoint_url=endpoint or None,
        config=Config(
            signature_version="s3v4",
            # Names of buckets stand in the path: foreign servers know no other way.
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=5,
            read_timeout=20,
            retries={"max_attempts": 3, "mode": "standard"},
            max_pool_connections=_THREADS,
        ),
    )
