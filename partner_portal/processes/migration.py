"""Deals move on to another version of their process: chosen, looked at beforehand, then moved."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post

from partner_portal import forms
from partner_portal.forms import Problem, given_id
from partner_portal.frame import frame
from partner_portal.processes.pages import said
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.errors import Invalid, NotFound, Refusal
from server.pipeline import queries, service
from server.pipeline.schemas import Migrate, ProcessView

_BUILT_IN: Final = "built-in"


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the page's form asks for."""

    old: ProcessView
    targets: list[ProcessView]
    """Where deals may go, the newest version of their own process first."""
    to_id: UUID | None
    mapping: dict[str, str] = {}
    chosen: list[UUID] = []
    is_everything: bool = True
    """All open deals of the version, chosen or not."""


@get("/processes/migration")
async def migration(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show what moving all open deals of a version would do."""
    given = request.query_params
    wish = await _wish(actor, given.get("from", _BUILT_IN), given.get("to", ""))
    return await _drawn(request, actor, renderer, wish, Problem())


async def _wish(actor: Actor, old_id: str, to_id: str) -> _Wish:
    """Find the version that is left, and those that its deals may follow.

    :raises NotFound: there is no such version.
    """
    ensure(actor, Permission.PROCESSES_MANAGE)
    known = await queries.versions(actor)
    wanted = given_id(old_id)
    if wanted not in known or (wanted is None and old_id != _BUILT_IN):
        raise NotFound
    old = known[wanted]
    targets = [held for held in await queries.current_processes(actor) if held.id and held != old]
    targets.sort(key=lambda held: held.family_id != old.family_id)
    first = targets[0].id if targets else None
    return _Wish(old=old, targets=targets, to_id=given_id(to_id) or first)


@post("/processes/migration", status_code=200)
async def migrate(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Look again with other deals or other stages; or move them."""
    form = await request.form()
    given = await forms.texts(request, "from", "to", "everything", "act")
    wish = msgspec.structs.replace(
        await _wish(actor, given["from"], given["to"]),
        mapping={
            name.removeprefix("stage."): str(value)
            for name, value in form.items()
            if name.startswith("stage.") and value
        },
        chosen=[found for each in form.getall("deal", []) if (found := given_id(str(each)))],
        is_everything=bool(given["everything"]),
    )
    if given["act"] != "move":
        return await _drawn(request, actor, renderer, wish, Problem())
    try:
        if not (wish.chosen or wish.is_everything):
            raise Invalid("Choose the deals to move.", field="opportunity_ids")
        asked = _asked(wish, None if wish.is_everything else wish.chosen)
        await service.migrate(actor, wish.old.id, asked, now=clock.now())
    except Refusal as refusal:
        return await _drawn(request, actor, renderer, wish, said(request, refusal))
    new = next(held for held in wish.targets if held.id == wish.to_id)
    return forms.go(f"/processes/{new.family_id}", "deals_migrated")


def _asked(wish: _Wish, chosen: list[UUID] | None) -> Migrate:
    """Write what is asked of the service."""
    given = {"to_id": wish.to_id, "mapping": wish.mapping, "opportunity_ids": chosen}
    return forms.taken(given, Migrate)


async def _drawn(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wish: _Wish, wrong: Problem
) -> Response[Any]:
    """Draw the page: all deals that could move, with what would become of each."""
    preview, words = None, forms.words_of(request)
    if wish.to_id is not None:
        asked = _asked(msgspec.structs.replace(wish, mapping=_known(wish)), None)
        preview = await queries.migration_preview(actor, wish.old.id, asked, now=clock.now())
    return renderer.page(
        request,
        "processes/templates/migration.html",
        status=wrong.status,
        wrong=wrong,
        wish=wish,
        old_id=wish.old.id or _BUILT_IN,
        targets=[
            (str(held.id), f"{held.name} · {version}")
            for held in wish.targets
            for version in [words.say("deals.version", n=held.version)]
        ],
        preview=preview,
        chosen=set(wish.chosen),
        **await frame(request, actor),
    )


def _known(wish: _Wish) -> dict[str, str]:
    """Leave of the mapping what the version has that is asked for now: another may be chosen."""
    new = next((held for held in wish.targets if held.id == wish.to_id), None)
    return {
        stage: aim
        for stage, aim in wish.mapping.items()
        if new is not None and new.definition.place(aim) is not None
    }
