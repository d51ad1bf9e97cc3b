"""Who may have a program's benefits: versions, tried on the past, published on what was shown."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.benefits import queries as benefits
from server.benefits.eligibility import queries, service
from server.benefits.eligibility.schemas import FACTS, MONEY, NewRules, Publish
from server.kit import clock, ids
from server.kit.errors import Invalid, Refusal

_LINES: Final = range(1, 6)
_FIELDS: Final = (
    *(f"{name}_{line}" for line in _LINES for name in ("fact", "how", "value")),
    *("valid_days", "id"),
)
HOW: Final = ("among", "not_among", "at_least", "at_most", "is_so", "is_not_so")
_BETWEEN: Final = re.compile(r"[,\uff0c\u3001]")
"""What people put between values: a comma, a wide one, or that of lists."""


@get("/console/programs/{program_id:uuid}/rules")
async def rules(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, program_id: FromPath[UUID]
) -> Response[Any]:
    """Show the versions of a program's rules, and what the last would have done."""
    return await _page(request, actor, renderer, program_id, Problem(), {})


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    program_id: UUID,
    wrong: Problem,
    given: Mapping[str, str],
) -> Response[Any]:
    """Draw the versions, the simulation of one, and a form for the next."""
    ensure(actor, Permission.ISSUANCES_SEE)
    now = clock.now()
    versions = await queries.versions(actor, program_id)
    asked_for = forms.whole(request.query_params.get("version", ""))
    chosen = next(
        (each.version for each in versions if each.version == asked_for),
        versions[0].version if versions else None,
    )
    until = queries.to_the_minute(now)
    return renderer.page(
        request,
        "console/templates/program_rules.html",
        status=wrong.status,
        program=await benefits.program(actor, program_id),
        versions=versions,
        tried=None
        if chosen is None
        else await queries.tried(actor, program_id, chosen, until=until),
        lines=_LINES,
        facts=FACTS,
        how=HOW,
        given={"id": str(ids.new_id(now)), **given},
        wrong=wrong,
        may_manage=Permission.PROGRAMS_MANAGE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


@post("/console/programs/{program_id:uuid}/rules", status_code=200)
async def propose(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, program_id: FromPath[UUID]
) -> Response[Any]:
    """Write a version that can be looked at before it holds; sending twice makes one."""
    given = await forms.texts(request, *_FIELDS)
    try:
        asked = forms.taken({"id": given["id"], "rules": _read(given)}, NewRules)
        await service.propose(actor, program_id, asked, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, program_id, said(request, refusal), given)
    return forms.go(f"/console/programs/{program_id}/rules", "rules_proposed")


@post("/console/programs/{program_id:uuid}/rules/publication", status_code=200)
async def publish(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, program_id: FromPath[UUID]
) -> Response[Any]:
    """Let a version hold, by who has seen on this page what it would have done."""
    given = await forms.texts(request, "version", "until", "hash")
    try:
        seen = Publish(
            version=forms.number(given["version"], "version") or 0,
            simulated_until=_moment(given["until"]),
            simulation_hash=given["hash"],
        )
        await service.publish(actor, program_id, seen, now=clock.now())
    except Refusal as refusal:
        return await _page(request, actor, renderer, program_id, said(request, refusal), {})
    return forms.go(f"/console/programs/{program_id}/rules", "benefit_rules_published")


def _moment(text: str) -> datetime:
    """Read the moment up to which was simulated.

    :raises Invalid: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("This is no moment.", field="until") from error
    if found.tzinfo is None:
        raise Invalid("This is no moment.", field="until")
    return found


def _read(given: Mapping[str, str]) -> dict[str, Any]:
    """Turn the form into rules: each line is one requirement of one condition."""
    return {
        "requirements": [
            {"any_of": [_condition(given, line)]} for line in _LINES if given[f"fact_{line}"]
        ],
        "valid_days": forms.number(given["valid_days"], "valid_days"),
    }


def _condition(given: Mapping[str, str], line: int) -> dict[str, Any]:
    """Read a line.

    :raises Invalid: naming the field that makes no sense.
    """
    fact, how, value = (given[f"{name}_{line}"] for name in ("fact", "how", "value"))
    condition: dict[str, Any] = {"kind": how, "fact": fact}
    match how:
        case "among" | "not_among":
            parts = map(str.strip, _BETWEEN.split(value))
            condition["values"] = [part for part in parts if part]
        case "at_least" | "at_most":
            number = forms.fen if fact == MONEY else forms.number
            condition["number"] = number(value, f"value_{line}")
        case _:
            condition |= {"kind": "is_so", "value": how == "is_so"}
    return condition
