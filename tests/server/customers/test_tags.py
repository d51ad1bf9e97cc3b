"""S15: a tag means something, belongs to somebody, and does not stay when nobody uses it."""

import asyncio
from datetime import datetime, time, timedelta
from uuid import UUID

import msgspec
import pytest

from server.access import Actor, Role
from server.audit import queries as audit
from server.customers import queries, service
from server.customers.rules.tags import NotYourTag
from server.customers.schemas import CustomerEdit, NewCustomer, NewTag, TagEdit
from server.customers.service.tag_ends import remind_of_ends
from server.customers.service.tag_use import retire_unused
from server.customers.service.tags import TagNameTaken
from server.identity import service as identity
from server.kit.calendars import ZONE
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.settings import Settings
from sync_protocol.messages import Status
from tests.factories import NOW, Tenant, new_id
from tests.server.sync.devices import make_device

DAY = timedelta(days=1)


async def make_tag(tenant: Tenant, name: str) -> UUID:
    """Make a tag."""
    return (await service.create_tag(tenant.rep, NewTag(name=name, meaning="说明"), now=NOW)).id


async def used(tenant: Tenant) -> dict[str, int | None]:
    """Give the company's tags, with who many customers carry each."""
    return {tag.name: tag.customers for tag in await queries.tags(tenant.rep)}


def test_s15_a_tag_without_a_meaning_is_refused() -> None:
    for given in ({"name": "老客户"}, {"name": "老客户", "meaning": ""}):
        with pytest.raises(msgspec.ValidationError, match="meaning"):
            msgspec.convert(given, NewTag)


async def test_s15_a_tag_that_nobody_carries_retires_after_90_days(tenant: Tenant) -> None:
    old, carried = await make_tag(tenant, "没人用"), await make_tag(tenant, "有人用")
    new = NewCustomer(name="平江路茶馆", tags=[carried])
    customer = (await service.create(tenant.rep, new, now=NOW)).id

    assert await retire_unused(tenant.tenant_id, now=NOW + 90 * DAY) == []
    assert await used(tenant) == {"没人用": 0, "有人用": 1}
    assert await retire_unused(tenant.tenant_id, now=NOW + 91 * DAY) == [old]
    assert await retire_unused(tenant.tenant_id, now=NOW + 91 * DAY) == []

    assert await used(tenant) == {"有人用": 1}
    trail = [each.action for each in (await audit.entries(tenant.owner)).items]
    assert trail.count("tag.retired") == 1
    # The days begin anew on the last night on which somebody carried it.
    change = CustomerEdit(remove_tags=[carried])
    await service.edit(tenant.rep, customer, change, now=NOW + 92 * DAY)
    assert await retire_unused(tenant.tenant_id, now=NOW + 181 * DAY) == []
    assert await retire_unused(tenant.tenant_id, now=NOW + 182 * DAY) == [carried]


async def test_s15_a_tag_that_was_written_lately_is_as_good_as_used(tenant: Tenant) -> None:
    tag = await make_tag(tenant, "活动")
    await service.edit_tag(tenant.rep, tag, TagEdit(meaning="中秋活动"), now=NOW + 80 * DAY)

    assert await retire_unused(tenant.tenant_id, now=NOW + 100 * DAY) == []
    assert await retire_unused(tenant.tenant_id, now=NOW + 171 * DAY) == [tag]


async def test_s15_of_another_company_no_tag_retires(tenant: Tenant, rival: Tenant) -> None:
    await make_tag(rival, "别家的")

    assert await retire_unused(tenant.tenant_id, now=NOW + 400 * DAY) == []
    assert await used(rival) == {"别家的": None}


async def test_s15_a_tag_is_changed_by_who_answers_for_it_and_by_managers(tenant: Tenant) -> None:
    tag = await make_tag(tenant, "重点")
    colleague = tenant.actor(Role.SALES_REP)

    with pytest.raises(NotYourTag):
        await service.edit_tag(colleague, tag, TagEdit(meaning="我说了算"), now=NOW)
    with pytest.raises(NotYourTag):
        await service.delete_tag(colleague, tag, base=None, now=NOW)
    await service.edit_tag(tenant.rep, tag, TagEdit(meaning="每周回访"), now=NOW + DAY)
    await service.delete_tag(tenant.manager, tag, base=None, now=NOW + 2 * DAY)

    assert await used(tenant) == {}
    newest = (await audit.entries(tenant.owner)).items
    lines = [each for each in newest if each.subject_id == tag]
    assert [(each.action, each.actor_id) for each in reversed(lines)] == [
        ("tag.created", tenant.rep.user_id),
        ("tag.changed", tenant.rep.user_id),
        ("tag.deleted", tenant.manager.user_id),
    ]
    deleted, changed, _ = lines
    assert changed.detail == {"meaning": ["说明", "每周回访"]}
    assert deleted.detail["name"] == ["重点", None]


async def test_s15_of_two_tags_of_one_name_at_once_there_is_one(tenant: Tenant) -> None:
    new = NewTag(name="同名", meaning="说明")
    made = await asyncio.gather(
        *(service.create_tag(tenant.rep, new, now=NOW) for _ in range(4)), return_exceptions=True
    )

    refused = [each for each in made if isinstance(each, TagNameTaken)]
    assert (len(made) - len(refused), list(await used(tenant))) == (1, ["同名"])


async def test_s15_a_phone_changes_no_tag_of_others(database: Settings, tenant: Tenant) -> None:
    phone = await make_device(database, tenant)
    theirs = await make_tag(tenant, "重点")
    mine = str(new_id())
    await phone.push(phone.create("tag", mine, name="回访", meaning="每周"))
    await phone.pull()

    answer = await phone.push(
        phone.edit("tag", theirs, meaning="离线改的"),
        phone.delete("tag", theirs),
        phone.edit("tag", mine, meaning="每月"),
    )

    told = [(each.status, each.code) for each in answer.outcomes]
    assert told == [
        (Status.REJECTED, "not_your_tag"),
        (Status.REJECTED, "not_your_tag"),
        (Status.APPLIED, "applied"),
    ]
    assert {tag.name: tag.meaning for tag in await queries.tags(tenant.rep)} == {
        "重点": "说明",
        "回访": "每月",
    }


async def test_s15_a_late_word_about_a_tag_of_others_opens_no_conflict(
    database: Settings, tenant: Tenant
) -> None:
    phone = await make_device(database, tenant)
    theirs = await make_tag(tenant, "重点")
    await phone.pull()
    late = phone.edit("tag", theirs, meaning="离线改的")
    await service.edit_tag(tenant.rep, theirs, TagEdit(meaning="每周回访"), now=phone.later())

    assert (await phone.outcome(late)).code == "not_your_tag"
    await phone.pull()
    assert [kind for kind, _ in phone.replica] == ["tag"]


ENDS_ON = (NOW + 30 * DAY).astimezone(ZONE).date()


async def ending(who: Actor) -> UUID:
    """Make a tag with an end."""
    new = NewTag(name="中秋", meaning="中秋活动", expires_on=str(ENDS_ON))
    return (await service.create_tag(who, new, now=NOW)).id


def morning(days_before: int) -> datetime:
    return datetime.combine(ENDS_ON - timedelta(days=days_before), time(8), ZONE)


async def told(who: Actor) -> list[tuple[str, str]]:
    page = await notifications.notifications(who)
    return [(each.subject, each.link) for each in page.items if each.kind is Kind.TAG_ENDS]


async def test_s15_who_answers_for_a_tag_is_told_once_a_week_before_its_end(
    tenant: Tenant,
) -> None:
    tag = await ending(tenant.rep)

    counts = [
        await remind_of_ends(tenant.tenant_id, now=morning(left)) for left in (8, 7, 7, 3, 0, -1)
    ]
    later = TagEdit(expires_on=str(ENDS_ON + 30 * DAY))
    await service.edit_tag(tenant.rep, tag, later, now=morning(0))
    again = [await remind_of_ends(tenant.tenant_id, now=morning(left)) for left in (-22, -23)]

    assert (counts, again) == ([0, 1, 0, 0, 0, 0], [0, 1])
    assert await told(tenant.rep) == [
        (f"中秋 · {ENDS_ON + 30 * DAY}", f"/tags/{tag}"),
        (f"中秋 · {ENDS_ON}", f"/tags/{tag}"),
    ]
    assert await told(tenant.manager) == []


async def test_s15_managers_are_told_of_a_tag_whose_owner_has_left(tenant: Tenant) -> None:
    tag = await ending(tenant.rep)
    await identity.disable_user(tenant.owner, tenant.rep.user_id, now=NOW + DAY)

    assert await remind_of_ends(tenant.tenant_id, now=morning(7)) == 2

    word = (f"中秋 · {ENDS_ON}", f"/tags/{tag}")
    assert [await told(each) for each in (tenant.owner, tenant.manager)] == [[word], [word]]
