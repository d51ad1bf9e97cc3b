"""One rule: write what it says, try that on the past, publish it, and see what it did."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.automation.plays import queries, service
from server.automation.plays.schemas import NewPlay, NewPlayTrial, PlayEdit, PlayTrialView, PlayView
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import Invalid, Refusal

_TEXTS: Final = ("id", "base", "name", "trigger", "event", "action", "title", "detail", "to")
_NUMBERS: Final = ("days", "due_hours", "tenure_days", "again_days")
_DAYS_OF: Final = {"event": "silent_days", "date": "days_before"}
"""What the days of a form are called in a trigger's terms; just days in the others."""
FIRST: Final = {
    "trigger": "event",
    "event": "login",
    "days": "365",
    "action": "task",
    "to": "newcomer",
    "due_hours": "24",
    "tenure_days": "365",
    "again_days": "365",
    "is_must_do": "1",
    "gives_customer": "1",
}
"""What an empty form says: the rule that is asked for most."""
STATUSES: Final = ("potential", "need", "intent", "signed", "dormant", "lost")


@get("/plays/new")
async def new_play(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show a form with the rule that is asked for most."""
    given: dict[str, Any] = dict.fromkeys(_TEXTS, "") | FIRST | {"statuses": []}
    given["id"] = str(ids.new_id(clock.now()))
    return await _form(request, actor, renderer, None, given, Problem())


@post("/plays/new", status_code=200)
async def add_play(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Try a rule, or publish it; sending twice makes one."""
    given = await _given(request)
    try:
        new = forms.taken({"id": given["id"] or None, "terms": terms_of(given)}, NewPlay)
        if given["act"] == "trial":
            tried = await queries.trial(actor, NewPlayTrial(terms=new.terms), now=clock.now())
            return await _form(request, actor, renderer, None, given, Problem(), tried)
        await service.publish(actor, new, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, None, given, wrong)
    return forms.go("/plays", "play_published")


@get("/plays/{play_id:uuid}")
async def play(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, play_id: FromPath[UUID]
) -> Response[Any]:
    """Show what a rule says, to be changed, and what it did."""
    held = await queries.play(actor, play_id, now=clock.now())
    return await _form(request, actor, renderer, held, shown(held), Problem())


@post("/plays/{play_id:uuid}", status_code=200)
async def change_play(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, play_id: FromPath[UUID]
) -> Response[Any]:
    """Try what a rule is to say, or publish it as the next version."""
    held = await queries.play(actor, play_id, now=clock.now())
    given = await _given(request)
    try:
        edit = forms.taken({"base": _number(given, "base"), "terms": terms_of(given)}, PlayEdit)
        if given["act"] == "trial":
            tried = await queries.trial(actor, NewPlayTrial(terms=edit.terms), now=clock.now())
            return await _form(request, actor, renderer, held, given, Problem(), tried)
        await service.change(actor, play_id, edit, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, held, given, wrong)
    return forms.go("/plays", "play_published")


async def _given(request: AnyRequest) -> dict[str, Any]:
    """Read the form as texts."""
    form = await request.form()
    names = (*_TEXTS, *_NUMBERS, "is_must_do", "gives_customer", "act")
    given: dict[str, Any] = await forms.texts(request, *names)
    given["statuses"] = [str(each) for each in form.getall("statuses", [])]
    return given


def terms_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what the form says into terms.

    :raises Invalid: a number is none.
    """
    kind, days = given["trigger"], _number(given, "days")
    trigger = {"kind": kind, _DAYS_OF.get(kind, "days"): days}
    if kind == "event":
        trigger["event"] = given["event"]
    action: dict[str, Any] = {"kind": given["action"], "to": given["to"]}
    if given["action"] == "tell":
        action["sentence"] = given["title"]
    else:
        action |= {
            "title": given["title"],
            "detail": given["detail"],
            "due_hours": _number(given, "due_hours"),
            "is_must_do": given["is_must_do"] == "1",
        }
        if given["to"] == "newcomer":
            action["tenure_days"] = _number(given, "tenure_days")
            action["gives_customer"] = given["gives_customer"] == "1"
    return {
        "name": given["name"],
        "trigger": trigger,
        "action": action,
        "statuses": given["statuses"],
        "again_days": _number(given, "again_days"),
    }


def _number(given: Mapping[str, Any], name: str) -> int:
    """Read a whole number.

    :raises Invalid: it is none.
    """
    text = given[name]
    if not (text.isascii() and text.isdigit() and len(text) < 6):  # noqa: PLR2004 - digits of days
        raise Invalid("Write a whole number.", field=name)
    return int(text)


def shown(held: PlayView) -> dict[str, Any]:
    """Write a rule as its form shows it."""
    told = msgspec.to_builtins(held.terms)
    trigger, action = told["trigger"], told["action"]
    days = trigger.get(_DAYS_OF.get(trigger["kind"], "days"))
    return FIRST | {
        "base": str(held.version),
        "name": told["name"],
        "trigger": trigger["kind"],
        "days": str(days),
        "event": trigger.get("event", FIRST["event"]),
        "action": action["kind"],
        "title": action.get("title") or action.get("sentence"),
        "detail": action.get("detail", ""),
        "to": action["to"],
        "due_hours": str(action.get("due_hours", FIRST["due_hours"])),
        "tenure_days": str(action.get("tenure_days", FIRST["tenure_days"])),
        "is_must_do": "1" if action.get("is_must_do") else "",
        "gives_customer": "1" if action.get("gives_customer") else "",
        "statuses": told["statuses"],
        "again_days": str(told["again_days"]),
    }


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    held: PlayView | None,
    given: Mapping[str, Any],
    wrong: Problem,
    tried: PlayTrialView | None = None,
) -> Response[Any]:
    """Draw the form of a rule, with what a trial said, and what the rule did."""
    ensure(actor, Permission.AUTOMATION_MANAGE)
    did = await queries.firings(actor, held.id, now=clock.now()) if held else []
    return renderer.page(
        request,
        "plays/templates/form.html",
        status=wrong.status,
        wrong=wrong,
        # The terms' own names of what the form calls days, title and to.
        errors={name.rpartition(".")[2]: said for name, said in wrong.errors.items()},
        play=held,
        given=given,
        tried=tried,
        firings=did,
        statuses=STATUSES,
        people=(await identity.directory(actor)).people,
        **await frame(request, actor),
    )
