"""A company that leaves: its owner writes down what customers have said, and sees what becomes."""

from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.response import Stream

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.exits import exports, queries, service
from server.exits.schemas import CARRIES, NewConsents
from server.kit import clock, sheets
from server.kit.errors import Invalid
from server.kit.sheets import CSV

_HERE = "/partnership/exit"
_SAID = {"yes": True, "no": False}
_TAKE_BACK = "none"
"""What is chosen instead of a successor to take a word back."""


@get(_HERE)
async def leaving(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the customers with what each has said, for the owner."""
    return await _page(request, actor, renderer, Problem())


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wrong: Problem
) -> Response[Any]:
    """Draw the page."""
    query = request.query_params
    given = {name: query.get(name, "").strip()[:100] for name in ("q", "said")}
    cursor = query.get("cursor") or None
    page = await queries.words(actor, said=_SAID.get(given["said"]), q=given["q"], cursor=cursor)
    plan = await queries.own(actor)
    return renderer.page(
        request,
        "partnership/templates/leaving.html",
        status=wrong.status,
        plan=plan,
        page=page,
        heirs={each.agent_id: each.name for each in plan.exit.successors},
        carries=CARRIES,
        given=given,
        query=urlencode(forms.filled(given)),
        wrong=wrong,
        **await frame(request, actor),
    )


@get(f"{_HERE}/plan.csv", media_type=CSV)
async def as_sheet(actor: CurrentActor) -> Stream:
    """Give what becomes of all that is one's own as a file, with the customers' names."""
    return sheets.answer(await exports.for_owner(actor, now=clock.now()), "exit.csv")


@post(f"{_HERE}/consents", status_code=200)
async def record(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Write down what those said that are marked, or take back the word of one."""
    form = await request.form()
    one = str(form.get("one", ""))
    marked = [one] if one else [str(each) for each in form.getall("customer", [])]
    heir = _TAKE_BACK if one else str(form.get("successor", ""))

    async def act() -> None:
        if not marked:
            raise Invalid("Mark some rows first.", field="customer_ids")
        terms = {
            "customer_ids": marked,
            "successor_id": None if heir == _TAKE_BACK else heir,
            "carries": str(form.get("carries", "")) or CARRIES[0],
            "said": "" if one else str(form.get("said", "")),
        }
        new = forms.taken(terms, NewConsents)
        await service.record_consents(actor, new, now=clock.now())

    shown = urlencode(forms.filled(await forms.texts(request, "q_shown", "said_shown")))
    done = forms.go(_HERE, "exit_words")
    if shown:
        done.headers["Location"] += "&" + shown.replace("_shown=", "=")

    async def drawn(wrong: Problem) -> Response[Any]:
        return await _page(request, actor, renderer, wrong)

    return await forms.answered(request, act, drawn, done)
