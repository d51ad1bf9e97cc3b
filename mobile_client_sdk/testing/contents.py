"""The bytes of attachments in memory: chunks in parts, kept once, and written anew in a plain way.

What is written anew is not the sender's bytes any more, as with the real server: that one decodes
and encodes a picture, this one ends it where it ends and leaves a mark in it. What has no end is
nothing that can be read. A thumbnail is one grey dot.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from mobile_client_sdk.testing.answers import Answer, Refused, in_json
from mobile_client_sdk.testing.company import Company, FakeDevice
from sync_protocol.attachments import (
    BadChunk,
    Completion,
    State,
    Upload,
    UploadState,
    chunk_count,
    chunk_hash,
    chunk_length,
    identify,
    missing_ranges,
)
from sync_protocol.conflicts import Version
from sync_protocol.merge import HeldRecord

PREFIX: Final = "/v1/attachments/"
_ADDRESS: Final = re.compile(
    PREFIX + r"(?P<id>[^/]+)/(?P<what>chunks|completion|content|thumbnail)(?:/(?P<number>\d+))?"
)
_ENDS: Final = {
    "image/jpeg": b"\xff\xd9",
    "image/png": b"IEND\xaeB`\x82",
    "image/webp": b"",
    "image/heic": b"",
    "application/pdf": b"%%EOF",
}
_MARK: Final = b"\xff\xfe\x00\x0dfake server"
"""A comment, behind the two bytes that a JPEG begins with."""
_DOT: Final = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwc"
    "KDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)


class FakeUpload(msgspec.Struct):
    """What came of one attachment's bytes."""

    chunks: dict[int, bytes] = {}
    """Each chunk, or its beginning."""
    settled: Upload | None = None


class FakeContent(msgspec.Struct):
    """Bytes that the company has."""

    possession: str
    stored: bytes
    media_type: str


class Contents(Company):
    """Takes and hands out the bytes of attachments."""

    def __init__(self, *, clock_ms: Callable[[], int] | None = None, scoped: bool = False) -> None:
        super().__init__(clock_ms=clock_ms, scoped=scoped)
        self.uploads: dict[str, FakeUpload] = {}
        self.contents: dict[str, FakeContent] = {}
        """By the hash of the bytes as the device made them."""

    def _content(self, device: FakeDevice, method: str, address: str, body: bytes) -> Answer:
        """Answer a request about an attachment's bytes."""
        url = urlsplit(address)
        found = _ADDRESS.fullmatch(url.path)
        record = None if found is None else self.records.get(("attachment", found["id"]))
        if found is None or record is None or not self._is_in_reach(device, record):
            raise Refused(404, "not_found", "There is no such attachment.")
        match method, found["what"]:
            case "PUT", "chunks":
                number, query = int(found["number"]), dict(parse_qsl(url.query))
                return self._take_chunk(record, number, body, query)
            case "POST", "completion":
                return self._complete(record, msgspec.json.decode(body, type=Completion))
            case "GET", "content" | "thumbnail":
                return self._hand_out(record, is_small=found["what"] == "thumbnail")
            case _:
                raise Refused(405, "method_not_allowed", "This address takes another method.")

    def _is_in_reach(self, device: FakeDevice, record: HeldRecord) -> bool:
        customer = self._customer_of(record)
        is_there = customer is not None and not customer.deleted and not record.deleted
        return is_there and self._sees(device.user_id, record)

    def _take_chunk(
        self, record: HeldRecord, number: int, part: bytes, query: Mapping[str, str]
    ) -> Answer:
        """Take a chunk, or a part that goes on where its beginning ends."""
        upload = self.uploads.setdefault(record.id, FakeUpload())
        offset = int(query.get("offset", "0"))
        try:
            length = chunk_length(record.fields["size"], number)
        except BadChunk as error:
            raise Refused(422, "chunk_unknown", str(error)) from error
        if upload.settled is not None:
            raise Refused(409, "upload_finished", "Nothing more is taken.")
        begun = upload.chunks.get(number, b"")
        if begun[offset : offset + len(part)] == part:
            return 204, {}, b""
        if not part or offset + len(part) > length:
            raise Refused(422, "chunk_truncated", f"This chunk has {length} bytes.")
        if offset != len(begun):
            raise Refused(409, "chunk_offset", "Go on where it ends.", offset=len(begun))
        chunk = begun + part
        if len(chunk) == length and chunk_hash(chunk) != query["sha256"]:
            upload.chunks.pop(number, None)
            raise Refused(422, "chunk_differs", "The chunk was changed on its way.")
        upload.chunks[number] = chunk
        return 204, {}, b""

    def _complete(self, record: HeldRecord, completion: Completion) -> Answer:
        """Look at what came, or at a proof that it need not."""
        upload = self.uploads.setdefault(record.id, FakeUpload())
        if upload.settled is not None:
            return _uploaded(upload.settled)
        held = self.contents.get(record.fields["sha256"])
        if held is not None and held.possession == completion.proof:
            return self._settle_upload(record, Upload(state=UploadState.STORED))
        size = record.fields["size"]
        whole = {
            number
            for number, chunk in upload.chunks.items()
            if len(chunk) == chunk_length(size, number)
        }
        if missing := missing_ranges(size, whole):
            partial = [(n, len(each)) for n, each in upload.chunks.items() if n not in whole]
            detail = "Send the chunks that are missing first."
            raise Refused(409, "chunks_missing", detail, missing=missing, partial=partial)
        content = b"".join(upload.chunks[number] for number in range(chunk_count(size)))
        identity = identify(content)
        if identity.sha256 != record.fields["sha256"]:
            upload.chunks.clear()
            raise Refused(409, "content_differs", "These are not the bytes that were announced.")
        anew = _written_anew(content, record.fields["media_type"])
        if anew is None:
            refused = Upload(
                state=UploadState.REFUSED, code="not_readable", detail="It cannot be read."
            )
            return self._settle_upload(record, refused)
        media_type = record.fields["media_type"]
        self.contents.setdefault(
            identity.sha256, FakeContent(identity.possession, anew, media_type)
        )
        return self._settle_upload(record, Upload(state=UploadState.STORED))

    def _settle_upload(self, record: HeldRecord, outcome: Upload) -> Answer:
        """Note what became of the bytes, and let every device hear of it."""
        self.uploads[record.id] = FakeUpload(settled=outcome)
        state = State.STORED if outcome.state is UploadState.STORED else State.REFUSED
        self.seq += 1
        self.records["attachment", record.id] = msgspec.structs.replace(
            record,
            seq=self.seq,
            fields={**record.fields, "state": str(state)},
            versions={**record.versions, "state": Version(self.seq)},
        )
        return _uploaded(outcome)

    def _hand_out(self, record: HeldRecord, *, is_small: bool) -> Answer:
        held = self.contents.get(record.fields["sha256"])
        if held is None or record.fields["state"] != State.STORED:
            raise Refused(409, "not_stored", "The bytes are not here yet.")
        content = _DOT if is_small else held.stored
        media_type = "image/jpeg" if is_small else held.media_type
        return (
            200,
            {"content-type": media_type, "etag": f'"{sha256(content).hexdigest()}"'},
            content,
        )


def _uploaded(upload: Upload) -> Answer:
    told: dict[str, Any] = msgspec.to_builtins(upload)
    return in_json(200, told)


def _written_anew(content: bytes, media_type: str) -> bytes | None:
    """End a content where it ends, and mark a photo; none where there is no end."""
    end = content.rfind(_ENDS[media_type])
    if end < 0:
        return None
    whole = content[: end + len(_ENDS[media_type])] if _ENDS[media_type] else content
    return whole[:2] + _MARK + whole[2:] if media_type == "image/jpeg" else whole
