"""Show the channel to the platform. Each page leaves a line in the feed of each agent it shows."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get

from partner_portal import htmx
from partner_portal.figures import Step, funnel
from partner_portal.formats import Formats
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from partner_portal.words import Catalogue, catalogue
from server.access import ROLE_PERMISSIONS, Permission, ensure
from server.access.edge import CurrentActor
from server.benefits import queries as benefits
from server.benefits.schemas import IssuanceFilters, ProgramView
from server.channel import queries as channel
from server.channel.schemas import StatusCount
from server.kit import clock
from server.partners import queries as partners

LADDER: Final = ("potential", "need", "intent", "signed")
"""The statuses that a customer climbs; the others are beside the ladder."""
STATES: Final = ("issued", "redeemed", "voided", "expired")
_RANKED: Final = 9


@get("/console")
async def overview(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show the channel at a glance."""
    seen = await channel.overview(actor, now=clock.now())
    words = catalogue(language_of(request))
    formats = Formats(words, clock.now())
    return renderer.page(
        request,
        "console/templates/overview.html",
        seen=seen,
        ladder=LADDER,
        counts={one.status: one.customers for one in seen.funnel},
        drawing=funnel(ladder_steps(seen.funnel, words, formats)),
        ranked=_RANKED,
        **await frame(request, actor),
    )


def ladder_steps(counts: list[StatusCount], words: Catalogue, formats: Formats) -> list[Step]:
    """Say how many stand at each step of the ladder or above it.

    A step is hidden when a count in it is: a sum would tell what was left out.
    """
    by_status = {one.status: one.customers for one in counts}
    steps: list[Step] = []
    reached: int | None = 0
    for status in reversed(LADDER):
        here = by_status.get(status)
        reached = None if here is None or reached is None else reached + here
        note = words.say("console.here", n=formats.count(here))
        steps.append(Step(words.say(f"status.{status}"), reached, formats.count(reached), note))
    return steps[::-1]


@get("/console/agents")
async def agents(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the agents with their customers by status, and when their devices last synced."""
    rows = await channel.agents(actor, now=clock.now())
    may_admit = Permission.AGENTS_ADMIT in ROLE_PERMISSIONS[actor.role]
    return renderer.page(
        request,
        "console/templates/agents.html",
        agents=rows,
        may_admit=may_admit,
        waiting=[row for row in rows if row.devices == 0] if may_admit else [],
        **await frame(request, actor),
    )


class Chosen(msgspec.Struct, frozen=True):
    """The filters of the issuance records, as the address says them."""

    agent_id: str = ""
    program_id: str = ""
    state: str = ""

    @classmethod
    def read(cls, request: AnyRequest) -> "Chosen":
        """Read the address; what makes no sense is as if it were not there."""
        query = request.query_params
        state = query.get("state", "")
        return cls(
            _id(query.get("agent_id", "")),
            _id(query.get("program_id", "")),
            state if state in STATES else "",
        )

    @property
    def filters(self) -> IssuanceFilters:
        """Give the filters that the benefits room understands."""
        given = {name: getattr(self, name) or None for name in self.__struct_fields__}
        return msgspec.convert(given, IssuanceFilters)


def _id(text: str) -> str:
    """Keep an id; nonsense is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


@get("/console/issuances")
async def issuances(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List issuance records: which agent, which program, how much; never for whom."""
    ensure(actor, Permission.ISSUANCES_SEE)
    chosen = Chosen.read(request)
    cursor = request.query_params.get("cursor") or None
    now = clock.now()
    page = await benefits.issuances(actor, chosen.filters, now=now, cursor=cursor)
    names = {agent.tenant_id: agent.name for agent in await partners.agents(actor)}
    shown: dict[str, Any] = {"page": page, "chosen": chosen, "names": names}
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "console/templates/issuance_rows.html", **shown)
    programs = await benefits.programs(actor)
    shown |= {"programs": programs, "shares": {p.id: _shares(p) for p in programs}}
    return renderer.page(
        request,
        "console/templates/issuances.html",
        states=STATES,
        may_manage=Permission.PROGRAMS_MANAGE in ROLE_PERMISSIONS[actor.role],
        **shown,
        **await frame(request, actor),
    )


def _shares(program: ProgramView) -> dict[str, float]:
    """Say which parts of a budget are used and promised."""
    whole = program.funded_minor or 1
    return {"used": program.used_minor / whole, "held": program.held_minor / whole}
