"""Take an agent's file in: chosen, looked at as it would be read, then handed in.

A look keeps nothing: the file is sent with each, and once more when it is handed in.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.handlers import HTTPRouteHandler

from partner_portal import forms, htmx
from partner_portal.forms import Problem
from partner_portal.reconciliation import drawing
from partner_portal.rendering import AnyRequest, Renderer, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.kit import clock, ids
from server.kit.calendars import ZONE
from server.kit.errors import Refusal
from server.problems import BooksRefusal
from server.reconciliation import queries, service
from server.reconciliation.schemas import (
    FILE_BYTES_MAX,
    IDS_SPENT,
    MEANINGS,
    PROPOSED,
    ColumnsSaid,
    FileAsSeen,
    FileSeen,
    Viewer,
)

_PAGE: Final = "reconciliation/templates/intake.html"
_PART: Final = "reconciliation/templates/intake_seen.html"
_FORM_BYTES_MAX: Final = FILE_BYTES_MAX + 2**20
"""A file with the form around it."""
_SLOW: Final = {"time_limit_s": 60.0}
_TEXTS: Final = ("id", "source_id", "agent_id", "name", "month")
_NAME_MAX: Final = 200
_CURRENCIES: Final = ("CNY", "HKD", "USD", "EUR", "JPY", "POINTS")
"""What rows may be of that do not say it."""
_NOTHING: Final = Problem()


class _Sent(msgspec.Struct, frozen=True):
    """A form with its file."""

    side: Viewer
    given: Mapping[str, str]
    file_name: str = ""
    """Empty where no file was chosen."""
    content: bytes = b""
    columns: Mapping[str, Any] = {}
    """What was said of the columns; empty where they were not shown, or for another agent."""


def intake(side: Viewer) -> list[HTTPRouteHandler]:
    """Make the pages on which one side hands a file in: finance any agent's, an owner its own."""
    files = f"{drawing.BASES[side]}/files"

    @get(f"{files}/new")
    async def begin(
        request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
    ) -> Response[Any]:
        """Show the form: of which agent and month, and the file."""
        now = clock.now()
        last = now.astimezone(ZONE).date().replace(day=1) - timedelta(days=1)
        given = {
            **dict.fromkeys(_TEXTS, ""),
            **_new_ids(),
            "agent_id": request.query_params.get("agent_id", ""),
            "month": f"{last:%Y-%m}",
        }
        return await _page(request, actor, renderer, _Sent(side, given), None, _NOTHING)

    @post(f"{files}/preview", status_code=200, request_max_body_size=_FORM_BYTES_MAX, opt=_SLOW)
    async def preview(
        request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
    ) -> Response[Any]:
        """Show how the file would be read; nothing of it is kept."""
        sent = await _sent(request, actor, side)
        return await _seen(request, actor, renderer, sent, _NOTHING)

    @post(files, status_code=200, request_max_body_size=_FORM_BYTES_MAX, opt=_SLOW)
    async def hand_in(
        request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
    ) -> Response[Any]:
        """Hand the file in as it was shown; what was not shown yet is shown first."""
        sent = await _sent(request, actor, side)
        drawn = partial(_seen, request, actor, renderer, sent)
        if not sent.file_name:
            told = forms.words_of(request).say("imports.no_file")
            errors = {"file": told}
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await drawn(Problem(status=status, said=told, errors=errors))
        if not sent.columns:
            return await drawn(_NOTHING)

        try:
            file_id = await _handed_in(actor, sent)
        except (Refusal, BooksRefusal) as refusal:
            return await drawn(forms.said(request, refusal))
        return forms.go(f"{files}/{file_id}", "recon_handed_in")

    return [begin, preview, hand_in]


def _new_ids() -> dict[str, str]:
    """Make ids for what a form sends."""
    now = clock.now()
    return {name: str(ids.new_id(now)) for name in ("id", "source_id")}


async def _handed_in(actor: Actor, sent: _Sent) -> UUID:
    """Hand in what a form has sent, under new ids if those were sent before with something else."""
    try:
        return await _hand_in(actor, sent, sent.given)
    except IDS_SPENT:
        return await _hand_in(actor, sent, {**sent.given, **_new_ids()})


async def _hand_in(actor: Actor, sent: _Sent, given: Mapping[str, str]) -> UUID:
    """Hand a file in as it was shown."""
    said = forms.taken(sent.columns, ColumnsSaid)
    new = forms.taken(forms.filled({**given, "file_name": sent.file_name}), FileAsSeen)
    view = await service.hand_in_as_seen(actor, sent.side, new, said, sent.content, now=clock.now())
    return view.id


async def _sent(request: AnyRequest, actor: Actor, side: Viewer) -> _Sent:
    """Read the form of who may send it."""
    queries.ensure_of_side(actor, side)
    form = await request.form()
    file = form.get("file")
    given = await forms.texts(request, *_TEXTS)
    if side is Viewer.THERE:
        given["agent_id"] = str(actor.tenant_id)
    if not isinstance(file, UploadFile) or not file.filename:
        return _Sent(side, given)
    columns = _columns(form, given["agent_id"])
    return _Sent(side, given, file.filename[-_NAME_MAX:], await file.read(), columns)


def _columns(form: Mapping[str, Any], agent_id: str) -> dict[str, Any]:
    """Read what was said of each column, and of words; nothing where it was of another agent."""
    header = forms.listed(form, "header")
    if not header or form.get("said_for") != agent_id:
        return {}
    return {
        "header": header,
        "fields": [form.get(f"column_{at}") or None for at in range(len(header))],
        "currency": form.get("currency") or "CNY",
        "program": form.get("program") or None,
        "state_words": forms.meant(form, "state_words"),
        "program_words": forms.meant(form, "program_words"),
    }


async def _seen(
    request: AnyRequest, actor: Actor, renderer: Renderer, sent: _Sent, wrong: Problem
) -> Response[Any]:
    """Draw the file as it would be read, if it can be."""
    seen = None
    try:
        if sent.file_name:
            agent_id = forms.given_id(sent.given["agent_id"])
            said = forms.taken(sent.columns, ColumnsSaid) if sent.columns else None
            seen = await service.preview(
                *(actor, sent.side, sent.content),
                agent_id=agent_id,
                said=said,
                month=sent.given["month"] or None,
                now=clock.now(),
            )
    except (Refusal, BooksRefusal) as refusal:
        wrong = wrong if wrong.said else forms.said(request, refusal)
    return await _page(request, actor, renderer, sent, seen, wrong)


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: Renderer,
    sent: _Sent,
    seen: FileSeen | None,
    wrong: Problem,
) -> Response[Any]:
    """Draw the form; what htmx asks for is the part that shows the file."""
    shown: dict[str, Any] = {"given": sent.given, "wrong": wrong, "seen": seen}
    shown["base"] = drawing.BASES[sent.side]
    if seen is not None:
        named = await queries.programs(actor, sent.side)
        programs = [(str(program_id), name) for program_id, name in named]
        shown |= {"programs": programs, "titles": dict(programs), **_asked(request, seen)}
    if htmx.is_fragment(request):
        return renderer.page(request, _PART, status=wrong.status, is_part=True, **shown)
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        _PAGE,
        status=wrong.status,
        is_part=False,
        **shown | await drawing.about(request, actor, sent.side),
        file_name=sent.file_name,
        megabytes_max=FILE_BYTES_MAX // 2**20,
        sources=await queries.sources(actor, sent.side, cursor=cursor, now=clock.now()),
    )


def _asked(request: AnyRequest, seen: FileSeen) -> dict[str, Any]:
    """Give what is asked about a file, and the lists that the form sends along."""
    by, words = seen.column_map, forms.words_of(request)
    states = {**dict.fromkeys(seen.state_words), **by.state_words}
    programs = {**dict.fromkeys(seen.program_words), **by.program_words}
    texts = {"header": seen.header, "state_words": [*states], "program_words": [*programs]}
    return {
        "fields": PROPOSED,
        "currencies": [(code, code) for code in dict.fromkeys((*_CURRENCIES, by.currency))],
        "meanings": [(each, words.say(f"recon.line_state.{each}")) for each in MEANINGS],
        "states": states,
        "called": programs,
        "lists": {name: msgspec.json.encode(each).decode() for name, each in texts.items()},
    }
