"""The store file: what it keeps, what it refuses, and what an updated app finds in it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mobile_client_sdk import replica as replica_module
from mobile_client_sdk.client import Client, SyncState
from mobile_client_sdk.ops import GroupRefused
from mobile_client_sdk.records import Contact
from mobile_client_sdk.replica import Replica
from mobile_client_sdk.store import StoreUnusable, open_store
from mobile_client_sdk.testing import Fault
from sync_protocol import codec
from sync_protocol.messages import (
    Create,
    Edit,
    Patch,
    PullRequest,
    PullResponse,
    RecordBatch,
)
from sync_protocol.schema import SCHEMA, Schema
from tests.mobile_client_sdk.people import Phones, only
from world.simulation.skew import speaking

SHOP = "00000000-0000-7000-8000-000000000001"


def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path / "rep.db")

    assert store.row("PRAGMA synchronous") == (2,)
    assert store.row("PRAGMA journal_mode") == ("wal",)


def test_another_file_is_not_taken_for_a_store(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_bytes(b"Dear Sir or Madam, " * 100)
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()

    for name in ("letter.db", "newer.db"):
        with pytest.raises(StoreUnusable):
            open_store(tmp_path / name)


def page(
    cursor: str | None, *batches: RecordBatch, patches: tuple[Patch, ...] = ()
) -> PullResponse:
    """Make a page that ends at its own cursor."""
    return PullResponse(
        from_cursor=cursor,
        cursor=f"{cursor}+",
        seq=5,
        server_time_ms=1,
        batches=list(batches),
        patches=list(patches),
    )


def test_fields_and_kinds_of_a_newer_server_are_kept_until_the_app_knows_them(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path / "rep.db")
    replica = Replica(store)
    customer = RecordBatch(
        kind="customer",
        fields=["name", "shoe_size", "remark"],
        ids=[SHOP],
        seqs=[5],
        columns=[["福满楼"], [42], ["常客"]],
    )
    deal = RecordBatch(kind="deal", fields=["stage"], ids=[SHOP], seqs=[5], columns=[["won"]])
    patches = (
        Patch(kind="customer", id=SHOP, seq=6, fields={"hat_size": 7}),
        Patch(kind="deal", id=SHOP, seq=6, fields={"amount_minor": 100}),
    )

    assert replica.receive(PullRequest(), page(None, customer, deal))
    assert replica.receive(PullRequest(cursor="None+"), page("None+", patches=patches))

    assert store.row("SELECT name, remark FROM base_customer") == ("福满楼", "常客")
    assert store.row("SELECT count(*) FROM unknown_record") == (1,)
    store.close()
    # The app of before did not know the remark: so it is with any field that an update brings.
    old = sqlite3.connect(tmp_path / "rep.db")
    extra = old.execute("SELECT extra FROM base_customer").fetchone()[0]
    assert b"shoe_size" in extra
    assert b"hat_size" in extra
    packed = b"\x82\xa6remark\xa6\xe5\xb8\xb8\xe5\xae\xa2\xa9shoe_size\x2a"
    old.execute("UPDATE base_customer SET extra = ?", (packed,))
    old.execute("ALTER TABLE base_customer DROP COLUMN remark")
    old.commit()
    old.close()

    updated = open_store(tmp_path / "rep.db")

    assert updated.row("SELECT remark, extra FROM base_customer") == (
        "常客",
        b"\x81\xa9shoe_size\x2a",
    )


OLD = Schema(
    msgspec.structs.replace(
        spec, fields=tuple(field for field in spec.fields if field.name not in ("level", "wechat"))
    )
    for spec in SCHEMA.records
    if spec.kind not in ("contact", "tag")
)
"""What an app knew before it learned of contacts, tags and some fields."""


def a_shop_with_people(phones: Phones, count: int) -> None:
    """Let the office have a shop with a tag, and people there."""
    office = phones.enrol("内勤")
    shop = office.create_customer(name="福满楼", level="A")
    office.tag(shop, office.create_tag(name="老客户", meaning="三年以上"))
    for number in range(count):
        office.add_contact(shop, name=f"人{number}", wechat=f"wx{number}")
    office.sync()


def hashes(client: Client) -> dict[str, dict[str, int]]:
    """Answer what a digest is computed of."""
    return client._replica.hashes()


def test_records_of_an_unknown_kind_are_shown_when_the_app_learns_it(phones: Phones) -> None:
    a_shop_with_people(phones, 3)
    with speaking(OLD):
        wang = phones.enrol("王芳")
        assert only(wang).name == "福满楼"
        assert wang._store.row("SELECT count(*) FROM unknown_record") == (4,)
        wang.close()

    wang = phones.open("王芳")

    shop = only(wang)
    assert [each.wechat for each in wang.contacts(shop)] == ["wx0", "wx1", "wx2"]
    assert [each.id for each in wang.tags()] == shop.tags
    assert shop.level == "A"
    assert wang._store.row("SELECT count(*) FROM unknown_record") == (0,)
    assert hashes(wang) == hashes(phones.enrol("李强"))
    with wang.edit(wang.contacts(shop)[0]) as c:
        c.name = "王老板"
    assert wang.sync().refused == ()


def test_an_update_in_the_middle_of_a_first_load_loses_no_record(phones: Phones) -> None:
    a_shop_with_people(phones, 30)
    with speaking(OLD):
        wang = phones.open("王芳", page=10)
        wang.enrol(phones.server.enrolment_code("王芳"), device_name="phone")
        phones.server.faults = [None, None, Fault.LOSE_REQUEST]
        assert wang.sync().state is SyncState.OFFLINE
        assert wang._store.row("SELECT count(*) FROM unknown_record") != (0,)
        wang.close()

    wang = phones.open("王芳", page=10)

    assert list(wang.find(Contact)) == [], "what is coming is shown at once"
    assert wang.sync().is_complete
    assert len(wang.contacts(only(wang))) == 30
    assert hashes(wang) == hashes(phones.enrol("李强"))


def test_what_leaves_a_scope_takes_its_unknown_records_along(
    make_phones: Callable[..., Phones], monkeypatch: pytest.MonkeyPatch
) -> None:
    phones = make_phones(scoped=True)
    monkeypatch.setattr(replica_module, "_CHILDREN", ("store", "note", "attachment"))
    with speaking(OLD):
        wang = phones.enrol("王芳")
        shop = wang.create_customer(name="福满楼")
        wang.sync()
        phones.server.write(
            Create(
                number=1,
                kind="contact",
                id="00000000-0000-7000-8000-0000000000c1",
                fields={"customer_id": shop.id, "name": "李老板"},
                at_ms=1,
                base=0,
            ),
            user="王芳",
        )
        wang.sync()
        assert wang._store.row("SELECT count(*) FROM unknown_record") == (1,)
        moved = {"owner_id": phones.server.user_id("李强")}
        phones.server.write(
            Edit(number=1, kind="customer", id=shop.id, fields=moved, at_ms=1, base=0), user="王芳"
        )

        wang.sync()

        assert wang.customer(shop.id) is None
        assert wang._store.row("SELECT count(*) FROM unknown_record") == (0,)


def test_a_page_that_continues_from_elsewhere_is_dropped(tmp_path: Path) -> None:
    replica = Replica(open_store(tmp_path / "rep.db"))
    assert replica.receive(PullRequest(), page(None))

    assert not replica.receive(PullRequest(), page(None))
    assert not replica.receive(PullRequest(cursor="old"), page("old"))
    assert replica.progress.cursor == "None+"


def test_an_atomic_group_that_cannot_be_one_is_refused_and_saves_nothing(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")

    def too_many() -> None:
        with wang.group(atomic=True):
            for number in range(51):
                wang.add_note(shop, str(number))

    def with_a_benefit() -> None:
        with wang.group(atomic=True):
            wang.add_note(shop, "one")
            wang.request_benefit(shop, program_id=SHOP)

    for story in (too_many, with_a_benefit):
        with pytest.raises(GroupRefused):
            story()
    assert wang.pending_count == 1
    assert wang.notes(shop) == []


def test_an_atomic_group_inside_a_plain_one_stays_atomic(phones: Phones) -> None:
    wang = phones.enrol("王芳")

    with wang.group():
        shop = wang.create_customer(name="福满楼")
        with wang.group(atomic=True):
            wang.add_note(shop, "one")
            with wang.group():
                wang.add_note(shop, "two")
        wang.add_note(shop, "three")

    groups = [
        getattr(made.op, "group", None)
        for number in range(1, 5)
        if (made := wang._outbox.find(number))
    ]
    assert groups == [None, (2, 3), (2, 3), None]


def test_what_was_settled_long_ago_is_let_go_and_the_server_does_not_wait_for_it(
    phones: Phones,
) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    wang.sync()
    assert wang.history(shop) != []

    phones.now_ms += 15 * 24 * 3_600_000
    wang.sync()
    assert wang.history(shop) == []

    phones.server.restore(
        phones.server.image()
        | {
            "devices": {
                key: type(device)(id=device.id, user_id=device.user_id)
                for key, device in phones.server.devices.items()
            }
        }
    )
    wang.add_note(shop, "两周以后")
    assert wang.sync().is_complete
    assert wang.pending_count == 0


def test_an_op_that_the_server_cannot_read_is_taken_back_and_told(phones: Phones) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    for number in range(5):
        wang.add_note(shop, f"note {number}")
    answer = phones.server.answer

    def picky(path: str, headers: dict[str, str], body: bytes, method: str) -> object:
        plain = codec.decompress(body) if "content-encoding" in headers else body
        if b"note 2" in plain:
            problem = b'{"code":"message_too_large","detail":"Too large."}'
            return 413, {"content-type": "application/problem+json"}, problem
        return answer(path, headers, body, method)

    phones.server.answer = picky  # type: ignore[method-assign, assignment] # a server that cannot read

    assert wang.sync().is_complete
    assert [note.body for note in wang.notes(shop)] == [f"note {n}" for n in (0, 1, 3, 4)]
    (refused,) = wang.refusals()
    assert refused.values["body"] == "note 2"
    assert refused.code == "op_unreadable"
