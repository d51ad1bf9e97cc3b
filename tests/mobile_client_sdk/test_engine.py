"""What the engine says to the server: handles, what waits, which app it is."""

from pathlib import Path

import msgspec

from mobile_client_sdk.client import open_client
from mobile_client_sdk.engine import SyncEngine
from mobile_client_sdk.outbox import Outbox
from mobile_client_sdk.replica import Replica
from mobile_client_sdk.store import Store, open_store
from mobile_client_sdk.testing import FakeServer
from sync_protocol.messages import (
    MAX_OPS,
    Edit,
    Intent,
    Outcome,
    PullResponse,
    PushRequest,
    PushResponse,
    RecordBatch,
    Status,
)
from sync_protocol.version import SCHEMA_VERSION

NOON = 1_800_000_000_000
SHOP = "00000000-0000-7000-8000-000000000001"
NEW_SHOP = "00000000-0000-7000-8000-000000000002"


def a_store(folder: Path) -> Store:
    """Make a store that shows one shop, with handle 17, at sequence 5."""
    store = open_store(folder / "phone.db")
    replica = Replica(store)
    shop = RecordBatch(
        kind="customer", fields=["name"], ids=[SHOP], seqs=[5], columns=[["福满楼"]], handles=[17]
    )
    page = PullResponse(
        from_cursor=None, cursor="c", seq=5, server_time_ms=NOON, batches=[shop], epoch=1
    )
    assert replica.receive(replica.request(10), page)
    return store


def add(outbox: Outbox, record_id: str = SHOP, count: int = 1) -> None:
    """Edit a shop some times."""
    with outbox.group(atomic=False):
        for _ in range(count):
            outbox.add(
                lambda number: Edit(
                    number=number,
                    kind="customer",
                    id=record_id,
                    fields={"city": "杭州"},
                    at_ms=NOON,
                    base=5,
                )
            )


def push_of(engine: SyncEngine) -> PushRequest:
    """Answer the push that comes next."""
    request = engine.next_request(NOON)
    assert isinstance(request, PushRequest)
    return request


def settled(request: PushRequest) -> PushResponse:
    """Answer a push as a server that likes everything."""
    outcomes = [
        Outcome(number=op.number, status=Status.APPLIED, code="applied", seq=6)
        for op in request.ops
    ]
    last = request.ops[-1].number
    return PushResponse(outcomes=outcomes, acknowledged=last, server_time_ms=NOON)


def named(request: PushRequest) -> list[tuple[str, int]]:
    """Answer how the edits name their records."""
    return [(op.id, op.handle) for op in request.ops if isinstance(op, Edit)]


def test_a_record_is_named_by_its_handle_once_the_server_told_one(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox)
    add(outbox, NEW_SHOP)

    request = push_of(SyncEngine(store, outbox, Replica(store)))

    assert named(request) == [("", 17), (NEW_SHOP, 0)]
    store.close()


def test_handles_that_mean_nothing_to_the_server_are_ids_the_next_time(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox)
    engine = SyncEngine(store, outbox, Replica(store))
    request = push_of(engine)

    engine.receive(request, PushResponse(outcomes=[], acknowledged=0, server_time_ms=NOON), NOON)

    assert named(push_of(engine)) == [(SHOP, 0)]
    assert outbox.pending_count() == 1
    store.close()


def test_edits_of_an_earlier_epoch_name_no_handles(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox)
    store.put("progress", {**store.get("progress"), "epoch": 2})

    assert named(push_of(SyncEngine(store, outbox, Replica(store)))) == [(SHOP, 0)]
    store.close()


def test_a_push_tells_what_waits_and_pulls_with_the_last(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox, count=MAX_OPS + 3)
    engine = SyncEngine(store, outbox, Replica(store))

    first = push_of(engine)
    engine.receive(first, settled(first), NOON)
    last = push_of(engine)

    assert (len(first.ops), first.pending, first.pull) == (MAX_OPS, 3, None)
    assert (len(last.ops), last.pending) == (3, 0)
    assert last.pull is not None
    store.close()


def test_the_version_of_the_app_is_told_until_it_was_heard(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox)
    told = []
    for version in ("1.4.0", "1.4.0", "1.5.0"):
        engine = SyncEngine(store, outbox, Replica(store), app_version=version)
        request = push_of(engine)
        told.append(request.app_version)
        engine.receive(request, settled(request), NOON)
        add(outbox)

    assert told == ["1.4.0", "", "1.5.0"]
    store.close()


def test_a_page_that_came_late_says_nothing_of_the_ops_either(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox)
    engine = SyncEngine(store, outbox, Replica(store))
    request = push_of(engine)
    late = PullResponse(
        from_cursor="b", cursor="c", seq=5, server_time_ms=NOON, acknowledged=0, epoch=1
    )

    engine.receive(request, msgspec.structs.replace(settled(request), pull=late), NOON)

    assert outbox.pending_count() == 0
    store.close()


def test_a_push_has_no_more_intents_than_the_server_takes(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    with outbox.group(atomic=False):
        for _ in range(60):
            outbox.add(
                lambda number: Intent(number=number, id=NEW_SHOP, name="benefits.request", at_ms=1)
            )

    assert len(push_of(SyncEngine(store, outbox, Replica(store))).ops) == 50
    store.close()


def test_ops_are_of_the_schema_under_which_they_were_made(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox, count=2)
    store.put("schemas", [[1, SCHEMA_VERSION - 1]])
    add(outbox, count=3)
    engine = SyncEngine(store, outbox, Replica(store))

    first = push_of(engine)
    engine.receive(first, settled(first), NOON)
    second = push_of(engine)

    assert (len(first.ops), first.schema) == (2, SCHEMA_VERSION - 1)
    assert (len(second.ops), second.schema) == (3, SCHEMA_VERSION)
    store.close()


def test_renumbered_ops_keep_their_schema(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox)
    store.put("schemas", [[1, SCHEMA_VERSION - 1]])
    add(outbox)
    outbox.renumber(40)

    request = push_of(SyncEngine(store, outbox, Replica(store)))

    assert ([op.number for op in request.ops], request.schema) == ([41], SCHEMA_VERSION - 1)
    store.close()


def test_a_store_that_was_put_back_tells_which_numbers_it_lost(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    outbox = Outbox(store)
    add(outbox, count=3)
    before = push_of(SyncEngine(store, outbox, Replica(store)))
    outbox.renumber(40)
    first = push_of(SyncEngine(store, outbox, Replica(store)))
    outbox.renumber(60)
    second = push_of(SyncEngine(store, outbox, Replica(store)))

    assert (before.lost, first.lost, second.lost) == (None, (1, 40), (1, 60))
    store.close()


def test_the_server_hears_which_app_a_phone_runs(tmp_path: Path) -> None:
    server = FakeServer()
    client = open_client(
        tmp_path / "phone.db", "http://fake", http=server.transport(), app_version="1.4.0"
    )
    client.enrol(server.enrolment_code("王芳"), device_name="手机")
    client.create_customer(name="福满楼")

    assert client.sync().is_complete

    (device,) = server.devices.values()
    assert (device.app_version, device.pending) == ("1.4.0", 0)
    client.close()
