"""The signed paper: put beside its contract, and opened again."""

from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.contracts.pages import show
from partner_portal.forms import Problem, said
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.attachments import service as attachments
from server.attachments.schemas import NewAttachment
from server.contracts import queries
from server.kit import clock, ids
from server.kit.errors import Invalid, Refusal
from sync_protocol.attachments import MAX_BYTES, UploadState

_FORM_BYTES_MAX: Final = MAX_BYTES + 64 * 1024
_SLOW: Final = {"time_limit_s": 75.0}


@post(
    "/contracts/{contract_id:uuid}/papers",
    status_code=200,
    request_max_body_size=_FORM_BYTES_MAX,
    opt=_SLOW,
)
async def add_paper(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, contract_id: FromPath[UUID]
) -> Response[Any]:
    """Keep a scan or a file with its contract; sending twice keeps one."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    form = await request.form()
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        words = forms.words_of(request)
        none = Problem(status=HTTPStatus.UNPROCESSABLE_ENTITY, said=words.say("contracts.no_file"))
        return await show(request, actor, renderer, contract_id, none)
    try:
        await _keep(actor, contract_id, file, forms.given_id(str(form.get("id", ""))))
    except Refusal as refusal:
        return await show(request, actor, renderer, contract_id, said(request, refusal))
    return forms.go(f"/contracts/{contract_id}", "contract_paper")


async def _keep(
    actor: Actor, contract_id: UUID, file: UploadFile, attachment_id: UUID | None
) -> None:
    """Send a file's bytes the way that a phone does.

    :raises Refusal: it is too large, or nothing that is kept.
    """
    now = clock.now()
    held = await queries.one(actor, contract_id, now=now)
    content = await file.read()
    new = NewAttachment(
        id=attachment_id or ids.new_id(now),
        customer_id=held.customer_id,
        subject_kind="contract",
        subject_id=contract_id,
        name=file.filename[-200:],
        media_type=file.content_type,
        size=max(len(content), 1),
        sha256=sha256(content).hexdigest(),
    )
    upload = await attachments.keep(actor, new, content, now=now)
    if upload.state is UploadState.REFUSED:
        raise Invalid(upload.detail or "This file is nothing that is kept.", field="file")


@get("/contracts/{contract_id:uuid}/papers/{attachment_id:uuid}")
async def paper(
    actor: CurrentActor, contract_id: FromPath[UUID], attachment_id: FromPath[UUID]
) -> Response[Any]:
    """Give the bytes of a paper, or the address where they are for the next minute."""
    await queries.one(actor, contract_id, now=clock.now())
    found = await attachments.content(actor, attachment_id)
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "Cache-Control": "private, no-store",
    }
    if found.link is not None:
        return Response(b"", status_code=302, headers={**headers, "Location": found.link})
    headers |= {"Content-Type": found.media_type, "Content-Disposition": found.disposition}
    return Stream(found.pieces(), headers=headers)
