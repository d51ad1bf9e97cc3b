"""Push, pull and live hints over HTTP: JSON or MessagePack by content type, zstd where said."""

import time
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import ServerSentEvent, ServerSentEventMessage

from server.access import Actor
from server.access.edge import CurrentActor
from server.access.streams import STREAMS
from server.kit import clock, compression, live, zstd_frames
from server.kit.errors import Malformed, Refusal, TooLarge
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.sync import (
    comparing,
    digest,
    document,
    first_sync,
    inbox,
    merging,
    pairs,
    queries,
    rules,
    service,
    unmerging,
)
from server.sync.schemas import (
    ApartFrom,
    ConflictView,
    MergeInto,
    MergeLine,
    MergePreview,
    MergeView,
    PairView,
    ResolveConflict,
    UnmergeView,
)
from sync_protocol import codec
from sync_protocol.messages import DigestRequest, PullRequest

_STANDING_S: Final = 25.0
"""How often an open stream makes sure that its device still counts; it also beats then."""
_PLAIN: Final = {"Cache-Control": "no-store", "Accept-Encoding": codec.ZSTD}
"""A device compresses what it sends once it has heard that this server reads it (RFC 7694)."""
_COMPRESSED: Final = {**_PLAIN, "Content-Encoding": codec.ZSTD, "Vary": "Accept-Encoding"}


class BadMessage(Malformed):
    """The body is not the message that it should be."""

    code = "message_invalid"


class MessageTooLarge(TooLarge):
    """The body is longer than a message may be."""

    code = "message_too_large"


class EncodingUnknown(Malformed):
    """The content type or encoding is neither JSON nor MessagePack."""

    code = "encoding_unknown"


@post(
    "/push",
    status_code=200,
    hears_itself=True,
    summary="Send what a device did",
    operation_class=document.Push,
)
async def push(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[bytes]:
    """Settle a frame of ops, each exactly once, and answer their outcomes."""
    media, body = await _body(request)
    try:
        message = codec.decode_push(body, media)
    except codec.DecodeError as error:
        raise _bad(error) from error
    return _answer(request, media, await service.push(actor, message, now=clock.now()))


@post(
    "/pull",
    status_code=200,
    is_read=True,
    hears_itself=True,
    summary="Receive what is newer than a cursor",
    operation_class=document.Pull,
)
async def pull(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[bytes]:
    """Give one page of what changed within the device's scope."""
    media, body = await _body(request)
    try:
        message = codec.decode(body, PullRequest, media)
    except codec.DecodeError as error:
        raise _bad(error) from error
    if media == codec.JSON:
        return _answer(request, media, await service.pull(actor, message, now=clock.now()))
    told = await first_sync.pull(actor, message, now=clock.now())
    if isinstance(told, first_sync.Packed):
        return _answer_packed(request, told)
    return _answer(request, media, told)


@post(
    "/digest",
    status_code=200,
    is_read=True,
    hears_itself=True,
    summary="Learn how what a device holds differs",
    operation_class=document.Compare,
)
async def compare(request: Request[Any, Any, Any], actor: CurrentActor) -> Response[bytes]:
    """Compare what a device holds with what it may hold, and give what it lacks."""
    media, body = await _body(request)
    try:
        message = codec.decode(body, DigestRequest, media)
    except codec.DecodeError as error:
        raise _bad(error) from error
    return _answer(request, media, await digest.compare(actor, message, now=clock.now()))


@get(
    "/hint",
    summary="Hear that there is something newer",
    opt={"time_limit_s": None, "hears_itself": True},
    sync_to_thread=False,
)
def hint(actor: CurrentActor) -> ServerSentEvent:
    """Stream the tenant's sequence whenever it moves; data only ever comes by pull."""
    device_id = rules.ensure_device(actor)
    return ServerSentEvent(_hints(actor, STREAMS.open(actor, device_id)))


async def _hints(
    actor: Actor, subscription: live.Subscription
) -> AsyncIterator[ServerSentEventMessage]:
    """Give one event for each move, and a comment when it is quiet, while the device counts."""
    looked_s = time.monotonic()
    # The answer's head goes out with its first words: now a device knows that it is heard.
    yield ServerSentEventMessage(comment="listening")
    async for seq in subscription.beats(_STANDING_S):
        if time.monotonic() - looked_s >= _STANDING_S:
            latest = await service.seq_for(actor)
            if latest is None:
                return
            subscription.tell(latest)  # a hint may have been lost
            looked_s = time.monotonic()
        if seq is None:
            yield ServerSentEventMessage(comment="quiet")
        else:
            yield ServerSentEventMessage(event="newer", data=str(seq))


@get("/conflicts", summary="List what was written without seeing each other")
async def conflicts(
    actor: CurrentActor,
    customer_id: FromQuery[UUID | None] = None,
    cursor: PageCursor = None,
) -> Page[ConflictView]:
    """List the open conflicts within sight, newest first."""
    return await queries.conflicts(actor, customer_id=customer_id, cursor=cursor)


@post("/conflicts/{conflict_id:uuid}/resolution", status_code=200, summary="Settle a conflict")
async def resolve(
    actor: CurrentActor, conflict_id: FromPath[UUID], data: JSONBody[ResolveConflict]
) -> ConflictView:
    """Restore the other value or keep the held one."""
    is_restore = data.decision == "restore"
    return await inbox.resolve(actor, conflict_id, is_restore=is_restore, now=clock.now())


@post("/{customer_id:uuid}/merge", status_code=200, summary="Merge a customer into another one")
async def merge(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[MergeInto]
) -> MergeView:
    """Let all that belongs to this customer belong to the other; this one is no more."""
    return await merging.merge(
        actor,
        customer_id,
        data.into_id,
        choices=data.choices,
        as_of=data.as_of,
        now=clock.now(),
    )


@get(
    "/{customer_id:uuid}/merge-previews/{into_id:uuid}",
    summary="Compare two customers before a merge",
)
async def merge_preview(
    actor: CurrentActor, customer_id: FromPath[UUID], into_id: FromPath[UUID]
) -> MergePreview:
    """Say which values stand against each other, and what would move along; nothing is done."""
    return await comparing.preview(actor, customer_id, into_id)


@post("/{customer_id:uuid}/apart", status_code=204, summary="Tell two customers apart")
async def tell_apart(
    actor: CurrentActor, customer_id: FromPath[UUID], data: JSONBody[ApartFrom]
) -> None:
    """Note that two customers that look alike are two; their pair is listed no more."""
    await comparing.tell_apart(actor, customer_id, data.other_id, now=clock.now())


@get("/duplicate-pairs", summary="List customers that may be one")
async def duplicate_pairs(actor: CurrentActor, cursor: PageCursor = None) -> Page[PairView]:
    """List pairs that look like one customer, of which both are within sight."""
    return await pairs.pairs(actor, cursor=cursor)


@get("/{customer_id:uuid}/merges", summary="List what was merged into a customer")
async def list_merges(actor: CurrentActor, customer_id: FromPath[UUID]) -> list[MergeLine]:
    """List the merges into this customer, the latest first."""
    return await queries.merges_of(actor, customer_id)


@post(
    "/{customer_id:uuid}/merges/{merge_id:uuid}/undoing",
    status_code=200,
    summary="Take a merge back",
)
async def unmerge(
    actor: CurrentActor, customer_id: FromPath[UUID], merge_id: FromPath[UUID]
) -> UnmergeView:
    """Let the two be two again, each with what was its own; what was added since stays."""
    return await unmerging.unmerge(actor, customer_id, merge_id, now=clock.now())


merges = Router(
    "/customers",
    route_handlers=[merge, merge_preview, tell_apart, list_merges, unmerge, duplicate_pairs],
    tags=["customers"],
)

router = Router(
    "/sync", route_handlers=[push, pull, compare, hint, conflicts, resolve], tags=["sync"]
)


async def _body(request: Request[Any, Any, Any]) -> tuple[codec.MediaType, bytes]:
    """Read the encoding and the plain bytes of a message."""
    media = codec.media_type(request.headers.get("content-type"))
    encoding = request.headers.get("content-encoding", "identity")
    if media is None or encoding not in ("identity", codec.ZSTD):
        raise EncodingUnknown("Send application/json or application/msgpack, plain or zstd.")
    body = await request.body()
    try:
        return media, codec.decompress(body) if encoding == codec.ZSTD else body
    except codec.DecodeError as error:
        raise _bad(error) from error


def _bad(error: codec.DecodeError) -> Refusal:
    """Turn what the decoder says into a refusal."""
    if isinstance(error, codec.FormatUnknown):
        return rules.ClientTooOld("Update the app, then sync again; nothing is lost.", field="body")
    kind = MessageTooLarge if isinstance(error, codec.MessageTooLarge) else BadMessage
    return kind(error.detail, field=error.field or "body")


def _answer(
    request: Request[Any, Any, Any], media: codec.MediaType, message: object
) -> Response[bytes]:
    """Write a message in the encoding that the device speaks."""
    body = codec.encode(message, media)
    if len(body) > codec.WORTH_COMPRESSING and _accepts_zstd(request):
        return Response(codec.compress(body), media_type=media, headers=_COMPRESSED)
    return Response(body, media_type=media, headers=_PLAIN)


def _answer_packed(request: Request[Any, Any, Any], told: first_sync.Packed) -> Response[bytes]:
    """Write a page whose batches are compressed already."""
    head = codec.encode_head(told.page)
    if _accepts_zstd(request):
        body = zstd_frames.behind(head, told.frame)
        return Response(body, media_type=codec.MSGPACK, headers=_COMPRESSED)
    batches = codec.decompress(told.frame, max_bytes=codec.MAX_RESPONSE_BYTES)
    return Response(head + batches, media_type=codec.MSGPACK, headers=_PLAIN)


def _accepts_zstd(request: Request[Any, Any, Any]) -> bool:
    """Say whether the device reads zstd."""
    accepted = request.headers.get("accept-encoding", "").encode("latin-1")
    return compression.accepts(accepted, codec.ZSTD.encode())
