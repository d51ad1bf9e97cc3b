"""A question that is followed is answered anew exactly when its answer has changed."""

import threading

import pytest

from mobile_client_sdk.client import Client, SyncProgress
from mobile_client_sdk.records import Customer, Note
from sync_protocol.schema import ValueRefused
from tests.mobile_client_sdk.people import Phones, only


def test_a_watch_tells_own_edits_and_synced_ones_and_nothing_else(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    told: list[list[str]] = []
    watch = wang.watch(Customer, city="杭州")
    watch.subscribe(lambda shops: told.append([shop.name for shop in shops]))

    shop = wang.create_customer(name="福满楼", city="杭州")
    assert told == [["福满楼"]]
    wang.create_customer(name="海边", city="宁波")
    wang.add_note(shop, "要两箱")
    with wang.edit(shop) as c:
        c.city = "杭州"
    assert len(told) == 1
    wang.sync()
    assert len(told) == 2, "the server has named an owner"
    assert watch.records[0].owner_id == phones.server.user_id("王芳")

    li.sync()
    li.create_customer(name="得月楼", city="杭州")
    li.sync()
    assert len(told) == 2
    wang.sync()
    assert told[2:] == [["得月楼", "福满楼"]]
    with wang.edit(watch.records[0]) as c:
        c.city = "宁波"
    assert told[3:] == [["福满楼"]]
    wang.sync()
    assert len(told) == 4

    watch.close()
    wang.delete(shop)
    assert len(told) == 4


def test_what_a_watch_shows_in_the_middle_of_a_sync_is_what_an_edit_builds_on(
    phones: Phones,
) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼", city="杭州")
    wang.sync()
    li.sync()
    with li.edit(only(li)) as c:
        c.city = "宁波"
    li.sync()

    with wang.watch(Customer) as watch:

        def correct(shops: list[Customer]) -> None:
            if shops[0].city == "宁波":
                with wang.edit(shops[0]) as c:
                    c.city = "温州"

        watch.subscribe(correct)
        wang.sync()
        wang.sync()
    li.sync()

    assert only(li).city == "温州"
    assert li.conflicts() == []


def two_notes(client: Client, shop: Customer, *bodies: str) -> None:
    """Note things at once, or none of them."""
    with client.group():
        for body in bodies:
            client.add_note(shop, body)


def test_a_group_is_told_once_and_a_failed_one_never(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    told: list[int] = []
    shop = wang.create_customer(name="福满楼")
    with wang.watch(Note, customer_id=shop.id) as watch:
        watch.subscribe(lambda notes: told.append(len(notes)))
        with wang.group():
            for number in range(5):
                wang.add_note(shop, str(number))
        with pytest.raises(ValueRefused):
            two_notes(wang, shop, "lost", "")

    assert told == [5]


def test_iterating_waits_for_the_next_change(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    watch = wang.watch(Customer)
    seen: list[int] = []
    ready = threading.Event()

    def follow() -> None:
        for shops in watch:
            seen.append(len(shops))
            ready.set()

    thread = threading.Thread(target=follow)
    thread.start()
    for number in range(3):
        ready.wait(10)
        ready.clear()
        wang.create_customer(name=str(number))
    ready.wait(10)
    watch.close()
    thread.join(10)

    assert seen == [0, 1, 2, 3]


def test_a_first_load_and_an_upload_say_how_far_they_are(phones: Phones) -> None:
    office = phones.enrol("内勤")
    with office.group():
        for number in range(95):
            office.create_customer(name=f"客户{number:03}")
    uploads: list[SyncProgress] = []
    office.sync(on_progress=uploads.append)
    assert [each.pushed + each.pending for each in uploads] == [95] * len(uploads)
    assert uploads[-1].pending == 0

    wang = phones.open("王芳", page=10)
    wang.enrol(phones.server.enrolment_code("王芳"), device_name="phone")
    loads: list[SyncProgress] = []
    wang.sync(on_progress=loads.append)

    assert [each.rows for each in loads[:-1]] == list(range(10, 100, 10))
    assert all(each.is_first_load for each in loads[:-1])
    assert not loads[-1].is_first_load
