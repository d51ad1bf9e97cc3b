"""Draw what both sides see of reconciliation: finance in the console, an owner in the portal."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response

from partner_portal import forms, htmx
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, Renderer
from server.access import Actor
from server.kit import clock, ids
from server.kit.calendars import ZONE
from server.partners import queries as partners
from server.reconciliation import queries
from server.reconciliation.schemas import ReconExceptionDetail, ReconFilter, Viewer

NOTHING: Final = Problem()
BASES: Final = {Viewer.HERE: "/console/reconciliation", Viewer.THERE: "/reconciliation"}
"""The address below which a side's pages are."""
_FILTER: Final = ("file_id", "agent_id", "kind", "cause", "overdue", "resolved")


class Step(msgspec.Struct, frozen=True):
    """Something that happened to a difference."""

    icon: str
    said: str
    """The key of its words."""
    sentence: str
    at: datetime
    meaning: str = ""


def asked_of(request: AnyRequest) -> ReconFilter:
    """Read which differences an address asks for; what is no value of a filter asks for nothing."""
    query = request.query_params
    given: dict[str, Any] = {name: query[name] for name in _FILTER if query.get(name)}
    for name in ("overdue", "resolved"):
        given[name] = bool(given.get(name))
    return forms.taken(given, ReconFilter)


def address(asked: ReconFilter) -> dict[str, str]:
    """Write a filter as the query that `asked_of` reads."""
    given = {name: getattr(asked, name) for name in _FILTER}
    return {name: "1" if value is True else str(value) for name, value in given.items() if value}


async def about(request: AnyRequest, actor: Actor, side: Viewer) -> dict[str, Any]:
    """Give what every page of the room needs."""
    is_platform = side is Viewer.HERE
    agents = await partners.agents(actor) if is_platform else []
    return {
        "base": BASES[side],
        "is_platform": is_platform,
        "agents": [(each.tenant_id, each.name) for each in agents],
        "names": {each.tenant_id: each.name for each in agents},
        "today": clock.now().astimezone(ZONE).date(),
        **await frame(request, actor),
    }


async def home(
    request: AnyRequest, actor: Actor, renderer: Renderer, side: Viewer
) -> Response[Any]:
    """Draw what is open of all files by kind, and the files, the newest month first."""
    now = clock.now()
    agent_id = forms.given_id(request.query_params.get("agent_id", ""))
    asked = ReconFilter(agent_id=agent_id if side is Viewer.HERE else None)
    cursor = request.query_params.get("cursor") or None
    return renderer.page(
        request,
        "reconciliation/templates/home.html",
        groups=await queries.groups(actor, side, asked, now=now),
        waiting=await queries.waiting(actor, side, asked, now=now),
        page=await queries.files(actor, side, agent_id=asked.agent_id, cursor=cursor, now=now),
        asked=address(asked),
        agent_id=agent_id,
        **await about(request, actor, side),
    )


async def file(
    request: AnyRequest,
    actor: Actor,
    renderer: Renderer,
    side: Viewer,
    file_id: UUID,
    wrong: Problem = NOTHING,
) -> Response[Any]:
    """Draw how far a file has come, or what came of it; a fragment is its progress alone."""
    now = clock.now()
    held = await queries.file(actor, side, file_id, now=now)
    if htmx.is_fragment(request):
        return renderer.page(
            request, "reconciliation/templates/progress.html", held=held, base=BASES[side]
        )
    asked = ReconFilter(file_id=file_id)
    return renderer.page(
        request,
        "reconciliation/templates/file.html",
        status=wrong.status,
        wrong=wrong,
        held=held,
        groups=await queries.groups(actor, side, asked, now=now),
        waiting=await queries.waiting(actor, side, asked, now=now),
        asked=address(asked),
        **await about(request, actor, side),
    )


async def differences(
    request: AnyRequest, actor: Actor, renderer: Renderer, side: Viewer, wrong: Problem = NOTHING
) -> Response[Any]:
    """Draw the differences that an address asks for, what is due first at the beginning."""
    now = clock.now()
    asked, cursor = asked_of(request), request.query_params.get("cursor") or None
    file_id = asked.file_id
    # The same is said of many only where they are of one kind.
    is_alike = side is Viewer.HERE and asked.kind is not None
    return renderer.page(
        request,
        "reconciliation/templates/differences.html",
        status=wrong.status,
        wrong=wrong,
        page=await queries.differences(actor, side, asked, cursor=cursor, now=now),
        held=await queries.file(actor, side, file_id, now=now) if file_id else None,
        filter=asked,
        asked=address(asked),
        kinds=queries.kinds(),
        settleable=await queries.settleable(actor, asked, now=now) if is_alike else [],
        **await about(request, actor, side),
    )


async def difference(
    request: AnyRequest,
    actor: Actor,
    renderer: Renderer,
    side: Viewer,
    exception_id: UUID,
    wrong: Problem = NOTHING,
) -> Response[Any]:
    """Draw one difference: both sides, what was said of it, and what may be said."""
    now = clock.now()
    held = await queries.difference(actor, side, exception_id, now=now)
    return renderer.page(
        request,
        "reconciliation/templates/difference.html",
        status=wrong.status,
        wrong=wrong,
        held=held,
        waits=next((each for each in held.questions if each.reply is None), None),
        steps=_steps(held, side),
        new_id=ids.new_id(now),
        **await about(request, actor, side),
    )


def _steps(held: ReconExceptionDetail, side: Viewer) -> list[Step]:
    """Tell what was asked and said of a difference, in the order in which it happened."""
    is_platform = side is Viewer.HERE
    found = []
    if held.answer and held.answered_at:
        who = "recon.agent_said" if is_platform else "recon.we_said"
        found.append(Step("message-square", who, held.answer, held.answered_at, "acc"))
    for each in held.questions:
        who = "recon.we_asked" if is_platform else "recon.platform_asked"
        found.append(Step("circle-help", who, each.asked, each.asked_at))
        if each.reply and each.replied_at:
            who = "recon.agent_replied" if is_platform else "recon.we_replied"
            found.append(Step("message-square", who, each.reply, each.replied_at, "acc"))
    return sorted(found, key=lambda each: each.at)
