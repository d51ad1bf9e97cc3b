"""Processes are drafted, published and followed; a deal finishes on the version it began by."""

import asyncio
from typing import Any

import msgspec
import pytest

from server.access.rules import NotPermitted, Scope
from server.kit import db
from server.kit.errors import IdReused, NotFound
from server.pipeline import queries, service
from server.pipeline.rules import (
    DraftStale,
    GateClosed,
    MappingIncomplete,
    ProcessInvalid,
    ProcessRetired,
    StageUnknown,
)
from server.pipeline.schemas import Migrate, Publish, SaveDraft
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Canonical, Definition
from tests.factories import NOW, Tenant, new_id
from tests.server.pipeline.stories import (
    FIRST,
    begin,
    do,
    move,
    process_of,
    publish,
    seen,
    step,
)
from tests.waiting import meanwhile

SIMPLE = process_of(("lead", Canonical.LEAD, 10), ("talk", Canonical.OPPORTUNITY, 50))


async def test_an_empty_company_has_a_process_without_an_administrator(tenant: Tenant) -> None:
    [only] = await queries.current_processes(tenant.rep)

    assert only.is_built_in
    assert (await seen(tenant.rep, await begin(tenant.rep))).stage == only.definition.first.id


async def test_s54_every_mandatory_step_has_a_template(tenant: Tenant) -> None:
    for _, each in BUILT_IN.steps():
        assert each.templates

    bare = as_json(process_of(("lead", Canonical.LEAD, 10), steps={"lead": (step("打"),)}))
    bare["stages"][0]["steps"][0]["templates"] = []
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"family_id": new_id(), "name": "无模板", "definition": bare}, SaveDraft)


async def test_s40_s41_stages_have_the_companys_names_and_the_platforms_meaning(
    tenant: Tenant,
) -> None:
    made = await publish(
        tenant.manager,
        process_of(("shop_seen", Canonical.LEAD, 5), ("price_talk", Canonical.OPPORTUNITY, 60)),
    )
    await begin(tenant.rep, process_id=made.id, amount_minor=100)

    numbers = await queries.pipeline(tenant.rep, made.family_id)

    assert [(each.stage, each.canonical, each.deals) for each in numbers.stages] == [
        ("shop_seen", "lead", 1),
        ("price_talk", "opportunity", 0),
        ("signed", "signed", 0),
    ]


async def test_s57_a_deal_finishes_on_the_version_that_it_began_by(tenant: Tenant) -> None:
    first = await publish(tenant.manager, SIMPLE)
    assert first.family_id is not None
    old = await begin(tenant.rep, process_id=first.id)
    hurdle = step("新增的审批")
    steps = {"lead": (hurdle,)}
    second = await publish(
        tenant.manager,
        process_of(("lead", Canonical.LEAD, 10), ("talk", Canonical.OPPORTUNITY, 50), steps=steps),
        family_id=first.family_id,
    )
    new = await begin(tenant.rep, process_id=second.id)

    await move(tenant.rep, old)
    with pytest.raises(GateClosed):
        await move(tenant.rep, new)

    assert (first.version, second.version) == (1, 2)
    assert (await queries.process(tenant.rep, first.id)).state == "superseded"
    assert [held.id for held in await queries.current_processes(tenant.rep)] == [second.id, None]


async def test_s57_deals_are_moved_on_by_an_explicit_mapping(tenant: Tenant) -> None:
    made = await publish(tenant.manager, SIMPLE)
    assert made.id is not None
    deals = [await begin(tenant.rep) for _ in range(2)]
    await do(tenant.rep, deals[0], *FIRST)
    await move(tenant.rep, deals[0])
    lost = await begin(tenant.rep)
    await move(tenant.rep, lost, "lose", reason="timing")

    with pytest.raises(MappingIncomplete) as incomplete:
        await service.migrate(tenant.manager, None, Migrate(to_id=made.id), now=NOW)
    wrong = Migrate(to_id=made.id, mapping={"pre_opportunity": "nowhere"})
    with pytest.raises(StageUnknown):
        await service.migrate(tenant.manager, None, wrong, now=NOW)
    asked = Migrate(to_id=made.id, mapping={"pre_opportunity": "talk"})
    moved = await service.migrate(tenant.manager, None, asked, now=NOW)

    assert incomplete.value.field == "mapping.pre_opportunity"
    assert moved.deals == 2
    views = [await seen(tenant.rep, deal) for deal in (*deals, lost)]
    assert [(view.process_id, view.stage) for view in views] == [
        (made.id, "talk"),
        (made.id, "lead"),
        (None, "lead"),
    ]
    # What was done stays done, and the move is told with the others.
    assert [str(done) for done in views[0].done_steps] == list(FIRST)
    told = await queries.detail(tenant.rep, deals[0], now=NOW)
    assert (told.moves[0].verb, told.moves[0].to_stage) == ("migrate", "talk")
    again = await service.migrate(tenant.manager, None, asked, now=NOW)
    assert again.deals == 0


async def test_s57_a_deal_that_moves_meanwhile_is_asked_for_too(tenant: Tenant) -> None:
    made = await publish(tenant.manager, SIMPLE)
    assert made.id is not None
    deal = await begin(tenant.rep)
    await do(tenant.rep, deal, *FIRST)

    async with db.tenant_transaction(tenant.tenant_id):
        await move(tenant.rep, deal)
        asked = Migrate(to_id=made.id)
        migrated = await meanwhile(service.migrate(tenant.manager, None, asked, now=NOW))

    with pytest.raises(MappingIncomplete):
        await migrated


async def test_s57_chosen_deals_move_on_after_a_preview(tenant: Tenant) -> None:
    made = await publish(tenant.manager, SIMPLE)
    assert made.id is not None
    stays, goes = [await begin(tenant.rep) for _ in range(2)]
    await do(tenant.rep, goes, *FIRST)
    await move(tenant.rep, goes)
    asked = Migrate(to_id=made.id, mapping={"pre_opportunity": "talk"}, opportunity_ids=[goes])

    before = await queries.migration_preview(tenant.manager, None, asked, now=NOW)
    unmapped = Migrate(to_id=made.id)
    whole = await queries.migration_preview(tenant.manager, None, unmapped, now=NOW)
    moved = [await service.migrate(tenant.manager, None, asked, now=NOW) for _ in range(2)]

    assert (before.total, [line.opportunity_id for line in before.deals]) == (1, [goes])
    assert (before.deals[0].from_stage, before.deals[0].to_stage) == ("pre_opportunity", "talk")
    # The new version knows none of the steps that were done; they stay written down all the same.
    assert before.deals[0].kept_steps == 0
    assert {aim.stage: (aim.deals, aim.to_stage) for aim in whole.stages} == {
        "lead": (1, "lead"),
        "pre_opportunity": (1, None),
    }
    assert [each.deals for each in moved] == [1, 0]
    assert (await seen(tenant.rep, stays)).process_id is None
    assert (await seen(tenant.rep, goes)).process_id == made.id


async def test_s57_a_preview_says_what_is_asked_for_there(tenant: Tenant) -> None:
    hurdle = step("新增的审批")
    made = await publish(
        tenant.manager, process_of(("lead", Canonical.LEAD, 10), steps={"lead": (hurdle,)})
    )
    assert made.id is not None
    await begin(tenant.rep)

    found = await queries.migration_preview(tenant.manager, None, Migrate(to_id=made.id), now=NOW)

    assert [each.name for each in found.deals[0].open] == ["新增的审批"]


async def test_s57_one_sees_who_follows_which_version(tenant: Tenant) -> None:
    first = await publish(tenant.manager, SIMPLE)
    await begin(tenant.rep, process_id=first.id)
    lost = await begin(tenant.rep, process_id=first.id)
    await move(tenant.rep, lost, "lose", reason="timing")
    second = await publish(tenant.manager, SIMPLE, family_id=first.family_id)

    found = await queries.process_versions(tenant.manager)

    assert {each.process.id: (each.open_deals, each.closed_deals) for each in found} == {
        None: (0, 0),
        first.id: (1, 1),
        second.id: (0, 0),
    }
    with pytest.raises(NotPermitted):
        await queries.process_versions(tenant.rep)


async def test_deals_out_of_sight_or_bound_for_what_is_not_in_use_stay(tenant: Tenant) -> None:
    made = await publish(tenant.manager, SIMPLE)
    assert made.id is not None
    assert made.family_id is not None
    theirs = await begin(tenant.owner)
    asked = Migrate(to_id=made.id, opportunity_ids=[theirs])
    narrow = msgspec.structs.replace(tenant.manager, scope=Scope.MINE)

    with pytest.raises(NotFound):
        await service.migrate(narrow, None, asked, now=NOW)
    later = await publish(tenant.manager, SIMPLE, family_id=made.family_id)
    assert later.id is not None
    with pytest.raises(ProcessRetired):
        await service.migrate(tenant.owner, None, asked, now=NOW)
    await service.retire(tenant.manager, made.family_id, now=NOW)
    asked = msgspec.structs.replace(asked, to_id=later.id)
    with pytest.raises(ProcessRetired):
        await service.migrate(tenant.owner, None, asked, now=NOW)

    assert (await seen(tenant.owner, theirs)).process_id is None


async def test_what_was_published_is_never_changed(tenant: Tenant) -> None:
    made = await publish(tenant.manager, SIMPLE)
    assert made.family_id is not None
    assert made.id is not None

    twin = Publish(id=made.id, revision=1)
    again = await service.publish(tenant.manager, made.family_id, twin, now=NOW)
    saved = SaveDraft(family_id=made.family_id, name="别的", definition=BUILT_IN)
    draft = await service.save_draft(tenant.manager, saved, now=NOW)
    reused = Publish(id=made.id, revision=draft.revision)
    with pytest.raises(IdReused):
        await service.publish(tenant.manager, made.family_id, reused, now=NOW)

    assert again == made
    assert await queries.process(tenant.rep, made.id) == made


async def test_two_editors_of_a_draft_notice_each_other(tenant: Tenant) -> None:
    family_id = new_id()
    first = SaveDraft(family_id=family_id, name="甲", definition=SIMPLE)
    held = await service.save_draft(tenant.manager, first, now=NOW)
    changed = SaveDraft(family_id=family_id, name="乙", definition=SIMPLE, revision=held.revision)
    await service.save_draft(tenant.owner, changed, now=NOW)

    with pytest.raises(DraftStale):
        await service.save_draft(tenant.manager, changed, now=NOW)
    asked = Publish(id=new_id(), revision=held.revision)
    with pytest.raises(DraftStale):
        await service.publish(tenant.manager, family_id, asked, now=NOW)


async def test_a_draft_that_is_sent_twice_is_kept_once_and_never_comes_back(
    tenant: Tenant,
) -> None:
    family_id = new_id()
    saved = SaveDraft(family_id=family_id, name="甲", definition=SIMPLE)

    twice = [await service.save_draft(tenant.manager, saved, now=NOW) for _ in range(2)]
    asked = Publish(id=new_id(), revision=1)
    await service.publish(tenant.manager, family_id, asked, now=NOW)
    late = SaveDraft(family_id=family_id, name="乙", definition=SIMPLE, revision=1)
    with pytest.raises(DraftStale):
        await service.save_draft(tenant.manager, late, now=NOW)

    assert [draft.revision for draft in twice] == [1, 1]
    assert await queries.drafts(tenant.manager) == []


async def test_two_who_publish_one_draft_make_one_version(tenant: Tenant) -> None:
    family_id = new_id()
    saved = SaveDraft(family_id=family_id, name="甲", definition=SIMPLE)
    draft = await service.save_draft(tenant.manager, saved, now=NOW)

    async def try_publish() -> Any:
        try:
            asked = Publish(id=new_id(), revision=draft.revision)
            return await service.publish(tenant.manager, family_id, asked, now=NOW)
        except NotFound:
            return None

    made = await asyncio.gather(*(try_publish() for _ in range(4)))

    assert [each.version for each in made if each is not None] == [1]


async def test_nobody_begins_by_a_retired_process(tenant: Tenant) -> None:
    made = await publish(tenant.manager, SIMPLE)
    assert made.family_id is not None
    deal = await begin(tenant.rep, process_id=made.id)

    await service.retire(tenant.manager, made.family_id, now=NOW)

    with pytest.raises(ProcessRetired):
        await begin(tenant.rep, process_id=made.id)
    assert (await move(tenant.rep, deal)).opportunity.stage == "talk"
    assert [held.id for held in await queries.current_processes(tenant.rep)] == [None]


async def test_a_rep_makes_no_process(tenant: Tenant) -> None:
    with pytest.raises(NotPermitted):
        await publish(tenant.rep, SIMPLE)


def as_json(definition: Definition) -> Any:
    """Write a process as it is sent."""
    return msgspec.json.decode(msgspec.json.encode(definition))


def _broken(**changes: Any) -> dict[str, Any]:
    """Write the built-in process with a fault in its first stage."""
    given: dict[str, Any] = as_json(BUILT_IN)
    given["stages"][0] |= changes
    return given


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (_broken(canonical="signed"), "stages[0].canonical"),
        (_broken(canonical="opportunity"), "stages[1].canonical"),
        (_broken(id="opportunity"), "stages[2].id"),
        (
            {"stages": as_json(BUILT_IN)["stages"][:3]},
            "stages[2].canonical",
        ),
        (_broken(needs=[{"field": "amount_minor"}] * 2), "stages[0].needs[1].field"),
        (_broken(steps=_broken()["stages"][0]["steps"] * 2), "stages[0].steps[2].id"),
    ],
)
async def test_s56_what_is_no_process_is_refused_with_the_part(
    tenant: Tenant, given: dict[str, Any], field: str
) -> None:
    saved = SaveDraft(family_id=new_id(), name="坏", definition=msgspec.convert(given, Definition))

    with pytest.raises(ProcessInvalid) as refused:
        await service.save_draft(tenant.manager, saved, now=NOW)

    assert refused.value.field == f"definition.{field}"
