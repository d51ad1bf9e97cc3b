"""By when cases are to be answered and resolved: what holds, what held, and the next version."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post

from partner_portal import forms
from partner_portal.formats import SEVERITY_COLOURS
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.cases import queries, service
from server.cases.schemas import SetTargets, TargetsView
from server.identity import queries as identity
from server.kit import clock
from server.kit.errors import Refusal

SEVERITIES: Final = ("critical", "high", "normal", "low")
_STEPS: Final = ("answer", "resolve")
_FIELDS: Final = tuple(f"{severity}_{step}" for severity in SEVERITIES for step in _STEPS)
_HOUR: Final = 60


@get("/cases/targets")
async def targets(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show the targets that hold, and those before them."""
    held = await queries.targets(actor, now=clock.now())
    return await _drawn(request, actor, renderer, held, _shown(held), Problem())


def _shown(held: TargetsView) -> dict[str, str]:
    """Write targets in hours, as the form shows them."""
    hours = {
        f"{severity}_{step}": f"{getattr(target, f'{step}_minutes') / _HOUR:g}"
        for severity in SEVERITIES
        for target in [held.current.targets.of(severity)]
        for step in _STEPS
    }
    return {**hours, "base": str(held.latest), "valid_from": ""}


@post("/cases/targets", status_code=200)
async def set_targets(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Set the next version; sending twice sets it once."""
    given = await forms.texts(request, *_FIELDS, "base", "valid_from")
    try:
        asked = forms.taken(
            {
                "targets": _targets(given),
                "base": forms.whole(given["base"]) or 0,
                "valid_from": given["valid_from"] or None,
            },
            SetTargets,
        )
        await service.set_targets(actor, asked, now=clock.now())
    except Refusal as refusal:
        wrong = _problem(request, refusal)
        held = await queries.targets(actor, now=clock.now())
        return await _drawn(request, actor, renderer, held, given, wrong)
    return forms.go("/cases/targets", "case_targets")


def _targets(given: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Read the hours of the form as minutes.

    :raises Invalid: one is no whole number of minutes.
    """
    return {
        severity: {
            f"{step}_minutes": forms.minutes(given[f"{severity}_{step}"], f"{severity}_{step}")
            for step in _STEPS
        }
        for severity in SEVERITIES
    }


def _problem(request: AnyRequest, refusal: Refusal) -> Problem:
    """Say what is wrong beside the form's own field."""
    wrong = forms.problem(refusal, forms.words_of(request))
    errors = {
        field.removeprefix("targets.").removesuffix("_minutes").replace(".", "_"): said
        for field, said in wrong.errors.items()
    }
    return Problem(status=wrong.status, said=wrong.said, errors=errors)


async def _drawn(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    held: TargetsView,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the targets."""
    return renderer.page(
        request,
        "cases/templates/targets.html",
        status=wrong.status,
        wrong=wrong,
        held=held,
        given=given,
        severities=SEVERITIES,
        steps=_STEPS,
        colours=SEVERITY_COLOURS,
        names=(await identity.directory(actor)).people,
        may_set=Permission.AUTOMATION_MANAGE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )
