"""How the company sells: its processes, who follows which version, the next version's publication.

The draft itself is written in `drafting`, deals are moved on in `migration`.
"""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import failures, forms
from partner_portal.formats import STAGE_COLOURS
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import NotFound, Refusal
from server.pipeline import queries, service
from server.pipeline.schemas import ProcessVersion, Publish


@get("/processes")
async def processes(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the company's processes, the built-in one last, and what is being drafted."""
    versions = await queries.process_versions(actor)
    drafts = await queries.drafts(actor)
    families = _families(versions)
    return renderer.page(
        request,
        "processes/templates/list.html",
        families=families,
        drafts={draft.family_id: draft for draft in drafts},
        fresh=[draft for draft in drafts if draft.family_id not in families],
        stage_colours=STAGE_COLOURS,
        **await frame(request, actor),
    )


def _families(versions: list[ProcessVersion]) -> dict[UUID | None, list[ProcessVersion]]:
    """Gather the versions of each process: by name, the retired behind, the built-in one last."""
    found: dict[UUID | None, list[ProcessVersion]] = {}
    for version in versions:
        found.setdefault(version.process.family_id, []).append(version)
    return dict(
        sorted(
            found.items(),
            key=lambda each: (
                each[0] is None,
                each[1][0].process.state == "retired",
                each[1][0].process.name,
            ),
        )
    )


@get("/processes/{family_id:uuid}")
async def process(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, family_id: FromPath[UUID]
) -> Response[Any]:
    """Show a process: its versions with the deals that follow them, and its draft."""
    return await _process(request, actor, renderer, family_id, Problem())


@get("/processes/built-in")
async def built_in(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show the process that every company has."""
    return await _process(request, actor, renderer, None, Problem())


async def _process(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    family_id: UUID | None,
    wrong: Problem,
) -> Response[Any]:
    """Draw a process, or a draft that has no version yet."""
    versions = _families(await queries.process_versions(actor)).get(family_id, [])
    draft = next((one for one in await queries.drafts(actor) if one.family_id == family_id), None)
    if not versions and draft is None:
        raise NotFound
    return renderer.page(
        request,
        "processes/templates/process.html",
        status=wrong.status,
        wrong=wrong,
        family_id=family_id,
        versions=versions,
        draft=draft,
        names=(await identity.directory(actor)).people,
        new_id=str(ids.new_id(clock.now())),
        stage_colours=STAGE_COLOURS,
        **await frame(request, actor),
    )


@post("/processes/{family_id:uuid}/publication", status_code=200)
async def publish(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, family_id: FromPath[UUID]
) -> Response[Any]:
    """Make the draft the current version; sent twice it makes one."""
    given = await forms.texts(request, "id", "revision")
    try:
        revision = forms.whole(given["revision"]) or 0
        asked = forms.taken({"id": given["id"], "revision": revision}, Publish)
        await service.publish(actor, family_id, asked, now=clock.now())
    except Refusal as refusal:
        return await _process(request, actor, renderer, family_id, said(request, refusal))
    return forms.go(f"/processes/{family_id}", "process_published")


@post("/processes/{family_id:uuid}/retirement", status_code=200)
async def retire(
    request: AnyRequest, actor: CurrentActor, family_id: FromPath[UUID]
) -> Response[Any]:
    """Let no new deal begin by a process."""
    del request
    await service.retire(actor, family_id, now=clock.now())
    return forms.go("/processes", "process_retired")


@post("/processes/{family_id:uuid}/draft-removal", status_code=200)
async def discard(
    request: AnyRequest, actor: CurrentActor, family_id: FromPath[UUID]
) -> Response[Any]:
    """Throw the draft away; what was published stays."""
    del request
    ensure(actor, Permission.PROCESSES_MANAGE)
    await service.discard_draft(actor, family_id)
    return forms.go("/processes", "draft_discarded")


def said(request: AnyRequest, refusal: Refusal) -> Problem:
    """Say above the page why something was not done.

    :raises NotFound: what it is about is not there.
    """
    words = forms.words_of(request)
    wrong = forms.problem(refusal, words)
    return Problem(status=wrong.status, said=failures.sentence(words, refusal), errors=wrong.errors)
