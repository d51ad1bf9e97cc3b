"""Sheets of sales in the console: chosen, looked at row by row, recorded, and what came of them.

A look keeps nothing: the file is sent with each, and once more when it is handed in.
"""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms, htmx
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, Renderer, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.commissions import queries as commissions
from server.commissions.sheets import exports, queries, service
from server.commissions.sheets.schemas import (
    FILE_BYTES_MAX,
    PROPOSED,
    SaleColumnsSaid,
    SheetAsSeen,
    SheetSeen,
)
from server.kit import clock, ids, sheets
from server.kit.errors import IdReused, Refusal
from server.partners import queries as partners
from server.problems import BooksRefusal

_HOME: Final = "/console/commissions/sheets"
_ONE: Final = f"{_HOME}/{{sheet_id:uuid}}"
_NEW: Final = "console/templates/sales_sheet_new.html"
_SEEN: Final = "console/templates/sales_sheet_seen.html"
_FORM_BYTES_MAX: Final = FILE_BYTES_MAX + 2**20
"""A file with the form around it."""
_SLOW: Final = {"time_limit_s": 60.0}
_TEXTS: Final = ("id", "map_id", "name", "are_others")
_NAME_MAX: Final = 200
_NOTHING: Final = Problem()


class _Sent(msgspec.Struct, frozen=True):
    """A form with its file."""

    given: Mapping[str, str]
    file_name: str = ""
    """Empty where no file was chosen."""
    content: bytes = b""
    columns: Mapping[str, Any] = {}
    """What was said of the columns; empty where they were not shown."""


@get(_HOME)
async def listed(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the sheets, those that were handed in last first."""
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        "console/templates/sales_sheets.html",
        page=await queries.sheets(actor, cursor=cursor),
        **await frame(request, actor),
    )


@get(_ONE)
async def sheet(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, sheet_id: FromPath[UUID]
) -> Response[Any]:
    """Show how far a sheet has come, and what was not recorded; a fragment is its progress."""
    held = await queries.sheet(actor, sheet_id)
    if htmx.is_fragment(request):
        return renderer.page(request, "console/templates/sales_sheet_progress.html", held=held)
    cursor = request.query_params.get("cursor") or None
    refused = await queries.rows(actor, sheet_id, only_refused=True, cursor=cursor, now=clock.now())
    return renderer.page(
        request,
        "console/templates/sales_sheet.html",
        held=held,
        refused=refused,
        **await frame(request, actor),
    )


@get(f"{_HOME}/template.csv", media_type=sheets.CSV)
async def template(actor: CurrentActor) -> Response[bytes]:
    """Give an empty sheet to fill in."""
    return exports.template(actor)


@get(f"{_ONE}/refused.csv", media_type=sheets.CSV)
async def refused(actor: CurrentActor, sheet_id: FromPath[UUID]) -> Stream:
    """Give the rows that were not recorded, to be corrected and sent again."""
    blocks = await exports.refused(actor, sheet_id, now=clock.now())
    return sheets.answer(blocks, "refused.csv")


# ------------------------------------------------------------------------------- handing one in


@get(f"{_HOME}/new")
async def begin(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show the form for the file."""
    sent = _Sent({**dict.fromkeys(_TEXTS, ""), **_new_ids()})
    return await _page(request, actor, renderer, sent, None, _NOTHING)


@post(f"{_HOME}/preview", status_code=200, request_max_body_size=_FORM_BYTES_MAX, opt=_SLOW)
async def preview(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show what would be recorded; nothing is kept."""
    return await _seen(request, actor, renderer, await _sent(request, actor), _NOTHING)


@post(_HOME, status_code=200, request_max_body_size=_FORM_BYTES_MAX, opt=_SLOW)
async def hand_in(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Hand the sheet in as it was shown; what was not shown yet is shown first."""
    sent = await _sent(request, actor)
    drawn = partial(_seen, request, actor, renderer, sent)
    if not sent.file_name:
        told = forms.words_of(request).say("imports.no_file")
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return await drawn(Problem(status=status, said=told, errors={"file": told}))
    if not sent.columns:
        return await drawn(_NOTHING)
    try:
        sheet_id = await _handed_in(actor, sent)
    except (Refusal, BooksRefusal) as refusal:
        return await drawn(forms.said(request, refusal))
    return forms.go(f"{_HOME}/{sheet_id}", "sales_sheet_handed_in")


def _new_ids() -> dict[str, str]:
    """Make ids for what a form sends."""
    now = clock.now()
    return {name: str(ids.new_id(now)) for name in ("id", "map_id")}


async def _handed_in(actor: Actor, sent: _Sent) -> UUID:
    """Hand in what a form has sent, under new ids if those were sent before with something else."""
    try:
        return await _hand_in(actor, sent, sent.given)
    except IdReused:
        return await _hand_in(actor, sent, {**sent.given, **_new_ids()})


async def _hand_in(actor: Actor, sent: _Sent, given: Mapping[str, str]) -> UUID:
    """Hand a sheet in as it was shown."""
    said = forms.taken(sent.columns, SaleColumnsSaid)
    asked = forms.filled({**given, "file_name": sent.file_name})
    asked["are_others"] = given["are_others"] == "1"
    new = forms.taken(asked, SheetAsSeen)
    view = await service.hand_in_as_seen(actor, new, said, sent.content, now=clock.now())
    return view.id


async def _sent(request: AnyRequest, actor: Actor) -> _Sent:
    """Read the form of who may send it."""
    queries.ensure_may_see(actor)
    form = await request.form()
    file = form.get("file")
    given = await forms.texts(request, *_TEXTS)
    if not isinstance(file, UploadFile) or not file.filename:
        return _Sent(given)
    return _Sent(given, file.filename[-_NAME_MAX:], await file.read(), _columns(form))


def _columns(form: Mapping[str, Any]) -> dict[str, Any]:
    """Read what was said of each column, and of words."""
    header = forms.listed(form, "header")
    if not header:
        return {}
    return {
        "header": header,
        "fields": [form.get(f"column_{at}") or None for at in range(len(header))],
        "plan": form.get("plan") or None,
        "plan_words": forms.meant(form, "plan_words"),
        "agent_words": forms.meant(form, "agent_words"),
    }


async def _seen(
    request: AnyRequest, actor: Actor, renderer: Renderer, sent: _Sent, wrong: Problem
) -> Response[Any]:
    """Draw the sheet as it would be recorded, if it can be read."""
    seen = None
    try:
        if sent.file_name:
            said = forms.taken(sent.columns, SaleColumnsSaid) if sent.columns else None
            seen = await service.preview(actor, sent.content, said=said, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        wrong = wrong if wrong.said else forms.said(request, refusal)
    return await _page(request, actor, renderer, sent, seen, wrong)


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: Renderer,
    sent: _Sent,
    seen: SheetSeen | None,
    wrong: Problem,
) -> Response[Any]:
    """Draw the form; what htmx asks for is the part that shows the sheet."""
    shown: dict[str, Any] = {"given": sent.given, "wrong": wrong, "seen": seen, "fields": PROPOSED}
    if seen is not None:
        shown |= await _asked(request, actor, seen)
    if htmx.is_fragment(request):
        return renderer.page(request, _SEEN, status=wrong.status, is_part=True, **shown)
    return renderer.page(
        request,
        _NEW,
        status=wrong.status,
        is_part=False,
        **shown,
        file_name=sent.file_name,
        megabytes_max=FILE_BYTES_MAX // 2**20,
        maps=await queries.maps(actor),
        **await frame(request, actor),
    )


async def _asked(request: AnyRequest, actor: Actor, seen: SheetSeen) -> dict[str, Any]:
    """Give what is asked about a sheet, and the lists that the form sends along."""
    by = seen.column_map
    called = {
        "agent": {**dict.fromkeys(seen.agent_words), **by.agent_words},
        "plan": {**dict.fromkeys(seen.plan_words), **by.plan_words},
    }
    texts = {"header": seen.header, **{f"{name}_words": [*words] for name, words in called.items()}}
    agents = [(str(each.tenant_id), each.name) for each in await partners.agents(actor)]
    return {
        "choices": {"agent": agents, "plan": await _plans(request, actor)},
        "names": dict(agents),
        "called": called,
        "lists": {name: msgspec.json.encode(each).decode() for name, each in texts.items()},
    }


async def _plans(request: AnyRequest, actor: Actor) -> list[tuple[str, str]]:
    """Name the commission plans, as their page does, those that began last first."""
    words = forms.words_of(request)
    named: dict[str, str] = {}
    for each in await commissions.plans(actor):
        called = words.say(
            "commissions.plan_called",
            measure=words.say(f"commissions.measure.{each.measure}"),
            day=each.begins_on,
            code=str(each.plan_id)[-4:],
        )
        named.setdefault(str(each.plan_id), called)
    return list(named.items())


HANDLERS = [listed, template, begin, preview, hand_in, sheet, refused]
"""Pages of sheets of sales."""
