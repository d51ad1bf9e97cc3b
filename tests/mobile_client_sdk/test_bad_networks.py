"""Whatever the network does, nothing is lost and nothing is doubled."""

import shutil
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobile_client_sdk.client import Client, SyncState
from mobile_client_sdk.records import Customer
from mobile_client_sdk.testing import FakeServer, Fault
from mobile_client_sdk.transport import Offline
from sync_protocol.messages import MAX_OPS, Edit
from tests.mobile_client_sdk.people import Phones, only

OFFLINE = [Fault.LOSE_REQUEST, Fault.LOSE_REPLY, Fault.CUT_REPLY, Fault.PORTAL]


@pytest.mark.parametrize("fault", OFFLINE)
def test_no_clear_answer_is_offline_and_the_next_sync_completes(
    phones: Phones, fault: Fault
) -> None:
    wang = phones.enrol("王芳")
    wang.create_customer(name="福满楼")
    phones.server.faults = [fault]

    report = wang.sync()

    assert report.state is SyncState.OFFLINE
    assert report.pending == 1
    assert wang.sync().is_complete
    assert phones.server.settled == 1
    assert wang.count(Customer) == 1
    assert wang.conflicts() == []


def test_what_the_server_has_settled_is_shown_until_the_replica_shows_it(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    notes = MAX_OPS + 10
    for number in range(notes):
        wang.add_note(shop, f"note {number}")
    phones.server.faults = [None, Fault.LOSE_REQUEST]

    assert wang.sync().state is SyncState.OFFLINE
    assert 0 < wang.pending_count < notes
    assert len(wang.notes(shop)) == notes
    assert wang.sync().is_complete
    assert len(wang.notes(shop)) == notes


@pytest.mark.parametrize("before", [0, 1, 480, 499, 500])
def test_an_atomic_group_is_never_cut_by_a_frame(phones: Phones, before: int) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    wang.sync()
    with wang.group():
        for number in range(before):
            wang.add_note(shop, f"single {number}")
    with wang.group(atomic=True):
        for number in range(50):
            wang.add_note(shop, f"joined {number}")

    report = wang.sync()

    assert (report.pushed, report.refused) == (before + 50, ())
    assert len(wang.notes(shop)) == before + 50


def test_the_time_of_edits_does_not_go_back_while_they_wait(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    phones.skew_ms["王芳"] = -3_600_000
    with wang.edit(shop) as c:
        c.city = "杭州市"

    created, edited = (made.op.at_ms for made in wang.history(shop))
    assert edited >= created

    wang.sync()
    wang.delete(shop)
    assert wang.history(shop)[-1].op.at_ms < created, "what is settled no longer holds it up"


def test_what_arrives_twice_is_done_once(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    wang.request_benefit(shop, program_id=shop.id)
    phones.server.faults = [Fault.TWICE]

    assert wang.sync().is_complete
    assert phones.server.settled == 2
    assert len(phones.server.granted) == 1


def test_an_answer_that_comes_late_is_not_taken_for_another(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    for name in ("福满楼", "得月楼"):
        li.create_customer(name=name)
        li.sync()
        wang.sync()
    li.create_customer(name="老王面馆")
    li.sync()
    phones.server.faults = [Fault.LATE_REPLY, Fault.LATE_REPLY]

    assert wang.sync().is_complete
    assert wang.count(Customer) == 3


def test_a_server_in_trouble_is_asked_later(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    wang.create_customer(name="福满楼")
    phones.server.faults = [Fault.TROUBLE]

    assert wang.sync().state is SyncState.TRY_LATER
    assert wang.sync().is_complete


def test_a_token_that_ended_is_renewed_and_the_sync_goes_on(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    wang.create_customer(name="福满楼")
    phones.server.faults = [Fault.SIGNED_OUT]

    assert wang.sync().is_complete


@pytest.mark.parametrize("fault", OFFLINE)
def test_a_lost_renewal_is_asked_for_again(phones: Phones, fault: Fault) -> None:
    wang = phones.enrol("王芳")
    phones.server.faults = [Fault.SIGNED_OUT, fault]

    assert wang.sync().state is SyncState.OFFLINE
    assert wang.sync().is_complete


def test_a_device_that_was_signed_out_keeps_its_work(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    wang.create_customer(name="福满楼")
    session = wang.session
    assert session is not None
    phones.server.devices[session.device_id].access += 1
    phones.server.devices[session.device_id].refresh += 2

    report = wang.sync()

    assert (report.state, report.pending) == (SyncState.SIGNED_OUT, 1)
    assert wang.count(Customer) == 1


def test_a_phone_that_enrols_again_is_the_one_that_it_was(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼")
    wang.sync()
    before = wang.session
    assert before is not None
    with wang.edit(only(wang)) as c:
        c.city = "杭州"
    phones.server.faults = [Fault.LOSE_REPLY]
    assert wang.sync().state is SyncState.OFFLINE
    li.sync()
    with li.edit(only(li)) as c:
        c.city = "宁波"
    li.sync()
    phones.server.sign_out(before.device_id)
    assert wang.sync().state is SyncState.SIGNED_OUT

    after = wang.enrol(phones.server.enrolment_code("王芳"), device_name="phone")
    report = wang.sync()

    assert after.device_id == before.device_id
    assert (report.state, report.pushed, report.merged) == (SyncState.COMPLETE, 1, ())
    assert only(wang).city == "宁波"
    assert wang.conflicts() == [], "nobody is in conflict with oneself"


def test_an_enrolment_whose_answer_was_lost_is_repeated(phones: Phones) -> None:
    wang, code = phones.open("王芳"), phones.server.enrolment_code("王芳")
    phones.server.faults = [Fault.LOSE_REPLY]
    with pytest.raises(Offline):
        wang.enrol(code, device_name="phone")

    phones.open("王芳").enrol(code, device_name="phone")

    assert len(phones.server.devices) == 1


def test_an_old_image_of_a_phone_that_enrols_becomes_another_phone(phones: Phones) -> None:
    wang = phones.enrol("王芳", protect=False)
    shop = wang.create_customer(name="福满楼")
    wang.sync()
    before = wang.session
    assert before is not None
    image = phones.file("王芳的旧手机")
    shutil.copy(phones.file("王芳"), image)
    wal = phones.file("王芳").with_name("王芳.db-wal")
    shutil.copy(wal, image.with_name("王芳的旧手机.db-wal"))
    with wang.edit(shop) as c:
        c.city = "杭州"
    wang.sync()

    old = phones.open("王芳的旧手机", protect=False)
    phones.server.sign_out(before.device_id)
    after = old.enrol(phones.server.enrolment_code("王芳"), device_name="old")
    with old.edit(only(old)) as c:
        c.city = "宁波"
    old.sync()

    assert after.device_id != before.device_id
    (conflict,) = old.conflicts()
    assert {conflict.kept, conflict.other} == {"杭州", "宁波"}


def test_a_first_load_goes_on_where_it_was_cut(phones: Phones) -> None:
    office = phones.enrol("内勤")
    with office.group():
        for number in range(95):
            office.create_customer(name=f"客户{number:03}")
    office.sync()
    wang = phones.open("王芳", page=10)
    wang.enrol(phones.server.enrolment_code("王芳"), device_name="phone")
    phones.server.faults = [None, None, None, Fault.CUT_REPLY]

    assert wang.sync().state is SyncState.OFFLINE
    assert (wang.is_loaded, wang.progress.rows, wang.count(Customer)) == (False, 30, 0)
    again = phones.open("王芳", page=10)
    report = again.sync()

    assert report.is_complete
    assert report.pages == 7
    assert [c.name for c in again.customers()] == [f"客户{number:03}" for number in range(95)]


def test_pages_of_a_pull_are_shown_together(phones: Phones) -> None:
    office, wang = phones.enrol("内勤"), phones.enrol("王芳", page=10)
    with office.group():
        for number in range(35):
            office.create_customer(name=f"客户{number:03}")
    office.sync()
    phones.server.faults = [None, None, Fault.LOSE_REPLY]

    wang.sync()
    assert wang.count(Customer) == 0, "half a state is not a state"
    assert wang.sync().is_complete
    assert wang.count(Customer) == 35


def test_a_record_that_changes_while_it_is_loaded_is_loaded_as_it_became(phones: Phones) -> None:
    office = phones.enrol("内勤")
    for number in range(12):
        office.create_customer(name=f"客户{number:03}")
    office.sync()
    wang = phones.open("王芳", page=5)
    wang.enrol(phones.server.enrolment_code("王芳"), device_name="phone")
    phones.server.faults = [None, Fault.LOSE_REPLY]
    wang.sync()
    first, second, *_ = office.customers()
    with office.edit(first) as c:
        c.name = "改了名"
    office.delete(second)
    office.sync()

    assert wang.sync().is_complete
    assert [c.name for c in wang.customers()] == [c.name for c in office.customers()]
    assert wang.count(Customer) == 11


def test_a_restored_server_gets_everything_again(phones: Phones) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    shop = wang.create_customer(name="福满楼")
    wang.sync()
    image = phones.server.image()
    with wang.edit(only(wang)) as c:
        c.city = "杭州"
    wang.add_note(shop, "要两箱")
    wang.sync()
    li.create_customer(name="得月楼")
    li.sync()

    phones.server.restore(image)
    with wang.edit(only(wang)) as c:
        c.remark = "恢复之后"
    assert wang.sync().is_complete
    assert li.sync().is_complete, "Li has nothing new, and still notices"
    assert wang.sync().is_complete

    for client in (wang, li):
        assert {c.name: (c.city, c.remark) for c in client.customers()} == {
            "福满楼": ("杭州", "恢复之后"),
            "得月楼": (None, None),
        }
        assert [note.body for note in client.notes(shop)] == ["要两箱"]
        assert client.conflicts() == []


@pytest.mark.parametrize("has_read_before", [False, True])
def test_what_was_written_after_a_restoration_was_not_seen_before_it(
    phones: Phones, *, has_read_before: bool
) -> None:
    wang, li = phones.enrol("王芳"), phones.enrol("李强")
    wang.create_customer(name="福满楼")
    wang.sync()
    li.sync()
    image = phones.server.image()
    for district in ("上城区", "西湖区", "滨江区"):
        with li.edit(only(li)) as c:
            c.district = district
        li.sync()
    wang.sync()
    read_before = only(wang)
    if not has_read_before:
        with wang.edit(read_before) as c:
            c.city = "杭州市"
    phones.server.restore(image)
    phones.server.write(
        Edit(
            number=1, kind="customer", id=read_before.id, fields={"city": "宁波市"}, at_ms=0, base=0
        )
    )
    wang.sync()
    if has_read_before:
        with wang.edit(read_before) as c:
            c.city = "杭州市"
        wang.sync()

    assert [(each.kept, each.other) for each in wang.conflicts()] == [("杭州市", "宁波市")]


def test_a_restored_phone_does_not_lose_what_it_does_next(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    wang.create_customer(name="福满楼")
    wang.sync()
    wang.close()
    image = (phones.folder / "王芳.db").read_bytes()
    wang = phones.open("王芳")
    for name in ("得月楼", "老王面馆"):
        wang.create_customer(name=name)
    wang.sync()
    wang.close()

    (phones.folder / "王芳.db").write_bytes(image)
    wang = phones.open("王芳")
    wang.create_customer(name="新开张")
    assert wang.sync().is_complete

    assert {c.name for c in wang.customers()} == {"福满楼", "得月楼", "老王面馆", "新开张"}


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["王芳", "李强"]), st.sampled_from(["create", "edit", "note"])),
        st.tuples(st.sampled_from(["王芳", "李强"]), st.just("sync")),
        st.tuples(st.just("net"), st.sampled_from([*Fault])),
        st.tuples(st.sampled_from(["王芳", "李强"]), st.just("restart")),
    ),
    max_size=40,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ACTIONS, st.integers(1, 5), st.integers(0, 2**32))
def test_on_any_network_nothing_is_lost_or_doubled(
    make_phones: Callable[..., Phones], actions: list[tuple[str, str]], page: int, seed: int
) -> None:
    phones, rng = make_phones(), Random(seed)
    clients = {name: phones.enrol(name, page=page) for name in ("王芳", "李强")}
    words = Words()
    for who, what in actions:
        if who == "net":
            phones.server.faults.append(Fault(what))
        elif what == "sync":
            clients[who].sync()
        elif what == "restart":
            clients[who].close()
            clients[who] = phones.open(who, page=page)
        else:
            words.write(clients[who], what, rng)
    phones.server.faults.clear()
    for client in (*clients.values(), *clients.values()):
        assert client.sync().is_complete

    held = _held(phones.server)
    assert [_shown(client) for client in clients.values()] == [held, held]
    assert len(held) == words.made
    assert sorted(note for row in held for note in row[2]) == sorted(words.notes)
    assert words.lost(phones.server) == set()


Shown = list[tuple[str, str | None, tuple[str, ...]]]


class Words:
    """What people wrote, each word once, and which word each had in front of them."""

    def __init__(self) -> None:
        self.made = 0
        self.notes: list[str] = []
        self.seen: dict[str, str | None] = {}

    def write(self, client: Client, what: str, rng: Random) -> None:
        """Let somebody write about a customer."""
        customers = list(client.customers())
        word = f"word {len(self.seen) + len(self.notes)}"
        if what == "create" or not customers:
            client.create_customer(name=word, remark=word)
            self.made += 1
            self.seen[word] = None
        elif what == "edit":
            customer = rng.choice(customers)
            with client.edit(customer) as c:
                c.remark = word
            self.seen[word] = customer.remark
        else:
            client.add_note(rng.choice(customers), word)
            self.notes.append(word)

    def lost(self, server: FakeServer) -> set[str]:
        """Answer the words that are neither held, nor told, nor replaced by who had seen them."""
        alive: set[object] = set()
        for record in server.records.values():
            fields = record.fields
            alive |= {fields.get("remark"), fields.get("kept"), fields.get("other")}
        accounted: set[str] = set()
        for word in self.seen:
            ancestor: str | None = word if word in alive else None
            while ancestor is not None:
                accounted.add(ancestor)
                ancestor = self.seen[ancestor]
        return set(self.seen) - accounted


def _shown(client: Client) -> Shown:
    return sorted(
        (c.id, c.remark, tuple(sorted(note.body for note in client.notes(c))))
        for c in client.customers()
    )


def _held(server: FakeServer) -> Shown:
    notes: dict[str, list[str]] = {}
    for record in server.records.values():
        if record.kind == "note":
            notes.setdefault(record.fields["customer_id"], []).append(record.fields["body"])
    return sorted(
        (record.id, record.fields["remark"], tuple(sorted(notes.get(record.id, []))))
        for record in server.records.values()
        if record.kind == "customer"
    )
