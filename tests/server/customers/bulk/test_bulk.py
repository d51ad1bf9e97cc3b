"""Many customers changed at once, handed over, and brought back exactly as they were."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor, Role
from server.access.rules import NotPermitted
from server.activities import queries as tasks
from server.activities import service as activities
from server.activities.schemas import Completion, NewTask
from server.customers import queries, service
from server.customers.bulk import service as bulk
from server.customers.bulk.rules import (
    UNDONE_WITHIN,
    NothingAsked,
    TooManyCustomers,
    UndoImpossible,
    UndoTooLate,
    alteration,
    restoration,
)
from server.customers.bulk.schemas import BulkChange, BulkView, NewBulkEdit, NewHandOver
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.customers.schemas import (
    CustomerEdit,
    CustomerView,
    Filters,
    NewCustomer,
    NewTag,
    Status,
)
from server.customers.service.references import UnknownOwner
from server.identity import service as identity
from server.identity.charges import StillInCharge
from server.identity.schemas import UserChange
from server.kit.errors import IdReused, NotFound
from server.notifications import queries as notifications
from server.pipeline import queries as deals
from server.pipeline import service as pipeline
from server.pipeline.schemas import NewOpportunity, OpportunityEdit
from server.tenants import service as tenants
from server.tenants.schemas import NewTeam
from sync_protocol.conflicts import Version
from sync_protocol.merge import HeldRecord
from sync_protocol.messages import SetChange
from tests.factories import NOW, Tenant, make_tenant, new_id, new_user

LATER = NOW + timedelta(hours=1)
TO_SIGNED: tuple[Status, ...] = ("need", "intent", "signed")


async def made(actor: Actor, count: int, **fields: Any) -> list[UUID]:
    """Let somebody add customers."""
    return [
        (await service.create(actor, NewCustomer(name=f"客户{at}号", **fields), now=NOW)).id
        for at in range(count)
    ]


async def shown(actor: Actor, *customers: UUID) -> list[CustomerView]:
    """Read customers, without what every write moves."""
    views = [(await queries.detail(actor, each)).customer for each in customers]
    return [msgspec.structs.replace(view, seq=0, updated_at=NOW) for view in views]


async def edited(
    actor: Actor, customers: list[UUID], *, bulk_id: UUID | None = None, **change: Any
) -> BulkView:
    """Change customers at once."""
    wanted = NewBulkEdit(id=bulk_id, customers=customers, change=BulkChange(**change))
    return await bulk.edit(actor, wanted, now=LATER)


async def colleague(tenant: Tenant, team_id: UUID | None = None) -> Actor:
    """Invite one more rep, of the team or of another."""
    team_id = team_id or tenant.team_id
    person = msgspec.structs.replace(tenant.rep, user_id=new_id(), name="新同事", team_id=team_id)
    await identity.invite(tenant.owner, new_user(person, team_id=team_id), now=NOW)
    return person


# ------------------------------------------------------------------------------------ at once


async def test_many_change_with_one_number_of_the_sequence(tenant: Tenant) -> None:
    tag = (
        await service.create_tag(tenant.manager, NewTag(name="重点", meaning="大客户"), now=NOW)
    ).id
    customers = await made(tenant.rep, 3, city="杭州")

    done = await edited(tenant.rep, customers, level="A", industry="餐饮", add_tags=[tag])

    assert (done.changed, done.unchanged, done.refused) == (3, 0, 0)
    views = [(await queries.detail(tenant.rep, each)).customer for each in customers]
    assert {view.seq for view in views} == {views[0].seq}
    assert [(view.level, view.industry, view.tags, view.city) for view in views] == [
        ("A", "餐饮", [tag], "杭州市")
    ] * 3


async def test_a_filter_means_all_that_it_leaves_within_sight(tenant: Tenant) -> None:
    mine = await made(tenant.rep, 2, city="杭州")
    others = await made(tenant.manager, 1, city="杭州", owner_id=tenant.manager.user_id)
    wanted = NewBulkEdit(filters=Filters(city="杭州"), change=BulkChange(level="B"))

    done = await bulk.edit(tenant.rep, wanted, now=LATER)

    assert done.changed == 2
    assert [view.level for view in await shown(tenant.manager, *mine, *others)] == ["B", "B", None]


async def test_those_that_are_named_are_narrowed_by_the_filter(tenant: Tenant) -> None:
    inside, outside = await made(tenant.rep, 1, city="杭州"), await made(tenant.rep, 1, city="宁波")
    wanted = NewBulkEdit(
        customers=inside + outside, filters=Filters(city="杭州"), change=BulkChange(level="B")
    )

    await bulk.edit(tenant.rep, wanted, now=LATER)

    assert [view.level for view in await shown(tenant.rep, *inside, *outside)] == ["B", None]


async def test_who_cannot_take_the_change_is_told_and_left_alone(tenant: Tenant) -> None:
    fresh, signed = await made(tenant.rep, 2)
    for status in TO_SIGNED:
        await service.edit(tenant.rep, signed, CustomerEdit(status=status), now=NOW)

    done = await edited(tenant.rep, [fresh, signed], status="need", level="C")

    assert (done.changed, done.refused) == (1, 1)
    assert [(each.customer_id, each.code) for each in done.refusals] == [
        (signed, "illegal_transition")
    ]
    assert [(view.status, view.level) for view in await shown(tenant.rep, fresh, signed)] == [
        ("need", "C"),
        ("signed", None),
    ]


async def test_the_same_request_again_is_answered_the_same(tenant: Tenant) -> None:
    customers, bulk_id = await made(tenant.rep, 2), new_id()
    first = await edited(tenant.rep, customers, bulk_id=bulk_id, level="A")

    assert await edited(tenant.rep, customers, bulk_id=bulk_id, level="A") == first
    with pytest.raises(IdReused):
        await edited(tenant.rep, customers, bulk_id=bulk_id, level="B")


async def test_many_same_requests_at_once_are_one_change(tenant: Tenant) -> None:
    customers, bulk_id = await made(tenant.rep, 3), new_id()

    answers = await asyncio.gather(
        *(edited(tenant.rep, customers, bulk_id=bulk_id, level="A") for _ in range(6))
    )

    assert all(answer == answers[0] for answer in answers)
    assert answers[0].changed == 3


@pytest.mark.parametrize(
    "wanted",
    [
        NewBulkEdit(customers=[new_id()], change=BulkChange()),
        NewBulkEdit(change=BulkChange(level="A")),
    ],
)
async def test_nothing_asked_is_refused(tenant: Tenant, wanted: NewBulkEdit) -> None:
    with pytest.raises(NothingAsked):
        await bulk.edit(tenant.rep, wanted, now=NOW)


async def test_a_customer_out_of_sight_is_not_there(tenant: Tenant) -> None:
    mine = await made(tenant.rep, 1)
    theirs = await made((other := await make_tenant()).rep, 1)

    with pytest.raises(NotFound):
        await edited(tenant.rep, mine + theirs, level="A")

    assert [view.level for view in await shown(tenant.rep, *mine)] == [None]
    assert [view.level for view in await shown(other.rep, *theirs)] == [None]


async def test_more_than_one_change_takes_are_refused(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(tenant.rep, 3)
    monkeypatch.setattr(bulk, "CUSTOMERS_MAX", 2)

    with pytest.raises(TooManyCustomers):
        await bulk.edit(
            tenant.rep, NewBulkEdit(filters=Filters(), change=BulkChange(level="A")), now=LATER
        )


async def test_a_rep_hands_nobody_over(tenant: Tenant) -> None:
    customers = await made(tenant.rep, 1)

    with pytest.raises(NotPermitted):
        await edited(tenant.rep, customers, owner_id=tenant.manager.user_id)
    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[tenant.manager.user_id])
    with pytest.raises(NotPermitted):
        await bulk.hand_over(tenant.rep, wanted, now=LATER)


# --------------------------------------------------------------------------------------- undone


async def test_s108_undo_of_a_bulk_edit_restores_exactly(tenant: Tenant) -> None:
    old, new = [
        (await service.create_tag(tenant.manager, NewTag(name=name, meaning=name), now=NOW)).id
        for name in ("旧", "新")
    ]
    customers = await made(tenant.rep, 4, level="B", tags=[old], city="杭州")
    await service.edit(tenant.rep, customers[1], CustomerEdit(level=None, status="need"), now=NOW)
    await service.edit(tenant.rep, customers[2], CustomerEdit(add_tags=[new]), now=NOW)
    before = await shown(tenant.rep, *customers)

    done = await edited(
        tenant.rep,
        customers,
        status="need",
        level="A",
        city="宁波",
        add_tags=[new],
        remove_tags=[old],
    )
    assert await shown(tenant.rep, *customers) != before
    undone = await bulk.undo(tenant.rep, done.id, now=LATER)

    assert (undone.restored, undone.kept) == (4, 0)
    assert await shown(tenant.rep, *customers) == before
    assert await bulk.undo(tenant.rep, done.id, now=LATER + timedelta(days=90)) == undone


async def test_a_tag_that_is_gone_keeps_no_other_change_from_being_undone(tenant: Tenant) -> None:
    tag = (await service.create_tag(tenant.rep, NewTag(name="重点", meaning="每周"), now=NOW)).id
    (tagged,) = await made(tenant.rep, 1, tags=[tag])
    (plain,) = await made(tenant.rep, 1, level="A")
    done = await edited(tenant.manager, [tagged, plain], level="C", remove_tags=[tag])
    await service.delete_tag(tenant.rep, tag, base=None, now=LATER)

    undone = await bulk.undo(tenant.manager, done.id, now=LATER)

    assert (undone.restored, undone.kept) == (1, 1)
    assert [(each.level, each.tags) for each in await shown(tenant.rep, tagged, plain)] == [
        (None, []),
        ("A", []),
    ]


async def test_what_was_written_since_stays(tenant: Tenant) -> None:
    customers = await made(tenant.rep, 2, level="B", city="杭州")
    done = await edited(tenant.rep, customers, level="A", city="宁波")
    await service.edit(tenant.manager, customers[0], CustomerEdit(level="D"), now=LATER)
    await service.delete(tenant.rep, customers[1], base=None, now=LATER)

    undone = await bulk.undo(tenant.rep, done.id, now=LATER)

    assert (undone.restored, undone.kept) == (0, 2)
    (view,) = await shown(tenant.rep, customers[0])
    assert (view.level, view.city) == ("D", "杭州市")


async def test_who_has_got_a_customer_since_keeps_it_in_their_team(tenant: Tenant) -> None:
    team = (await tenants.create_team(tenant.owner, NewTeam(name="二队"), now=NOW)).id
    first, second = [await colleague(tenant, team) for _ in range(2)]
    (customer,) = await made(tenant.rep, 1)
    done = await edited(tenant.owner, [customer], owner_id=first.user_id)
    given = CustomerEdit(owner_id=second.user_id)
    await service.edit(tenant.owner, customer, given, now=LATER)

    undone = await bulk.undo(tenant.owner, done.id, now=LATER)

    (view,) = await shown(tenant.owner, customer)
    assert (view.owner_id, view.team_id, undone.kept) == (second.user_id, team, 1)


async def test_who_has_moved_since_brings_back_nothing_out_of_sight(tenant: Tenant) -> None:
    team = (await tenants.create_team(tenant.owner, NewTeam(name="二队"), now=NOW)).id
    other = await colleague(tenant, team)
    (customer,) = await made(tenant.rep, 1)
    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[other.user_id])
    done = await bulk.hand_over(tenant.manager, wanted, now=NOW)
    third = (await tenants.create_team(tenant.owner, NewTeam(name="三队"), now=NOW)).id
    moved = msgspec.structs.replace(tenant.manager, team_id=third)

    undone = await bulk.undo(moved, done.id, now=LATER)

    (view,) = await shown(tenant.owner, customer)
    assert (view.owner_id, view.team_id) == (other.user_id, team)
    assert (undone.restored, undone.kept) == (0, 1)


async def test_who_may_undo(tenant: Tenant) -> None:
    customers = await made(tenant.rep, 1)
    done = await edited(tenant.rep, customers, level="A")

    with pytest.raises(NotFound):
        await bulk.undo(tenant.manager, done.id, now=LATER)
    with pytest.raises(UndoTooLate):
        await bulk.undo(tenant.rep, done.id, now=LATER + UNDONE_WITHIN + timedelta(seconds=1))
    assert (await bulk.undo(tenant.owner, done.id, now=LATER)).restored == 1


async def test_undone_by_many_at_once_it_is_undone_once(tenant: Tenant) -> None:
    customers = await made(tenant.rep, 3, level="B")
    done = await edited(tenant.rep, customers, level="A")

    answers = await asyncio.gather(*(bulk.undo(tenant.rep, done.id, now=LATER) for _ in range(6)))

    assert all(answer == answers[0] for answer in answers)
    assert [view.level for view in await shown(tenant.rep, *customers)] == ["B"] * 3


_VALUES = st.sampled_from([None, "A", "B"])
_TAGS = st.sets(st.sampled_from(["a", "b", "c"]))


@given(level=_VALUES, city=_VALUES, tags=_TAGS, wanted=_VALUES, add=_TAGS, remove=_TAGS)
def test_what_is_altered_and_brought_back_is_as_it_was(
    level: str | None,
    city: str | None,
    tags: set[str],
    wanted: str | None,
    add: set[str],
    remove: set[str],
) -> None:
    held = record(1, {"level": level, "city": city, "tags": sorted(tags)})
    altered = alteration(
        held,
        {"level": wanted},
        SetChange(add=tuple(add - remove), remove=tuple(remove - add)),
    )
    if altered is None:
        assert wanted == level
        return
    fields, change, before = altered
    there = apply(held, fields, change, seq=2)
    back, undoing, is_whole = restoration(there, msgspec.structs.replace(before, seq=2))

    assert is_whole
    assert apply(there, back, undoing, seq=3).fields == held.fields


def record(seq: int, fields: dict[str, Any]) -> HeldRecord:
    """Hold a record whose fields were all written at one sequence."""
    version = Version(seq=seq, device=None, number=0, at_ms=0)
    return HeldRecord(
        kind="customer",
        id="1",
        seq=seq,
        created=version,
        fields=fields,
        versions=dict.fromkeys(fields, version),
    )


def apply(held: HeldRecord, fields: dict[str, Any], tags: SetChange, *, seq: int) -> HeldRecord:
    """Write fields and tags, as the merge does with an edit of what stands now."""
    kept = (set(held.fields["tags"]) - set(tags.remove)) | set(tags.add)
    version = Version(seq=seq, device=None, number=0, at_ms=0)
    return msgspec.structs.replace(
        held,
        seq=seq,
        fields={**held.fields, **fields, "tags": sorted(kept)},
        versions={**held.versions, **dict.fromkeys(fields, version)},
    )


# ------------------------------------------------------------------------------------ handed over


async def test_s68_a_hand_over_resets_nothing(tenant: Tenant) -> None:
    heir = await colleague(tenant)
    customers = await made(tenant.rep, 3, level="A", city="杭州")
    await service.edit(tenant.rep, customers[0], CustomerEdit(status="need"), now=NOW)
    before = await shown(tenant.manager, *customers)
    history = await queries.history(tenant.manager, customers[0], cursor=None, limit=50)

    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id], reason="离职")
    done = await bulk.hand_over(tenant.manager, wanted, now=LATER)

    assert done.changed == 3
    after = await shown(heir, *customers)
    assert [msgspec.structs.replace(view, owner_id=tenant.rep.user_id) for view in after] == before
    kept = await queries.history(heir, customers[0], cursor=None, limit=50)
    assert kept.items[-len(history.items) :] == history.items
    with pytest.raises(NotFound):
        await shown(tenant.rep, customers[0])


async def test_receivers_get_them_in_turn_and_are_told_once(tenant: Tenant) -> None:
    heirs = [await colleague(tenant) for _ in range(2)]
    await made(tenant.rep, 5)
    wanted = NewHandOver(
        id=new_id(), from_id=tenant.rep.user_id, to_ids=[heir.user_id for heir in heirs]
    )

    for _ in range(2):
        await bulk.hand_over(tenant.manager, wanted, now=LATER)

    counts = [(await queries.summary(heir, Filters())).customers for heir in heirs]
    assert counts == [3, 2]
    for heir in heirs:
        told = (await notifications.notifications(heir)).items
        assert [each.kind for each in told] == ["customers_handed_over"]


async def test_work_in_progress_goes_along_and_what_is_done_stays(tenant: Tenant) -> None:
    heir = await colleague(tenant)
    (customer,) = await made(tenant.rep, 1)
    deal, others_deal = [
        (
            await pipeline.create(
                tenant.rep, NewOpportunity(customer_id=customer, name=name), now=NOW
            )
        ).id
        for name in ("收银系统", "外卖平台")
    ]
    await pipeline.edit(
        tenant.rep,
        deal,
        OpportunityEdit(
            account_manager_id=tenant.rep.user_id, solution_manager_id=tenant.manager.user_id
        ),
        now=NOW,
    )
    await pipeline.edit(
        tenant.rep,
        others_deal,
        OpportunityEdit(account_manager_id=tenant.manager.user_id),
        now=NOW,
    )

    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])
    done = await bulk.hand_over(tenant.manager, wanted, now=LATER)

    moved = await deals.one(heir, deal, now=LATER)
    assert moved.account_manager_id == heir.user_id
    assert moved.solution_manager_id == tenant.manager.user_id
    theirs = await deals.one(heir, others_deal, now=LATER)
    assert theirs.account_manager_id == tenant.manager.user_id

    undone = await bulk.undo(tenant.manager, done.id, now=LATER)
    assert (undone.restored, undone.kept) == (2, 0)
    back = await deals.one(tenant.rep, deal, now=LATER)
    assert back.account_manager_id == tenant.rep.user_id


async def test_open_tasks_go_along_too(tenant: Tenant) -> None:
    heir = await colleague(tenant)
    (customer,) = await made(tenant.rep, 1)
    task, done_task = [
        (await activities.add_task(tenant.rep, customer, NewTask(title=title), now=NOW)).id
        for title in ("回访", "送样品")
    ]
    await activities.complete_task(tenant.rep, done_task, Completion(), now=NOW)

    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])
    done = await bulk.hand_over(tenant.manager, wanted, now=LATER)

    assert (await tasks.task(heir, task)).assignee_id == heir.user_id
    kept = await tasks.task(heir, done_task)
    assert kept.assignee_id == tenant.rep.user_id
    undone = await bulk.undo(tenant.manager, done.id, now=LATER)
    assert (undone.restored, undone.kept) == (2, 0)
    back = await tasks.task(tenant.rep, task)
    assert back.assignee_id == tenant.rep.user_id


async def test_s45_who_asked_not_to_be_called_is_given_to_nobody_new_unless_they_signed(
    tenant: Tenant, rival: Tenant
) -> None:
    heir = await colleague(tenant)
    (asked,) = await made(tenant.rep, 1, phone="13805719901")
    (signed,) = await made(tenant.rep, 1, phone="13805719902", status="signed")
    (other,) = await made(tenant.rep, 1, phone="13805719903")
    for phone in ("+8613805719901", "+8613805719902"):
        await opt_outs.opt_out(rival.rep, phone, OptOutReason.ASKED, now=NOW)

    change = await edited(tenant.manager, [asked, other], owner_id=heir.user_id)
    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])
    done = await bulk.hand_over(tenant.manager, wanted, now=LATER)

    for view in (change, done):
        assert (view.changed, view.unchanged, view.refused) == (1, 0, 1)
        assert [(each.customer_id, each.code) for each in view.refusals] == [(asked, "opted_out")]
    owners = [each.owner_id for each in await shown(tenant.owner, asked, signed, other)]
    assert owners == [tenant.rep.user_id, heir.user_id, heir.user_id]


async def test_who_has_left_hands_over_and_receives_nothing(tenant: Tenant) -> None:
    heir = await colleague(tenant)
    customers = await made(tenant.rep, 2)
    await identity.disable_user(tenant.owner, tenant.rep.user_id, now=NOW)

    backwards = NewHandOver(from_id=heir.user_id, to_ids=[tenant.rep.user_id])
    with pytest.raises(UnknownOwner) as refused:
        await bulk.hand_over(tenant.manager, backwards, now=LATER)
    assert refused.value.field == "to_ids"

    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])
    await bulk.hand_over(tenant.manager, wanted, now=LATER)
    assert len(await shown(heir, *customers)) == 2


async def test_nobody_of_another_company_takes_part(tenant: Tenant) -> None:
    stranger = (await make_tenant()).rep

    for ids in ((stranger.user_id, tenant.rep.user_id), (tenant.rep.user_id, stranger.user_id)):
        wanted = NewHandOver(from_id=ids[0], to_ids=[ids[1]])
        with pytest.raises(UnknownOwner):
            await bulk.hand_over(tenant.manager, wanted, now=LATER)


async def test_two_hand_overs_at_once_give_each_customer_away_once(tenant: Tenant) -> None:
    heirs = [await colleague(tenant) for _ in range(2)]
    await made(tenant.rep, 30)

    done = await asyncio.gather(
        *(
            bulk.hand_over(
                tenant.manager,
                NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id]),
                now=LATER,
            )
            for heir in heirs
        )
    )

    assert sorted(each.changed for each in done) == [0, 30]
    counts = [(await queries.summary(heir, Filters())).customers for heir in heirs]
    assert counts == [each.changed for each in done]


async def test_what_was_sent_out_of_sight_is_brought_back_by_who_sent_it(tenant: Tenant) -> None:
    far = (await tenants.create_team(tenant.owner, NewTeam(name="二队"), now=NOW)).id
    heir = await colleague(tenant, far)
    customers = await made(tenant.rep, 2)
    task = await activities.add_task(tenant.rep, customers[0], NewTask(title="回访"), now=NOW)
    before = await shown(tenant.manager, *customers)
    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])
    done = await bulk.hand_over(tenant.manager, wanted, now=LATER)
    with pytest.raises(NotFound):
        await shown(tenant.manager, customers[0])

    undone = await bulk.undo(tenant.manager, done.id, now=LATER)

    assert (undone.restored, undone.kept) == (3, 0)
    assert await shown(tenant.manager, *customers) == before
    assert (await tasks.task(tenant.rep, task.id)).assignee_id == tenant.rep.user_id


async def test_what_others_took_out_of_sight_stays_where_it_is(tenant: Tenant) -> None:
    far = (await tenants.create_team(tenant.owner, NewTeam(name="二队"), now=NOW)).id
    heir = await colleague(tenant, far)
    customers = await made(tenant.rep, 1, level="B")
    done = await edited(tenant.manager, customers, level="A")
    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])
    await bulk.hand_over(tenant.owner, wanted, now=LATER)

    undone = await bulk.undo(tenant.manager, done.id, now=LATER)

    assert (undone.restored, undone.kept) == (0, 1)
    assert [view.level for view in await shown(heir, *customers)] == ["A"]


async def test_an_undo_that_would_name_who_has_left_is_refused_and_not_used_up(
    tenant: Tenant,
) -> None:
    heir = await colleague(tenant)
    customers = await made(tenant.rep, 2)
    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])
    done = await bulk.hand_over(tenant.manager, wanted, now=LATER)
    await identity.disable_user(tenant.owner, tenant.rep.user_id, now=LATER)

    with pytest.raises(UndoImpossible):
        await bulk.undo(tenant.owner, done.id, now=LATER)

    assert {view.owner_id for view in await shown(heir, *customers)} == {heir.user_id}
    await identity.enable_user(tenant.owner, tenant.rep.user_id, now=LATER)
    assert (await bulk.undo(tenant.owner, done.id, now=LATER)).restored == 2


async def test_who_may_no_longer_assign_takes_no_customers_back(tenant: Tenant) -> None:
    heir = await colleague(tenant)
    await made(tenant.rep, 1)
    wanted = NewHandOver(from_id=tenant.rep.user_id, to_ids=[heir.user_id])
    done = await bulk.hand_over(tenant.manager, wanted, now=LATER)
    demoted = msgspec.structs.replace(tenant.manager, role=tenant.rep.role)

    with pytest.raises(NotPermitted):
        await bulk.undo(demoted, done.id, now=LATER)


@pytest.mark.parametrize(
    ("shape", "asked"),
    [
        (NewBulkEdit, {"filters": {"citty": "杭州"}, "change": {"level": "A"}}),
        (NewBulkEdit, {"filters": {}, "change": {"level": "A", "ownerid": str(new_id())}}),
        (NewHandOver, {"from_id": str(new_id()), "to_ids": [str(new_id())], "filter": {}}),
    ],
)
def test_a_misspelt_filter_does_not_mean_everybody(shape: type[Any], asked: Any) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert(asked, shape)


async def test_s109_whoever_becomes_an_analyst_hands_over_the_customers_first(
    tenant: Tenant,
) -> None:
    rep, analyst = tenant.rep, UserChange(role=Role.ANALYST)
    phone = f"139{new_id().int % 10**8:08d}"
    [banned] = await made(rep, 1, phone=phone)
    await opt_outs.opt_out(rep, f"+86{phone}", OptOutReason.ASKED, now=NOW)
    [given] = await made(rep, 1)

    with pytest.raises(StillInCharge) as refused:
        await identity.change_user(tenant.owner, rep.user_id, analyst, now=NOW)

    assert (refused.value.field, refused.value.extra) == ("role", {"count": 1})
    wanted = NewHandOver(from_id=rep.user_id, to_ids=[tenant.manager.user_id])
    await bulk.hand_over(tenant.manager, wanted, now=LATER)
    changed = await identity.change_user(tenant.owner, rep.user_id, analyst, now=LATER)
    assert changed.role is Role.ANALYST
    # Whom nobody new may be given stays where it is, and holds up nobody.
    owners = [(await queries.one(tenant.owner, each)).owner_id for each in (given, banned)]
    assert owners == [tenant.manager.user_id, rep.user_id]
