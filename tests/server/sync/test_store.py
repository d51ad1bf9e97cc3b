"""What every store promises, whatever it is made of: the port of `server.sync.store`."""

import asyncio
from itertools import pairwise

import pytest

from server.identity.rules.standing import SessionOver
from server.settings import Settings
from server.sync.registry import KINDS
from server.sync.store import After, Remembered, Report
from tests.factories import NOW, new_id
from tests.server.sync.stores import LAST, MAKERS, Place, create, edit


@pytest.fixture(params=sorted(MAKERS))
async def place(request: pytest.FixtureRequest, database: Settings) -> Place:
    """A company in each of the stores."""
    return await MAKERS[request.param](database)


# ------------------------------------------------------------------------------- units of work


async def test_what_is_written_is_loaded_again_as_it_was_stamped(place: Place) -> None:
    made = create("customer", name="江阴海澜", phone="+8613812345678")
    applied = await place.apply(place.rep, made, edit("customer", made.id, remark="老板姓施"))

    async with place.store.unit_of_work(place.rep.tenant_id):
        held = await place.store.load(place.rep, KINDS, [("customer", made.id)])

    key = ("customer", made.id)
    stamped = applied.result.records[key]
    assert (held[key].fields, held[key].seq) == (stamped.fields, applied.seq)
    assert (held[key].created, held[key].versions) == (stamped.created, stamped.versions)
    assert (held[key].deleted, held[key].visible) == (False, True)


async def test_each_unit_takes_the_next_sequence_and_each_record_the_next_handle(
    place: Place,
) -> None:
    first = await place.apply(place.rep, create("customer", name="一"), create("tag", **_TAG))
    second = await place.apply(place.rep, create("customer", name="二"))

    assert first.seq is not None
    assert second.seq == first.seq + 1
    handles = [
        row["handle"]
        for kind in ("tag", "customer")
        for row in await place.changed(place.rep, kind)
    ]
    assert sorted(handles) == handles == [1, 2, 3]


async def test_a_unit_that_fails_leaves_nothing(place: Place) -> None:
    await place.create(place.rep, "customer", name="先")
    before = await _seq(place)

    async def fail() -> None:
        async with place.store.unit_of_work(place.rep.tenant_id):
            await place.create(place.rep, "customer", name="后")
            await place.store.remember(place.rep, [Remembered(1, b"0" * 16, b"{}")], NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await _seq(place) == before
    assert [row["name"] for row in await place.changed(place.rep, "customer")] == ["先"]
    async with place.store.unit_of_work(place.rep.tenant_id):
        assert await place.store.remembered(place.rep, [1]) == {}
    handle = (await place.changed(place.rep, "customer"))[0]["handle"]
    await place.create(place.rep, "customer", name="再")
    assert (await place.changed(place.rep, "customer"))[1]["handle"] == handle + 1


async def test_only_the_inside_of_a_savepoint_is_undone(place: Place) -> None:
    async def fail() -> None:
        async with place.store.savepoint():
            await place.create(place.rep, "customer", name="里")
            raise ZeroDivisionError

    async with place.store.unit_of_work(place.rep.tenant_id):
        await place.create(place.rep, "customer", name="外")
        with pytest.raises(ZeroDivisionError):
            await fail()

    assert [row["name"] for row in await place.changed(place.rep, "customer")] == ["外"]


async def test_who_loads_second_waits_and_sees_what_the_first_wrote(place: Place) -> None:
    customer_id = await place.create(place.rep, "customer", name="零")
    is_loaded = asyncio.Event()

    async def write() -> None:
        async with place.store.unit_of_work(place.rep.tenant_id):
            await place.store.load(place.rep, KINDS, [("customer", customer_id)])
            is_loaded.set()
            await place.edit(place.rep, "customer", customer_id, name="一")

    async def look() -> str:
        await is_loaded.wait()
        async with place.store.unit_of_work(place.rep.tenant_id):
            held = await place.store.load(place.rep, KINDS, [("customer", customer_id)])
        return str(held["customer", customer_id].fields["name"])

    name, _ = await asyncio.gather(look(), write())
    assert name == "一"


async def test_writers_at_once_leave_no_gap_and_no_handle_twice(place: Place) -> None:
    before = await _seq(place)

    await asyncio.gather(
        *(place.create(place.rep, "customer", name=f"客户 {number}") for number in range(12))
    )

    rows = await place.changed(place.rep, "customer")
    assert [row["seq"] for row in rows] == list(range(before + 1, before + 13))
    assert sorted(row["handle"] for row in rows) == list(range(1, 13))


async def test_a_snapshot_stands_still(place: Place) -> None:
    await place.create(place.rep, "customer", name="先")
    is_open, is_written = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        await is_open.wait()
        await place.create(place.rep, "customer", name="后")
        is_written.set()

    async def look() -> None:
        async with place.store.snapshot(place.rep.tenant_id):
            stands = await place.store.standing(place.rep)
            assert stands is not None
            is_open.set()
            await is_written.wait()
            rows = await place.store.changed(
                place.rep, "customer", After(0, LAST, 0, stands.seq), 99
            )

            assert [row["name"] for row in rows] == ["先"]
            assert await place.store.standing(place.rep) == stands

    await asyncio.gather(look(), write())


# -------------------------------------------------------------------------------- looking things up


async def test_what_is_out_of_sight_is_loaded_and_said_to_be_so(place: Place) -> None:
    customer_id = await place.create(place.colleague, "customer", name="别人的")
    note_id = await place.create(
        place.colleague, "note", customer_id=customer_id, body="老板爱喝茶"
    )

    async with place.store.unit_of_work(place.rep.tenant_id):
        keys = [("customer", customer_id), ("note", note_id), ("customer", str(new_id()))]
        held = await place.store.load(place.rep, KINDS, keys)

    assert {key: record.visible for key, record in held.items()} == {
        ("customer", customer_id): False,
        ("note", note_id): False,
    }


async def test_a_handle_leads_to_its_record_of_its_kind_and_company(place: Place) -> None:
    customer_id = await place.create(place.rep, "customer", name="江阴海澜")
    (row,) = await place.changed(place.rep, "customer")
    handle = row["handle"]

    async def ids_of(actor_place: Place, kind: str) -> dict[tuple[str, int], str]:
        tenant_id = actor_place.rep.tenant_id
        async with actor_place.store.unit_of_work(tenant_id):
            return await actor_place.store.ids_of(tenant_id, KINDS, {kind: [handle, handle + 1]})

    assert await ids_of(place, "customer") == {("customer", handle): customer_id}
    assert await ids_of(place, "contact") == {}
    async with place.store.unit_of_work(place.stranger.tenant_id):
        found = await place.store.ids_of(
            place.stranger.tenant_id, KINDS, {"customer": [handle], "dance": [1]}
        )
    assert found == {}


async def test_people_teams_and_tags_of_the_company_are_known(place: Place) -> None:
    tag_id = await place.create(place.rep, "tag", **_TAG)
    gone = await place.create(place.rep, "tag", **_TAG)
    await place.delete(place.rep, "tag", gone)
    colleague, team = str(place.colleague.user_id), str(place.colleague.team_id)
    stranger, nobody = str(place.stranger.user_id), str(new_id())

    async with place.store.unit_of_work(place.rep.tenant_id):
        known = await place.store.known(
            place.rep,
            people={colleague, stranger, nobody},
            teams={team, str(place.stranger.team_id)},
            tags={tag_id, gone, nobody},
        )

    assert known == {colleague, team, tag_id}


async def test_conflicts_name_both_authors(place: Place) -> None:
    made = create("customer", name="一")
    await place.apply(place.rep, made)
    await place.edit(place.owner, "customer", made.id, name="二")
    stale = edit("customer", made.id, name="三")
    stale = type(stale)(number=2, kind="customer", id=made.id, fields=stale.fields, at_ms=1, base=0)

    await place.apply(place.rep, stale)

    (row,) = await place.changed(place.rep, "conflict")
    assert {row["kept_by"], row["other_by"]} == {
        str(place.rep.user_id),
        str(place.owner.user_id),
    }
    assert row["handle"] > 0


# ------------------------------------------------------------------------------------------ devices


async def test_an_outcome_is_remembered_for_its_device_alone(place: Place) -> None:
    settled = [Remembered(3, b"3" * 16, b'{"number":3}'), Remembered(4, b"4" * 16, b"{}")]
    async with place.store.unit_of_work(place.rep.tenant_id):
        await place.store.remember(place.rep, settled, NOW)

    async with place.store.unit_of_work(place.rep.tenant_id):
        held = await place.store.remembered(place.rep, [2, 3])
        assert await place.store.remembered(place.colleague, [3]) == {}
        known = await place.store.remembered_as(place.rep, {b"4" * 16, b"5" * 16})
        assert await place.store.remembered_as(place.colleague, {b"4" * 16}) == {}

    assert {digest: row.number for digest, row in known.items()} == {b"4" * 16: 4}
    assert list(held) == [3]
    assert (held[3].digest, held[3].outcome.replace(b" ", b"")) == (b"3" * 16, b'{"number":3}')


async def test_a_device_is_held_and_its_standing_kept(place: Place) -> None:
    async with place.store.unit_of_work(place.rep.tenant_id):
        device = await place.store.hold_device(place.rep)
        assert (device.id, device.user_id) == (place.rep.device_id, place.rep.user_id)
        assert (device.last_op, device.last_sync_at) == (0, None)
        await place.store.device_synced(place.rep, Report(last_op=7, is_up_to_date=False), now=NOW)

    async with place.store.snapshot(place.rep.tenant_id):
        stands = await place.store.standing(place.rep)
    assert stands is not None
    assert (stands.last_op, stands.last_sync_at) == (7, None)

    async with place.store.unit_of_work(place.rep.tenant_id):
        await place.store.device_synced(place.rep, Report(last_op=8), now=NOW)
        assert (await place.store.hold_device(place.rep)).last_sync_at == NOW


async def test_a_revoked_device_has_no_standing(place: Place) -> None:
    await place.revoke(place.rep)

    async with place.store.unit_of_work(place.rep.tenant_id):
        assert await place.store.standing(place.rep) is None
        with pytest.raises(SessionOver):
            await place.store.hold_device(place.rep)


async def test_a_company_that_never_wrote_stands_at_zero_in_its_first_epoch(place: Place) -> None:
    async with place.store.snapshot(place.rep.tenant_id):
        stands = await place.store.standing(place.rep)
        assert stands is not None
        assert (stands.seq, stands.epoch, stands.min_seq) == (0, 1, 0)
        assert await place.store.epoch(place.rep.tenant_id) == 1


# --------------------------------------------------------------------------------------- the feed


async def test_a_page_goes_on_behind_the_last_row_of_the_one_before(place: Place) -> None:
    await place.apply(place.rep, *(create("customer", name=f"客户 {n}") for n in range(5)))
    await place.create(place.rep, "customer", name="后来的")
    whole = [(row["effective"], row["id"]) for row in await place.changed(place.rep, "customer")]

    pages, seq, last = [], 0, LAST
    async with place.store.snapshot(place.rep.tenant_id):
        while rows := await place.store.changed(place.rep, "customer", After(seq, last, 0, 9), 2):
            pages += [(row["effective"], row["id"]) for row in rows]
            seq, last = rows[-1]["effective"], type(LAST)(rows[-1]["id"])

    assert pages == whole
    assert all(before < after for before, after in pairwise(whole))


async def test_a_customer_handed_over_leaves_one_scope_and_enters_another_with_what_it_has(
    place: Place,
) -> None:
    customer_id = await place.create(place.rep, "customer", name="江阴海澜")
    note_id = await place.create(place.rep, "note", customer_id=customer_id, body="老板爱喝茶")
    before = await _seq(place)

    seq = await place.edit(
        place.owner, "customer", customer_id, owner_id=str(place.colleague.user_id)
    )

    assert await place.changed(place.rep, "customer") == []
    assert await place.changed(place.rep, "note") == []
    assert await _left(place, before) == [customer_id]
    (customer,) = await place.changed(place.colleague, "customer", since=before)
    (note,) = await place.changed(place.colleague, "note", since=before)
    assert (customer["id"], customer["effective"], customer["entered_seq"]) == (
        customer_id,
        seq,
        seq,
    )
    assert (note["id"], note["effective"], note["entered_seq"]) == (note_id, seq, seq)
    assert note["seq"] < seq

    await place.edit(place.owner, "customer", customer_id, owner_id=str(place.rep.user_id))
    assert await _left(place, before) == []


async def test_what_was_made_and_deleted_since_is_not_told_unless_a_page_may_have_sent_it(
    place: Place,
) -> None:
    kept = await place.create(place.rep, "customer", name="原有的")
    base = await _seq(place)
    gone = await place.create(place.rep, "customer", name="短命的")
    between = await _seq(place)
    await place.delete(place.rep, "customer", gone)
    await place.delete(place.rep, "customer", kept)

    told = await place.changed(place.rep, "customer", since=base)
    also = await place.changed(place.rep, "customer", since=base, started=between)

    assert [(row["id"], row["deleted"]) for row in told] == [(kept, True)]
    assert [row["id"] for row in also] == [gone, kept]


async def test_what_belongs_to_a_deleted_customer_goes_with_it(place: Place) -> None:
    customer_id = await place.create(place.rep, "customer", name="江阴海澜")
    await place.create(place.rep, "contact", customer_id=customer_id, name="施总")
    await place.delete(place.rep, "customer", customer_id)

    assert await place.changed(place.rep, "contact") == []


_TAG = {"name": "重点", "meaning": "老板直管"}


async def _seq(place: Place) -> int:
    """Tell how far the company is."""
    async with place.store.snapshot(place.rep.tenant_id):
        stands = await place.store.standing(place.rep)
    assert stands is not None
    return stands.seq


async def _left(place: Place, since: int) -> list[str]:
    """Tell what left the rep's scope."""
    async with place.store.snapshot(place.rep.tenant_id):
        return [left.id for left in await place.store.left_scope(place.rep, since)]
