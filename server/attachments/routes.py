"""Attachments over HTTP. Each handler makes one call."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, Router, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.attachments import queries, service
from server.attachments.rules import Piece
from server.attachments.schemas import AttachmentStatus, AttachmentView, NewAttachment
from server.kit import clock
from sync_protocol.attachments import CHUNK_BYTES, Completion, Upload

ChunkHash = Annotated[str, QueryParameter(pattern=r"\A[0-9a-f]{64}\Z")]
Offset = Annotated[int, QueryParameter(ge=0, le=CHUNK_BYTES)]
_COMPLETING_S: Final = 75.0
"""Putting together, verifying and rewriting twenty megabytes on a busy machine."""
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    # Nothing in it runs, whatever a browser takes it for.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cache-Control": "private, no-store",
}


@get("/customers/{customer_id:uuid}/attachments", summary="List a customer's attachments")
async def list_attachments(
    actor: CurrentActor, customer_id: FromPath[UUID]
) -> list[AttachmentView]:
    """List a customer's photos and files, the oldest first."""
    return await queries.of_customer(actor, customer_id)


@post("/", summary="Announce an attachment")
async def announce(actor: CurrentActor, data: JSONBody[NewAttachment]) -> AttachmentView:
    """Announce a photo or file, as a device does by a push; its bytes follow in chunks."""
    return await service.announce(actor, data, now=clock.now())


@get("/{attachment_id:uuid}", summary="Show an attachment")
async def show(actor: CurrentActor, attachment_id: FromPath[UUID]) -> AttachmentStatus:
    """Tell of an attachment, and which chunks the server waits for."""
    return await queries.status(actor, attachment_id)


@put(
    "/{attachment_id:uuid}/chunks/{number:int}",
    status_code=204,
    summary="Send a chunk",
    request_max_body_size=CHUNK_BYTES,
    opt={"time_limit_s": 30.0},
)
async def put_chunk(
    request: Request[Any, Any, Any],
    actor: CurrentActor,
    attachment_id: FromPath[UUID],
    number: FromPath[int],
    sha256: ChunkHash,
    offset: Offset = 0,
) -> None:
    """Take a chunk, sent as the body, or the part of one that begins at `offset`.

    Chunks are numbered from 0, and each has its hash.
    """
    content = await request.body()
    piece = Piece(number=number, content=content, sha256=sha256, offset=offset)
    await service.put_chunk(actor, attachment_id, piece, now=clock.now())


@post(
    "/{attachment_id:uuid}/completion",
    status_code=200,
    summary="Complete an attachment",
    opt={"time_limit_s": _COMPLETING_S},
)
async def complete(
    actor: CurrentActor, attachment_id: FromPath[UUID], data: JSONBody[Completion]
) -> Upload:
    """Say that all chunks were sent, or prove to hold what the company has already."""
    return await service.complete(actor, attachment_id, data, now=clock.now())


@get(
    "/{attachment_id:uuid}/content",
    summary="Fetch an attachment",
    media_type="image/*",
    opt={"time_limit_s": None},
)
async def content(actor: CurrentActor, attachment_id: FromPath[UUID]) -> Response[Any]:
    """Give the bytes, or the address where they are for the next minute."""
    found = await service.content(actor, attachment_id)
    headers = {**_SAFE, "ETag": f'"{found.sha256}"'}
    if found.link is not None:
        return Response(b"", status_code=302, headers={**headers, "Location": found.link})
    return Stream(
        found.pieces(),
        headers={
            **headers,
            # The handler's own type, which the document names, would win over a `media_type`.
            "Content-Type": found.media_type,
            "Content-Disposition": found.disposition,
            "Content-Length": str(found.size),
        },
    )


@get(
    "/{attachment_id:uuid}/thumbnail",
    summary="Fetch a small picture of an attachment",
    media_type="image/jpeg",
)
async def thumbnail(actor: CurrentActor, attachment_id: FromPath[UUID]) -> Response[bytes]:
    """Give a JPEG of up to 16 KB; files that are no pictures have none."""
    small = await queries.thumbnail(actor, attachment_id)
    headers = {**_SAFE, "Content-Disposition": 'attachment; filename="thumbnail.jpg"'}
    return Response(small, media_type="image/jpeg", headers=headers)


router = Router(
    "/",
    route_handlers=[
        list_attachments,
        Router(
            "/attachments",
            route_handlers=[announce, show, put_chunk, complete, content, thumbnail],
        ),
    ],
    tags=["attachments"],
)
