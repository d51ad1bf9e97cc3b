"""Phones of customers that are not one's own are hidden, whichever way one looks at them."""

import asyncio
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from server.access import Actor, Role, Scope
from server.access.hidden import PhoneHidden, RevealQuotaReached
from server.access.rules import NotPermitted
from server.activities import queries as activities
from server.activities import service as work
from server.activities.schemas import Dialling, NewTask
from server.changelog import service as changelog
from server.changelog.custom import CustomValueTaken
from server.customers import queries, service
from server.customers.bulk import service as bulk
from server.customers.bulk.schemas import BulkChange, NewBulkEdit, NewHandOver
from server.customers.exports import service as exports
from server.customers.reveals import queries as reveal_queries
from server.customers.reveals import service as reveals
from server.customers.reveals.schemas import NewReveal, Revealed
from server.customers.rules.masks import ReasonMissing
from server.customers.schemas import (
    ContactEdit,
    CustomerEdit,
    Filters,
    Identity,
    NewContact,
    NewNote,
    NewStore,
    Sort,
    StoreEdit,
)
from server.identity import service as identity
from server.identity import standings
from server.identity.rules.standing import actor as actor_of
from server.identity.schemas import PhoneMaskView
from server.kit import clock
from server.kit.errors import NotFound, Refusal
from server.pipeline import queries as deals
from server.pipeline import service as pipeline
from server.pipeline.schemas import NewOpportunity, OpportunityEdit
from server.sync import comparing, inbox, merging, pairs
from server.sync import queries as sync
from server.sync.registry import KINDS
from sync_protocol.merge import EditClock
from sync_protocol.messages import Create
from tests.factories import NOW, Tenant, make_tenant, new_id
from tests.server.customers.custom.stories import field
from tests.server.customers.objects import stories as objects
from tests.server.customers.stories import change, make, names

HIDDEN: Final = ("13912345678", "13812340001", "13712340002", "13612340003", "13512340004")
"""Of the customer, its contact, its store, a field of the company's, and a WeChat id."""


class Scene(msgspec.Struct):
    """A rep's customer full of numbers, and a manager from whom they are hidden."""

    tenant: Tenant
    boss: Actor
    customer: UUID
    contact: UUID
    store: UUID
    custom: str
    mine: UUID


@pytest.fixture(scope="module")
async def scene(database: object) -> Scene:
    """Numbers wherever one may stand, also in the past, and in a conflict."""
    del database
    tenant = await make_tenant()
    boss = msgspec.structs.replace(tenant.manager, scope=Scope.TENANT, masks_phones=True)
    custom = (await field(tenant.owner, "phone")).name
    rep = tenant.rep
    made = await make(rep, "西湖藕粉铺", phone=HIDDEN[0], custom={custom: HIDDEN[3]})
    person = NewContact(name="王芳", phone=HIDDEN[1], wechat=HIDDEN[4])
    contact = await service.add_contact(rep, made.id, person, now=NOW)
    store = await service.add_store(rep, made.id, NewStore(name="总店", phone=HIDDEN[2]), now=NOW)
    # Somebody wrote another number unseen: one of the two is in the inbox.
    stale = CustomerEdit(phone="13900000009", base=made.seq - 1)
    await service.edit(tenant.owner, made.id, stale, now=NOW + timedelta(seconds=1))
    await change(rep, made.id, phone=HIDDEN[0])
    deal = NewOpportunity(customer_id=made.id, name="一单")
    await pipeline.create(rep, deal, now=NOW)
    mine = await make(boss, "自己的客户", phone="13312349999")
    return Scene(tenant, boss, made.id, contact.id, store.id, custom, mine.id)


def told(*answers: Any) -> list[str]:
    """Find hidden numbers in answers, with or without country code and spaces."""
    text = "".join(
        each.decode() if isinstance(each, bytes) else msgspec.json.encode(each).decode()
        for each in answers
    )
    compact = text.replace(" ", "").replace("-", "")
    return [number for number in (*HIDDEN, "13900000009") if number in compact]


async def test_no_answer_tells_a_hidden_number(scene: Scene) -> None:
    boss, customer = scene.boss, scene.customer
    answers: list[Any] = [
        await queries.list_page(boss, Filters()),
        await queries.list_page(boss, Filters(q="藕粉")),
        await queries.list_page(boss, Filters(q="藕粉"), sort=Sort.NAME),
        await queries.detail(boss, customer),
        await queries.history(boss, customer, limit=200),
        await sync.conflicts(boss),
        await deals.of_customer(boss, customer, now=NOW),
        await comparing.preview(boss, customer, scene.mine),
        await service.edit(boss, customer, CustomerEdit(remark="问过"), now=NOW),
        *[part async for part in await exports.as_csv(boss, Filters(), exports.Words.ZH, now=NOW)],
    ]

    assert len((await sync.conflicts(boss)).items) == 1
    assert told(*answers) == []
    assert "139****5678" in str(answers[0])
    open_ = msgspec.structs.replace(boss, masks_phones=False)
    seen = await queries.detail(open_, customer), await queries.history(open_, customer, limit=200)
    assert set(told(*seen)) == {*HIDDEN, "13900000009"}, "there was something to tell"


TYPED: Final = ("13412340005", "13312340006", "13212340007", "13112340008", "15912340009")
"""Into the customer's remark, a note, its store's address, its deal's name and a task."""


async def typed(tenant: Tenant) -> tuple[Actor, UUID]:
    """Make a customer of the rep's with numbers in free text; give who sees none of them."""
    rep = tenant.rep
    boss = msgspec.structs.replace(tenant.manager, scope=Scope.TENANT, masks_phones=True)
    made = await make(rep, "龙井茶铺", remark=f"老板娘 {TYPED[0]}，上午勿扰")
    await service.add_note(rep, made.id, NewNote(body="改打 133-1234-0006"), now=NOW)
    store = NewStore(name="分店", address=f"文三路 1 号，到了打+86 {TYPED[2]}")
    await service.add_store(rep, made.id, store, now=NOW)
    deal = NewOpportunity(customer_id=made.id, name=f"一单（{TYPED[3]}）")
    await pipeline.create(rep, deal, now=NOW)
    task = NewTask(title="回电", detail=f"打 {TYPED[4]}")
    await work.add_task(rep, made.id, task, now=NOW)
    return boss, made.id


async def test_a_number_typed_into_free_text_is_hidden_and_shown_by_the_same_act(
    tenant: Tenant,
) -> None:
    boss, customer = await typed(tenant)
    answers: list[Any] = [
        await queries.one(boss, customer),
        await queries.list_page(boss, Filters(q="龙井茶铺")),
        await queries.detail(boss, customer),
        await queries.history(boss, customer, limit=200),
        await deals.of_customer(boss, customer, now=NOW),
        await activities.tasks_of(boss, customer),
        *[part async for part in await exports.as_csv(boss, Filters(), exports.Words.ZH, now=NOW)],
    ]

    text = "".join(
        each.decode() if isinstance(each, bytes) else msgspec.json.encode(each).decode()
        for each in answers
    ).replace("-", "")
    assert [number for number in TYPED if number in text.replace(" ", "")] == []
    assert "老板娘 134****0005，上午勿扰" in text
    shown = await reveals.reveal(boss, customer, NewReveal(reason="回访"), now=NOW)
    assert {(each.kind, each.field, each.number) for each in shown.numbers} == {
        ("customer", "remark", f"+86{TYPED[0]}"),
        ("note", "body", f"+86{TYPED[1]}"),
        ("store", "address", f"+86{TYPED[2]}"),
        ("opportunity", "name", f"+86{TYPED[3]}"),
        ("task", "detail", f"+86{TYPED[4]}"),
    }


async def test_stars_are_written_over_no_number_in_a_text(tenant: Tenant) -> None:
    boss, customer = await typed(tenant)
    seen = (await queries.one(boss, customer)).remark

    with pytest.raises(PhoneHidden) as refused:
        await service.edit(boss, customer, CustomerEdit(remark=f"{seen}；已回访"), now=NOW)
    await service.edit(boss, customer, CustomerEdit(industry="茶"), now=NOW)

    assert refused.value.field == "remark"
    held = await queries.one(tenant.rep, customer)
    assert (held.remark, held.industry) == (f"老板娘 {TYPED[0]}，上午勿扰", "茶")


async def test_a_hidden_number_is_not_found_by_its_digits(scene: Scene) -> None:
    for number in HIDDEN:
        for digits in (number, number[:5], number[-4:], f"+86 {number}"):
            for sort in (None, Sort.NAME):
                found = await names(scene.boss, sort, q=digits)
                assert found == [], digits
    assert await names(scene.boss, custom={scene.custom: f"+86{HIDDEN[3]}"}) == []
    assert await names(scene.boss, q="13312349999") == ["自己的客户"]
    assert await names(scene.boss, Sort.NAME, q="9999") == ["自己的客户"]
    assert await names(scene.tenant.owner, q=HIDDEN[1]) == ["西湖藕粉铺"]


async def test_a_hidden_number_is_not_found_out_by_trying_numbers(scene: Scene) -> None:
    tried = Identity(phone=HIDDEN[0])

    assert await service.find_duplicates(scene.boss, tried) == []
    made = await make(scene.boss, "试探一下", phone=HIDDEN[0])
    assert made.duplicates == []
    await pairs.find(scene.tenant.tenant_id, {"ids": [str(made.id)]}, now=NOW)
    assert (await pairs.pairs(scene.boss)).items == []
    (pair,) = (await pairs.pairs(scene.tenant.owner)).items
    assert pair.reasons == ["phone"]
    assert len(await service.find_duplicates(scene.tenant.owner, tried)) == 2


async def test_what_is_hidden_is_neither_written_over_nor_taken_over(scene: Scene) -> None:
    boss, customer = scene.boss, scene.customer
    me, number = boss.user_id, "13100000000"
    contact, store = ContactEdit(phone=number), StoreEdit(phone=number)
    own = BulkChange(owner_id=me)
    others = NewHandOver(from_id=scene.tenant.rep.user_id, to_ids=[me], filters=Filters())
    tries: list[Any] = [
        service.edit(boss, customer, CustomerEdit(phone=number), now=NOW),
        service.edit(boss, customer, CustomerEdit(phone=number, on_conflict="refuse"), now=NOW),
        service.edit(boss, customer, CustomerEdit(custom={scene.custom: number}), now=NOW),
        service.edit_contact(boss, scene.contact, contact, now=NOW),
        service.edit_contact(boss, scene.contact, ContactEdit(wechat="x"), now=NOW),
        service.edit_store(boss, scene.store, store, now=NOW),
        service.edit(boss, customer, CustomerEdit(owner_id=me), now=NOW),
        bulk.edit(boss, NewBulkEdit(customers=[customer], change=own), now=NOW),
        bulk.hand_over(boss, others, now=NOW),
        merging.merge(boss, customer, scene.mine, now=NOW),
    ]
    tries.append(activities.dial(boss, customer, Dialling()))
    phone = (await field(scene.tenant.owner, "phone", subject="opportunity")).name
    (deal,) = await deals.of_customer(scene.tenant.rep, customer, now=NOW)
    tries.append(pipeline.edit(boss, deal.id, OpportunityEdit(custom={phone: number}), now=NOW))
    for each in tries:
        with pytest.raises(PhoneHidden):
            await each
    held = (await queries.detail(scene.tenant.owner, customer)).customer
    assert (held.phone, held.owner_id) == (f"+86{HIDDEN[0]}", scene.tenant.rep.user_id)


async def test_what_stands_for_a_hidden_number_is_written_over_none(scene: Scene) -> None:
    boss, rep = scene.boss, scene.tenant.rep
    person = NewContact(name="李芳", wechat="13612340001")
    customer = (await make(rep, "两个微信号的客户")).id
    contact = await service.add_contact(rep, customer, person, now=NOW)
    for base, wechat in ((None, "13612340002"), (contact.seq, "13612340003")):
        change = ContactEdit(wechat=wechat, base=base)
        await service.edit_contact(rep, contact.id, change, now=NOW)
    (conflict,) = (await sync.conflicts(boss, customer_id=customer)).items
    before = (await queries.detail(rep, customer)).contacts

    with pytest.raises(PhoneHidden):
        await inbox.resolve(boss, conflict.id, is_restore=True, now=NOW)
    assert (await queries.detail(rep, customer)).contacts == before
    assert (await inbox.resolve(boss, conflict.id, is_restore=False, now=NOW)).state == "dismissed"


async def test_who_gave_a_customer_away_takes_it_back_by_no_undo(scene: Scene) -> None:
    boss, owner, rep = scene.boss, scene.tenant.owner, scene.tenant.rep
    customer = (await make(boss, "给出去的客户", phone="13300000001")).id
    given = NewBulkEdit(customers=[customer], change=BulkChange(owner_id=rep.user_id))
    done = await bulk.edit(owner, given, now=NOW)
    await change(rep, customer, phone="13300000002")

    with pytest.raises(PhoneHidden):
        await bulk.undo(boss, done.id, now=NOW)
    assert (await bulk.undo(owner, done.id, now=NOW)).restored == 1


async def test_a_reveal_is_one_act_that_the_owner_can_read_of(scene: Scene) -> None:
    boss, owner = scene.boss, scene.tenant.owner
    mask = PhoneMaskView(reveals_per_day=2, wants_reason=True)
    await identity.set_phone_mask(owner, mask, now=NOW)
    with pytest.raises(ReasonMissing) as refused:
        await reveals.reveal(boss, scene.customer, NewReveal(reason=" "), now=NOW)

    shown = await reveals.reveal(boss, scene.customer, NewReveal(reason="客户急找"), now=NOW)
    again = await reveals.reveal(boss, scene.customer, NewReveal(), now=NOW)

    assert refused.value.field == "reason"
    assert {each.number.removeprefix("+86") for each in shown.numbers} == set(HIDDEN)
    assert again == shown
    assert shown.left_today == 1
    for reader in (scene.tenant.rep, owner):
        (line,) = await reveal_queries.of_customer(reader, scene.customer)
        assert (line.user_id, line.reason) == (boss.user_id, "客户急找")
    assert (await reveal_queries.page(owner)).items == [line]
    with pytest.raises(NotPermitted):
        await reveal_queries.of_customer(boss, scene.customer)
    assert told(await queries.detail(boss, scene.customer)) == [], "it was one act"


async def test_a_reveal_shows_the_phones_of_custom_records(scene: Scene) -> None:
    rep = scene.tenant.rep
    machine = await objects.sort(scene.tenant.owner, "设备")
    phone = await objects.part(scene.tenant.owner, machine, "phone", "维修电话")
    shop = (await make(rep, "维修店")).id
    held = await objects.record(rep, shop, machine, custom={phone.name: "13911112222"})

    shown = await reveals.reveal(scene.boss, shop, NewReveal(reason="报修"), now=NOW)

    [number] = shown.numbers
    assert (number.kind, number.record_id, number.name) == ("custom_record", held, "一号机")
    assert number.number == "+8613911112222"


async def test_a_reveal_shows_the_phones_of_deals_by_the_same_act(scene: Scene) -> None:
    owner, rep, when = scene.tenant.owner, scene.tenant.rep, NOW + timedelta(days=5)
    await identity.set_phone_mask(owner, PhoneMaskView(reveals_per_day=1), now=NOW)
    phone = await field(owner, "phone", "采购电话", subject="opportunity")
    shops = [(await make(rep, name)).id for name in ("有单的店", "另一家店")]
    new = NewOpportunity(customer_id=shops[0], name="二单", custom={phone.name: "13911113333"})
    deal = (await pipeline.create(rep, new, now=NOW)).id
    hidden = (await deals.one(scene.boss, deal, now=NOW)).custom[phone.name]

    shown = await reveals.reveal(scene.boss, shops[0], NewReveal(), now=when)

    [number] = shown.numbers
    assert (number.kind, number.record_id, number.name) == ("opportunity", deal, "二单")
    assert (number.field, number.number) == (phone.name, "+8613911113333")
    assert (hidden, shown.left_today) == ("+86139****3333", 0)
    (line,) = await reveal_queries.of_customer(rep, shops[0])
    assert line.user_id == scene.boss.user_id
    with pytest.raises(RevealQuotaReached):
        await reveals.reveal(scene.boss, shops[1], NewReveal(), now=when)
    other = scene.tenant.actor(Role.SALES_MANAGER, team_id=new_id())
    with pytest.raises(NotFound):
        await reveals.reveal(other, shops[0], NewReveal(), now=when)


async def test_of_many_reveals_at_once_the_quota_lets_as_many_through(scene: Scene) -> None:
    owner, when = scene.tenant.owner, NOW + timedelta(days=2)
    await identity.set_phone_mask(owner, PhoneMaskView(reveals_per_day=2), now=NOW)
    made = [(await make(scene.tenant.rep, f"客户{at}", phone=HIDDEN[0])).id for at in range(5)]

    async def look(customer: UUID) -> Revealed | Refusal:
        try:
            return await reveals.reveal(scene.boss, customer, NewReveal(), now=when)
        except Refusal as refusal:
            return refusal

    done = await asyncio.gather(*map(look, made))

    assert sum(isinstance(each, Revealed) for each in done) == 2
    assert sum(isinstance(each, RevealQuotaReached) for each in done) == 3


async def test_a_guess_at_a_unique_number_counts_as_a_look_at_it(scene: Scene) -> None:
    owner, boss, when = scene.tenant.owner, scene.boss, NOW + timedelta(days=7)
    await identity.set_phone_mask(owner, PhoneMaskView(reveals_per_day=1), now=NOW)
    card = (await field(owner, "phone", "会员电话", is_unique=True)).name
    mine = (await make(boss, "猜号的店")).id
    taken = ("13700137001", "13700137002")
    theirs = [(await make(scene.tenant.rep, f"店{at}", custom={card: at})).id for at in taken]

    async def guess(number: str, *, days: int = 0) -> type[Refusal] | None:
        asked = CustomerEdit(custom={card: number})
        try:
            await service.edit(boss, mine, asked, now=when + timedelta(days=days))
        except Refusal as refusal:
            return type(refusal)
        return None

    assert await guess("13700137009") is None
    assert await guess(taken[0]) is CustomValueTaken
    # The answer is known already; of all other numbers there is none, whatever stands there.
    assert await guess(taken[0]) is CustomValueTaken
    assert await guess(taken[1]) is RevealQuotaReached
    assert await guess("13700137008") is RevealQuotaReached
    with pytest.raises(RevealQuotaReached):
        await reveals.reveal(boss, scene.customer, NewReveal(), now=when)
    assert await guess(taken[1], days=1) is CustomValueTaken

    lines = [await reveal_queries.of_customer(scene.tenant.rep, each) for each in theirs]
    assert [[each.user_id for each in of] for of in lines] == [[boss.user_id]] * 2


async def test_of_guesses_in_one_push_as_many_are_answered_as_the_quota_lets(
    scene: Scene,
) -> None:
    owner, boss, when = scene.tenant.owner, scene.boss, NOW + timedelta(days=9)
    await identity.set_phone_mask(owner, PhoneMaskView(reveals_per_day=2), now=NOW)
    card = (await field(owner, "phone", "储值电话", is_unique=True)).name
    taken = [f"+861370013710{at}" for at in range(4)]
    for at in taken:
        await make(scene.tenant.rep, f"店{at}", custom={card: at})
    ops = [
        Create(
            number=at,
            kind="customer",
            id=str(new_id()),
            fields={"name": f"猜{at}", card: number},
            at_ms=clock.to_ms(when),
            base=0,
        )
        for at, number in enumerate([*taken, "+8613700137199"], 1)
    ]

    received = clock.to_ms(when)
    applied = await changelog.apply(
        boss, ops, kinds=KINDS, edit_clock=EditClock(received_at_ms=received), now=when
    )

    assert [each.code for each in applied.result.outcomes] == [
        *["custom_value_taken"] * 2,
        *["reveal_quota_reached"] * 3,
    ]


async def test_nothing_is_counted_where_nothing_is_hidden(scene: Scene) -> None:
    shown = await reveals.reveal(scene.boss, scene.mine, NewReveal(), now=NOW)

    assert [each.number for each in shown.numbers] == ["+8613312349999"]
    assert scene.mine not in {
        each.customer_id for each in (await reveal_queries.page(scene.tenant.owner)).items
    }


async def test_a_phone_of_somebody_under_the_mask_holds_their_own_customers_alone(
    scene: Scene,
) -> None:
    owner, manager = scene.tenant.owner, scene.tenant.manager
    await identity.set_phone_mask(owner, PhoneMaskView(roles=["sales_manager"]), now=NOW)
    standing = await standings.read(manager.tenant_id, manager.user_id)
    assert standing is not None
    in_browser = actor_of(standing, device_id=None, session_id=None)
    on_phone = actor_of(standing, device_id=new_id(), session_id=None)
    open_ = await standings.read(owner.tenant_id, owner.user_id)

    assert (in_browser.scope, in_browser.masks_phones) == (Scope.TEAM, True)
    assert on_phone.scope is Scope.MINE
    assert open_ is not None
    assert not open_.masks_phones
