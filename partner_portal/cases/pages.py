"""Service cases: the list, one to note down, and one with its clocks and what was said."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.formats import CASE_COLOURS, SEVERITY_COLOURS
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.cases import exports, queries, service
from server.cases.schemas import CaseEdit, CaseFilters, Decide, NewCase, NewComment
from server.customers import queries as customers
from server.identity import queries as identity
from server.kit import clock, ids, sheets
from server.kit.errors import Invalid, Refusal
from server.kit.sheets import CSV
from sync_protocol.schema import CASE_CATEGORIES, CASE_SEVERITIES
from sync_protocol.serving import LEADS, LIVE, State, Verb, is_possible

ICONS: Final[Mapping[str, str]] = {
    Verb.START: "arrow-right",
    Verb.WAIT: "hourglass",
    Verb.RESUME: "arrow-right",
    Verb.RESOLVE: "check",
    Verb.CLOSE: "circle-check",
    Verb.REOPEN: "rotate-ccw",
    "comment": "message-square",
    "assign": "user-check",
}
_VIEWS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {"is_live": True},
    "mine": {"is_live": True},
    "late": {"is_late": True},
    **{str(state): {"state": str(state)} for state in State},
}
"""What the tabs of the list narrow it by."""


@get("/cases")
async def case_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the cases within sight, the newest first; without a tab those not helped yet."""
    view, text = request.query_params.get("view", ""), request.query_params.get("q", "")
    filters = _asked(actor, view, text)
    cursor = request.query_params.get("cursor")
    return renderer.page(
        request,
        "cases/templates/cases.html",
        page=await queries.list_page(actor, filters, now=clock.now(), cursor=cursor),
        view=view,
        views=list(_VIEWS),
        q=text,
        colours=CASE_COLOURS,
        severities=SEVERITY_COLOURS,
        may_export=Permission.CUSTOMERS_EXPORT in ROLE_PERMISSIONS[actor.role],
        names=(await identity.directory(actor)).people,
        **await frame(request, actor),
    )


def _asked(actor: Actor, view: str, text: str) -> CaseFilters:
    """Turn a tab and a text into filters; an unknown tab is the whole list."""
    narrowed = {**_VIEWS.get(view, {}), "q": text.strip() or None}
    if view == "mine":
        narrowed["assignee_id"] = str(actor.user_id)
    return forms.taken(narrowed, CaseFilters)


@get("/cases/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(request: AnyRequest, actor: CurrentActor) -> Stream:
    """Give the cases that the list shows, as a file that spreadsheet programs open."""
    asked = request.query_params
    filters = _asked(actor, asked.get("view", ""), asked.get("q", ""))
    return sheets.answer(await exports.as_csv(actor, filters, now=clock.now()), "cases.csv")


@get("/customers/{customer_id:uuid}/cases/new")
async def new_case(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Show an empty form for a case of a customer."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    given = {
        "id": str(ids.new_id(clock.now())),
        "subject": "",
        "detail": "",
        "severity": "normal",
        "category": "fault",
    }
    return await _new(request, actor, renderer, customer_id, given, Problem())


async def _new(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    customer_id: UUID,
    given: dict[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the form of a new case."""
    return renderer.page(
        request,
        "cases/templates/new.html",
        status=wrong.status,
        customer=await customers.one(actor, customer_id),
        given=given,
        severities=CASE_SEVERITIES,
        categories=CASE_CATEGORIES,
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/customers/{customer_id:uuid}/cases/new", status_code=200)
async def note_down(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Note a case down; sending twice makes one."""
    given = await forms.texts(request, "id", "subject", "detail", "severity", "category")
    try:
        values = {name: text for name, text in given.items() if text}
        values |= {"customer_id": str(customer_id), "subject": given["subject"]}
        saved = await service.create(actor, forms.taken(values, NewCase), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _new(request, actor, renderer, customer_id, given, wrong)
    return forms.go(f"/cases/{saved.id}", "case_opened")


@get("/cases/{case_id:uuid}")
async def case(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, case_id: FromPath[UUID]
) -> Response[Any]:
    """Show one case."""
    return await _case(request, actor, renderer, case_id, Problem())


async def _case(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, case_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a case: its clocks, what may be done, what was done and said."""
    found = await queries.detail(actor, case_id, now=clock.now())
    allowed = ROLE_PERMISSIONS[actor.role]
    may_write = Permission.CUSTOMERS_WRITE in allowed
    directory = await identity.directory(actor)
    return renderer.page(
        request,
        "cases/templates/case.html",
        status=wrong.status,
        found=found,
        case=found.case,
        verbs=[v for v in LEADS if may_write and is_possible(v, State(found.case.state))],
        icons=ICONS,
        colours=CASE_COLOURS,
        severity_colours=SEVERITY_COLOURS,
        severities=CASE_SEVERITIES,
        categories=CASE_CATEGORIES,
        names=directory.people,
        people=directory.offered(found.case.assignee_id),
        may_write=may_write,
        may_assign=Permission.TASKS_ASSIGN in allowed,
        may_take=may_write and found.case.assignee_id != actor.user_id,
        is_live=found.case.state in LIVE,
        comment_id=str(uuid5(case_id, f"{actor.user_id} {len(found.events)} comment")),
        me=str(actor.user_id),
        wrong=wrong,
        **await frame(request, actor),
    )


@post("/cases/{case_id:uuid}/decisions", status_code=200)
async def decide(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, case_id: FromPath[UUID]
) -> Response[Any]:
    """Do something with a case, as the page showed it; sending twice does it once."""
    given = await forms.texts(request, "seen", "verb", "text")
    # The same button of the same page is the same decision, however often it arrives.
    seen = given.pop("seen")
    values = {name: text for name, text in given.items() if text}
    values["id"] = str(uuid5(case_id, f"{actor.user_id} {seen} {given['verb']}"))
    try:
        asked = forms.taken(values, Decide)
        decided = await service.decide(actor, case_id, asked, now=clock.now())
    except Refusal as refusal:
        return await _case(request, actor, renderer, case_id, said(request, refusal))
    return forms.go(f"/cases/{case_id}", f"case_{decided.state}")


@post("/cases/{case_id:uuid}/comments", status_code=200)
async def comment(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, case_id: FromPath[UUID]
) -> Response[Any]:
    """Say something about a case; sending twice says it once."""
    given = await forms.texts(request, "id", "text")
    try:
        new = forms.taken({name: text for name, text in given.items() if text}, NewComment)
        await service.comment(actor, case_id, new, now=clock.now())
    except Refusal as refusal:
        return await _case(request, actor, renderer, case_id, said(request, refusal))
    return forms.go(f"/cases/{case_id}", "case_comment")


@post("/cases/{case_id:uuid}/assignment", status_code=200)
async def assign(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, case_id: FromPath[UUID]
) -> Response[Any]:
    """Take a case, or give it to somebody."""
    assignee = forms.given_id((await forms.texts(request, "assignee_id"))["assignee_id"])
    try:
        if assignee is None:
            raise Invalid("Choose somebody of the company.", field="assignee_id")
        await service.assign(actor, case_id, assignee, now=clock.now())
    except Refusal as refusal:
        return await _case(request, actor, renderer, case_id, said(request, refusal))
    return forms.go(f"/cases/{case_id}", "case_assigned")


@post("/cases/{case_id:uuid}", status_code=200)
async def change(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, case_id: FromPath[UUID]
) -> Response[Any]:
    """Save what is known of a case; what a form does not send stays as it is."""
    form = {name: str(text).strip() for name, text in (await request.form()).items()}
    names = ("subject", "detail", "severity", "category")
    touched: dict[str, Any] = {name: form[name] or None for name in names if name in form}
    if (base := forms.whole(form.get("base", ""))) is not None:
        touched["base"] = base
    try:
        await service.edit(actor, case_id, forms.taken(touched, CaseEdit), now=clock.now())
    except Refusal as refusal:
        return await _case(request, actor, renderer, case_id, said(request, refusal))
    return forms.go(f"/cases/{case_id}", "case")
