"""Stories of reps who work offline and sync later."""

from collections.abc import Callable

import pytest

from mobile_client_sdk.client import SyncState
from mobile_client_sdk.records import Customer, Note
from mobile_client_sdk.testing import refuse
from sync_protocol.schema import ValueRefused
from tests.mobile_client_sdk.people import Phones, only


def test_what_is_made_offline_is_there_at_once_and_on_the_server_after_a_sync(
    phones: Phones,
) -> None:
    wang = phones.enrol("王芳")

    shop = wang.create_customer(name="福满楼", phone="+8613800000000", city="杭州")
    wang.add_contact(shop, name="陈老板", title="店主")
    wang.add_note(shop, "要两箱，周三送")
    tag = wang.create_tag(name="重点", meaning="每周拜访")
    wang.tag(shop, tag)

    assert only(wang).tags == [tag.id]
    assert wang.pending_count == 5
    assert [contact.name for contact in wang.contacts(shop)] == ["陈老板"]

    report = wang.sync()

    assert (report.state, report.pushed, report.pending) == (SyncState.COMPLETE, 5, 0)
    held = phones.server.record("customer", shop.id)
    assert held is not None
    assert held.fields["owner_id"] == phones.server.user_id("王芳")

    li = phones.enrol("李强")
    assert only(li).name == "福满楼"
    assert [note.body for note in li.notes(shop)] == ["要两箱，周三送"]
    assert li.notes(shop)[0].author_id == phones.server.user_id("王芳")
    assert list(li.customers(tag=tag)) == [only(li)]


def test_who_enrols_a_phone_again_sends_what_waits_and_nothing_twice(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼")
    wang.sync()
    with wang.edit(only(wang)) as c:
        c.city = "杭州"
    wang.sync()
    li.sync()
    with li.edit(only(li)) as c:
        c.city = "宁波"
    li.sync()
    with wang.edit(only(wang)) as c:
        c.phone = "+8613800000001"

    wang.enrol(phones.server.enrolment_code("王芳"), device_name="王芳的手机")
    report = wang.sync()

    # The server knows this device by no op; what it settled for the old one is not for it to do.
    assert (report.state, report.pushed, report.pending) == (SyncState.COMPLETE, 1, 0)
    assert (only(wang).city, only(wang).phone) == ("宁波", "+8613800000001")
    assert wang.conflicts() == []


def test_an_edit_sends_only_what_was_touched(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼", city="杭州")
    wang.sync()
    li.sync()

    with wang.edit(only(wang)) as c:
        c.phone = "+8613800000001"
    with li.edit(only(li)) as c:
        c.city = "宁波"
    wang.sync()
    li.sync()
    wang.sync()

    assert (only(wang).phone, only(wang).city) == ("+8613800000001", "宁波")
    assert [(c.phone, c.city) for c in li.customers()] == [("+8613800000001", "宁波")]
    assert wang.conflicts() == []


def test_two_who_write_one_field_see_both_values_and_one_tap_brings_the_other_back(
    phones: Phones,
) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼")
    wang.sync()
    li.sync()

    with wang.edit(only(wang)) as c:
        c.phone = "+8613800000001"
    with li.edit(only(li)) as c:
        c.phone = "+8613800000002"
    wang.sync()
    report = li.sync()
    wang.sync()

    assert len(report.merged) == 1
    assert only(wang).phone == only(li).phone == "+8613800000002"
    (conflict,) = wang.conflicts()
    assert (conflict.kept, conflict.other) == ("+8613800000002", "+8613800000001")
    assert conflict.other_by == phones.server.user_id("王芳")
    assert "电话" in conflict.sentence()
    assert "phone" in conflict.sentence("en")

    wang.restore(conflict)
    assert only(wang).phone == "+8613800000001"
    assert wang.conflicts() == []
    wang.sync()
    li.sync()
    assert only(li).phone == "+8613800000001"
    assert li.conflicts() == []


def test_an_edit_builds_on_what_the_person_saw_and_not_on_what_came_meanwhile(
    phones: Phones,
) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼")
    wang.sync()
    li.sync()
    seen_by_li = only(li)
    with wang.edit(only(wang)) as c:
        c.city = "杭州"
    wang.sync()
    li.sync()

    with li.edit(seen_by_li) as c:
        c.city = "宁波"
    li.sync()

    assert [(each.kept, each.other) for each in li.conflicts()] == [("宁波", "杭州")]


def test_an_error_inside_an_edit_saves_nothing(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")

    def trip() -> None:
        with wang.edit(shop) as c:
            c.city = "杭州"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        trip()

    assert only(wang).city is None
    assert wang.pending_count == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("phone", "13800000000", "value_invalid"),
        ("name", None, "field_required"),
        ("level", "Z", "value_invalid"),
        ("remark", "a\0b", "value_invalid"),
    ],
)
def test_a_bad_value_is_refused_before_it_is_saved(
    phones: Phones, field: str, value: object, code: str
) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")

    with pytest.raises(ValueRefused) as refusal, wang.edit(shop) as c:
        setattr(c, field, value)

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert wang.pending_count == 1


def test_a_note_is_not_rewritten(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    note = wang.add_note(wang.create_customer(name="福满楼"), "要两箱")

    with pytest.raises(ValueRefused), wang.edit(note) as draft:
        draft.body = "要三箱"
    with pytest.raises(ValueRefused):
        wang.delete(note)
    with pytest.raises(ValueRefused):
        wang.create(Note, customer_id=note.customer_id, body="x", author_id=note.id)


def test_what_the_server_refuses_is_told_in_plain_words_and_shown_no_longer(
    phones: Phones,
) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼")
    wang.sync()
    li.sync()
    with wang.edit(only(wang)) as c:
        c.owner_id = phones.server.user_id("李强")
    wang.sync()

    with li.edit(only(li)) as c:
        c.owner_id = phones.server.user_id("赵敏")
        c.remark = "我来跟"
    report = li.sync()

    assert [outcome.code for outcome in report.refused] == ["strict_conflict"]
    (refused,) = li.refusals()
    assert refused.values["remark"] == "我来跟"
    assert refused.sentence() == "没有保存到服务器（负责人）：别人先改了，请看新值再决定。"
    assert only(li).owner_id == phones.server.user_id("李强")

    li.forget_refusal(refused.number)
    assert li.refusals() == []


def test_a_refused_op_keeps_nobody_waiting(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    phones.server.intents["benefits.request"] = refuse("budget_exhausted", "The budget is spent.")
    shop = wang.create_customer(name="福满楼")
    asked = wang.request_benefit(shop, program_id=shop.id)
    wang.add_note(shop, "再问一次")

    state = wang.request(asked)
    assert state is not None
    assert state.outcome is None
    report = wang.sync()

    assert (report.pushed, report.pending) == (3, 0)
    state = wang.request(asked)
    assert state is not None
    assert state.outcome is not None
    assert state.outcome.code == "budget_exhausted"
    assert [each.action for each in wang.refusals()] == ["benefits.request"]


def test_an_atomic_group_is_saved_and_settled_whole(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    shop = wang.create_customer(name="福满楼")
    wang.sync()
    li.sync()
    with li.edit(only(li)) as c:
        c.owner_id = phones.server.user_id("赵敏")
    li.sync()

    with wang.group(atomic=True):
        with wang.edit(only(wang)) as c:
            c.city = "杭州"
        assert only(wang).city == "杭州", "a group sees what it did"
        with wang.edit(shop) as c:
            c.owner_id = phones.server.user_id("王芳")
        wang.add_contact(shop, name="陈老板")
    report = wang.sync()

    assert [outcome.code for outcome in report.refused] == [
        "group_rejected",
        "strict_conflict",
        "group_rejected",
    ]
    assert only(wang).city is None
    assert wang.contacts(shop) == []


def test_an_error_inside_a_group_saves_nothing_of_it(phones: Phones) -> None:
    wang = phones.enrol("王芳")

    def trip() -> None:
        with wang.group():
            wang.create_customer(name="福满楼")
            assert wang.count(Customer) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        trip()

    assert wang.count(Customer) == 0
    wang.create_customer(name="得月楼")
    assert wang.sync().pushed == 1


def test_a_deletion_and_an_edit_at_once_keep_the_record_and_tell(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼")
    wang.sync()
    li.sync()

    wang.delete(only(wang))
    assert list(wang.customers()) == []
    wang.sync()
    with li.edit(only(li)) as c:
        c.city = "宁波"
    li.sync()
    wang.sync()

    assert only(wang).city == only(li).city == "宁波"
    assert only(wang).name == "福满楼"
    (conflict,) = wang.conflicts()
    assert conflict.field == "deleted"

    wang.restore(conflict)
    wang.sync()
    li.sync()
    assert list(li.customers()) == []


def test_a_customer_who_moves_leaves_one_phone_and_enters_another(
    make_phones: Callable[..., Phones],
) -> None:
    phones = make_phones(scoped=True)
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    shop = wang.create_customer(name="福满楼")
    wang.add_contact(shop, name="陈老板")
    wang.sync()
    li.sync()
    assert list(li.customers()) == []

    with wang.edit(only(wang)) as c:
        c.owner_id = phones.server.user_id("李强")
    wang.sync()
    li.sync()

    assert list(wang.customers()) == []
    assert wang.contacts(shop) == []
    assert only(li).name == "福满楼"
    assert [contact.name for contact in li.contacts(shop)] == ["陈老板"]


def test_customers_are_found_by_their_parts_also_where_they_were_just_edited(
    phones: Phones,
) -> None:
    wang = phones.enrol("王芳")
    names = ["福满楼", "得月楼", "Golden Bowl", "老王（城西）面馆"]
    for name in names:
        wang.create_customer(name=name, city="杭州" if "楼" in name else "宁波")
    wang.sync()
    golden = next(iter(wang.customers(search="golden")))
    with wang.edit(golden) as c:
        c.city = "杭州"

    assert [c.name for c in wang.customers()] == sorted(names)
    assert [c.name for c in wang.customers(search="楼")] == ["得月楼", "福满楼"]
    assert {c.name for c in wang.customers(city="杭州")} == {"福满楼", "得月楼", "Golden Bowl"}
    assert [c.name for c in wang.customers(city="宁波")] == ["老王（城西）面馆"]
    for asked in ("(城西)", "（城西）"):
        assert [c.name for c in wang.customers(search=asked)] == ["老王（城西）面馆"]
    assert wang.count(Customer) == 4


def test_a_list_goes_on_while_a_sync_replaces_what_it_reads(phones: Phones) -> None:
    office = phones.enrol("内勤")
    with office.group():
        for number in range(450):
            office.create_customer(name=f"客户{number:03}")
    office.sync()
    wang = phones.enrol("王芳", page=100)

    names = []
    for position, customer in enumerate(wang.customers()):
        if position == 10:
            assert wang.sync().is_complete
        names.append(customer.name)

    assert names == [f"客户{number:03}" for number in range(450)]


def test_a_clock_in_2099_does_no_harm(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼")
    wang.sync()
    li.sync()
    phones.skew_ms["王芳"] = 75 * 365 * 24 * 3_600_000

    with wang.edit(only(wang)) as c:
        c.city = "杭州"
    phones.now_ms += 1_000
    with li.edit(only(li)) as c:
        c.city = "宁波"
    wang.sync()
    li.sync()
    wang.sync()

    assert only(wang).city == only(li).city == "宁波", "Li wrote later"
