"""The clock of must-do tasks: when word of a late one goes to whom, tried on the past first."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.automation import queries, service
from server.automation.schemas import NewTrial, Terms, TrialView
from server.kit import clock
from server.kit.calendars import DAY_MINUTES
from server.kit.errors import Invalid, Refusal

_HOURS: Final = ("warn", "manager", "owner")
_HOUR: Final = 60
_WEEKDAYS: Final = tuple(range(7))


@get("/plays/clock")
async def sla(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show the terms that hold, to be changed."""
    ensure(actor, Permission.AUTOMATION_MANAGE)
    held = await queries.sla(actor)
    given = {**shown(held.terms), "base": str(held.version)}
    return await _form(request, actor, renderer, given, Problem())


@post("/plays/clock", status_code=200)
async def set_sla(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Try terms on the past, or set them as the next version; sending twice sets them once."""
    ensure(actor, Permission.AUTOMATION_MANAGE)
    given = await _given(request)
    try:
        terms = terms_of(given)
        if given["act"] == "trial":
            tried = await queries.trial(actor, NewTrial(terms=terms), now=clock.now())
            return await _form(request, actor, renderer, given, Problem(), tried)
        base = forms.whole(given["base"])
        await service.set_sla(actor, terms, now=clock.now(), base=base)
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, given, wrong)
    return forms.go("/plays/clock", "sla_set")


def shown(terms: Terms) -> dict[str, Any]:
    """Write terms as the form shows them: hours, and times of the day."""
    return {
        **{name: f"{getattr(terms, f'{name}_minutes') / _HOUR:g}" for name in _HOURS},
        "opens": _time(terms.opens_minute),
        "closes": _time(terms.closes_minute),
        "weekdays": terms.weekdays,
        "keeps_holidays": "1" if terms.keeps_holidays else "",
    }


def _time(minute: int) -> str:
    """Write a minute of the day; a day that is worked to its end closes at 00:00."""
    return f"{minute // _HOUR % 24:02}:{minute % _HOUR:02}"


async def _given(request: AnyRequest) -> dict[str, Any]:
    """Read the form."""
    form = await request.form()
    chosen = {str(each) for each in form.getall("weekdays", [])}
    given = await forms.texts(request, *_HOURS, "opens", "closes", "keeps_holidays", "base", "act")
    return {**given, "weekdays": [day for day in _WEEKDAYS if str(day) in chosen]}


def terms_of(given: Mapping[str, Any]) -> Terms:
    """Read terms from a form.

    :raises Invalid: naming the field that cannot be kept.
    """
    closes = _minute(given, "closes")
    return forms.taken(
        {
            **{f"{name}_minutes": forms.minutes(given[name], f"{name}_minutes") for name in _HOURS},
            "opens_minute": _minute(given, "opens"),
            "closes_minute": closes or DAY_MINUTES,
            "weekdays": given["weekdays"],
            "keeps_holidays": given["keeps_holidays"] == "1",
        },
        Terms,
    )


def _minute(given: Mapping[str, Any], name: str) -> int:
    """Read a time of the day, such as 09:00, as minutes from midnight.

    :raises Invalid: it is none.
    """
    hours, rest = map(forms.whole, given[name].partition(":")[::2])
    if hours is None or rest is None or rest >= _HOUR:
        raise Invalid("Write a time of the day, such as 09:00.", field=f"{name}_minute")
    return hours * _HOUR + rest


async def _form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: Mapping[str, Any],
    wrong: Problem,
    tried: TrialView | None = None,
) -> Response[Any]:
    """Draw the form."""
    return renderer.page(
        request,
        "plays/templates/clock.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        version=(await queries.sla(actor)).version,
        tried=tried,
        weekdays=_WEEKDAYS,
        **await frame(request, actor),
    )
