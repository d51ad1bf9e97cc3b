"""The next version of a process is written: stages, steps with templates and cases, gates, roles.

The form is one; its buttons send all of it, so that adding a step keeps what was typed. Nothing is
kept before it is sound: a part that is wrong is named, and the form stands as it was sent.
"""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.forms import Problem, given_id
from partner_portal.frame import frame
from partner_portal.processes import sketch
from partner_portal.processes.sketch import Sketch
from partner_portal.rendering import AnyRequest, TheRenderer
from partner_portal.words import Catalogue
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.kit import clock, ids
from server.kit.errors import Invalid, NotFound, Refusal
from server.pipeline import queries, service
from server.pipeline.schemas import SaveDraft
from sync_protocol.process.definition import NEEDS, Canonical


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """What the form says."""

    family_id: UUID
    name: str
    revision: int
    stages: Sketch
    touched: str = ""
    """The part that a button changed, which stands open."""
    is_new: bool = False
    """A process that has neither version nor draft yet."""

    @property
    def address(self) -> str:
        """Give where the form is sent."""
        return "/processes/new" if self.is_new else f"/processes/{self.family_id}/draft"


@get("/processes/new")
async def new_process(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Begin a process of the company's own, from a copy of the built-in one.

    Its stages and steps keep their ids, so that deals of the built-in one can move on to it.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    written = _Written(
        family_id=ids.new_id(clock.now()),
        name="",
        revision=0,
        stages=sketch.drawn(queries.BUILT_IN_VIEW.definition),
        is_new=True,
    )
    return await _form(request, actor, renderer, written, Problem())


@get("/processes/{family_id:uuid}/draft")
async def draft(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, family_id: FromPath[UUID]
) -> Response[Any]:
    """Go on with the draft, or begin one from the current version."""
    return await _form(request, actor, renderer, await _begun(actor, family_id), Problem())


async def _begun(actor: Actor, family_id: UUID) -> _Written:
    """Give the draft as it was left; the newest version where there is none."""
    ensure(actor, Permission.PROCESSES_MANAGE)
    for held in await queries.drafts(actor):
        if held.family_id == family_id:
            stages = sketch.drawn(held.definition)
            return _Written(
                family_id=family_id, name=held.name, revision=held.revision, stages=stages
            )
    for version in (await queries.versions(actor)).values():
        if version.family_id == family_id:
            stages = sketch.drawn(version.definition)
            return _Written(family_id=family_id, name=version.name, revision=0, stages=stages)
    raise NotFound


@post("/processes/new", status_code=200)
async def begin(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Keep the first draft of a process; sending twice makes one."""
    family_id = given_id((await forms.texts(request, "family_id"))["family_id"])
    if family_id is None:
        raise NotFound
    return await _write(request, actor, renderer, family_id, is_new=True)


@post("/processes/{family_id:uuid}/draft", status_code=200)
async def write(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, family_id: FromPath[UUID]
) -> Response[Any]:
    """Go on with the draft of a process that is there."""
    await _begun(actor, family_id)
    return await _write(request, actor, renderer, family_id, is_new=False)


async def _write(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, family_id: UUID, *, is_new: bool
) -> Response[Any]:
    """Add, shift or take away a part of the form; or check all of it, and keep it."""
    ensure(actor, Permission.PROCESSES_MANAGE)
    form = {name: str(value) for name, value in (await request.form()).items()}
    act = form.get("act", "")
    written = _Written(
        family_id=family_id,
        name=form.get("name", "").strip(),
        revision=forms.whole(form.get("revision", "")) or 0,
        stages=sketch.read(form),
        touched=act.partition(".")[2],
        is_new=is_new,
    )
    if act:
        sketch.changed(written.stages, act, lambda: str(ids.new_id(clock.now())))
        return await _form(request, actor, renderer, written, Problem())
    try:
        await _save(actor, written)
    except Refusal as refusal:
        wrong = _problem(forms.words_of(request), written.stages, refusal)
        return await _form(request, actor, renderer, written, wrong)
    return forms.go(f"/processes/{family_id}", "draft")


async def _save(actor: Actor, written: _Written) -> None:
    """Check the draft and keep it.

    :raises Invalid: naming the part that is wrong.
    :raises Conflict: somebody else saved it meanwhile.
    """
    definition = service.check(sketch.written(written.stages))
    given = {
        "family_id": written.family_id,
        "name": written.name,
        "revision": written.revision,
        "definition": definition,
    }
    await service.save_draft(actor, forms.taken(given, SaveDraft), now=clock.now())


def _problem(words: Catalogue, stages: Sketch, refusal: Refusal) -> Problem:
    """Say which stage, which step and which field is wrong, above the form and beside the field."""
    found = forms.problem(refusal, words)
    fault = str(refusal.extra.get("fault", ""))
    if not (isinstance(refusal, Invalid) and refusal.field and fault):
        return found
    path = refusal.field.removeprefix("definition.")
    name = sketch.name_of(path)
    field = path.rpartition(".")[2].partition("[")[0]
    keys = (f"process_fault.{fault}.{field}", f"process_fault.{fault}")
    sentence = next(words.say(key) for key in keys if words.has(key))
    where = " › ".join(sketch.standing(stages, path))
    colon = words.say("processes.colon")
    return Problem(
        status=found.status,
        said=f"{where}{colon}{sentence}" if where else sentence,
        errors={name: sentence},
    )


async def _form(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, written: _Written, wrong: Problem
) -> Response[Any]:
    """Draw the form, or its inside alone where a button asked."""
    shown: dict[str, Any] = {
        "status": wrong.status,
        "wrong": wrong,
        "written": written,
        "needs": NEEDS,
        "canonical": [str(each) for each in Canonical],
        "roles": ("account", "solution", "fulfilment"),
        "kinds": sketch.KINDS,
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "processes/templates/draft_form.html", **shown)
    return renderer.page(
        request, "processes/templates/draft.html", **shown, **await frame(request, actor)
    )
