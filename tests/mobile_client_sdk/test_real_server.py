"""The same client against the real application and a real PostgreSQL."""

import asyncio
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar

from mobile_client_sdk.client import Client, SyncState, open_client
from mobile_client_sdk.lease import LeaseEnded
from mobile_client_sdk.session import ProtectionNeeded
from mobile_client_sdk.testing import Fault
from server.access import Actor
from server.customers import service as customers
from server.customers.schemas import NewTag
from server.identity import keys
from server.identity import service as identity
from server.identity.rules import device_secrets
from server.kit import clock
from server.tenants import service as tenants
from server.tenants.schemas import CompanyChange
from tests.factories import Tenant
from tests.mobile_client_sdk.people import in_thread, only


class Bridge(httpx.BaseTransport):
    """Carries a device's requests to the application on the loop of the tests, badly on demand."""

    def __init__(self, app: Litestar, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = httpx.ASGITransport(app=cast("Any", app))
        self._loop = loop
        self.faults: list[Fault] = []
        self.bytes_received = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request from a thread."""
        body = request.read()
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.LOSE_REQUEST:
            raise httpx.ConnectError("no network", request=request)
        response = self._ask(request, body)
        if fault is Fault.TWICE:
            response = self._ask(request, body)
        if fault is Fault.LOSE_REPLY:
            raise httpx.ReadError("connection lost", request=request)
        return response

    def _ask(self, request: httpx.Request, body: bytes) -> httpx.Response:
        async def ask() -> tuple[int, httpx.Headers, bytes]:
            again = httpx.Request(
                request.method, request.url, headers=request.headers, content=body
            )
            response = await self._inner.handle_async_request(again)
            chunks = [chunk async for chunk in cast("httpx.AsyncByteStream", response.stream)]
            return response.status_code, response.headers, b"".join(chunks)

        status, headers, content = asyncio.run_coroutine_threadsafe(ask(), self._loop).result(30)
        self.bytes_received += len(content)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


class Field:
    """People of one company with real devices."""

    def __init__(self, app: Litestar, folder: Path) -> None:
        self.app = app
        self._folder = folder
        self.bridges: dict[str, Bridge] = {}

    async def enrol(self, actor: Actor, name: str) -> Client:
        """Give somebody a device and let it load."""
        code = await identity.new_enrolment_code(actor, user_id=actor.user_id, now=clock.now())
        bridge = self.bridges[name] = Bridge(self.app, asyncio.get_running_loop())

        def start() -> Client:
            client = open_client(self._folder / f"{name}.db", "http://tonglu.test", http=bridge)
            client.enrol(code.code, device_name=name)
            report = client.sync()
            assert report.is_complete, report
            return client

        return await asyncio.to_thread(start)


@pytest.fixture
def field(app: Litestar, tmp_path: Path) -> Field:
    """A company's devices."""
    return Field(app, tmp_path)


async def test_s15_who_changes_a_tag_of_somebody_else_offline_is_told(
    tenant: Tenant, field: Field
) -> None:
    new = NewTag(name="重点", meaning="每周拜访")
    await customers.create_tag(tenant.manager, new, now=clock.now())
    rep = await field.enrol(tenant.rep, "rep")

    def story() -> None:
        (tag,) = rep.tags()
        with rep.edit(tag) as draft:
            draft.meaning = "我说了算"
        rep.sync()
        rep.sync()
        (refused,) = rep.refusals()
        assert refused.code == "not_your_tag"
        assert "标签负责人和主管" in refused.sentence()
        assert [each.meaning for each in rep.tags()] == ["每周拜访"]

    await in_thread(story)


async def test_what_is_made_offline_reaches_a_colleague(tenant: Tenant, field: Field) -> None:
    rep, manager = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")

    def story() -> None:
        shop = rep.create_customer(name="福满楼", phone="+8613800000000", city="杭州市")
        rep.add_contact(shop, name="陈老板", title="店主")
        rep.add_note(shop, "要两箱，周三送")
        tag = rep.create_tag(name="重点", meaning="每周拜访")
        rep.tag(shop, tag)
        report = rep.sync()
        assert (report.state, report.pushed, report.refused) == (SyncState.COMPLETE, 5, ())
        assert manager.sync().is_complete

        theirs = only(manager)
        assert (theirs.name, theirs.phone, theirs.tags) == ("福满楼", "+8613800000000", [tag.id])
        assert theirs.owner_id == str(tenant.rep.user_id)
        assert [each.name for each in manager.contacts(theirs)] == ["陈老板"]
        assert [each.body for each in manager.notes(theirs)] == ["要两箱，周三送"]
        assert only(rep) == _as_of(theirs, only(rep).as_of)

    await in_thread(story)


async def test_two_who_write_one_field_see_both_values(tenant: Tenant, field: Field) -> None:
    rep, manager = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")

    def story() -> None:
        rep.create_customer(name="福满楼")
        rep.sync()
        manager.sync()
        with rep.edit(only(rep)) as draft:
            draft.phone = "+8613800000001"
        with manager.edit(only(manager)) as draft:
            draft.phone = "+8613800000002"
            draft.city = "杭州市"
        rep.sync()
        report = manager.sync()
        assert [outcome.code for outcome in report.merged] == ["merged"]
        rep.sync()

        # Which of two edits within a blink is later is not asked: the way to the server is longer.
        held = only(rep).phone
        assert held == only(manager).phone
        assert only(rep).city == "杭州市"
        (conflict,) = rep.conflicts()
        assert conflict.kept == held
        assert {conflict.kept, conflict.other} == {"+8613800000001", "+8613800000002"}
        writers = {str(tenant.rep.user_id), str(tenant.manager.user_id)}
        assert {conflict.kept_by, conflict.other_by} == writers

        rep.restore(conflict)
        rep.sync()
        manager.sync()
        assert only(rep).phone == only(manager).phone == conflict.other
        assert manager.conflicts() == rep.conflicts() == []

    await in_thread(story)


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_REPLY, Fault.TWICE])
async def test_a_bad_network_loses_and_doubles_nothing(
    tenant: Tenant, field: Field, fault: Fault
) -> None:
    rep = await field.enrol(tenant.rep, "rep")

    def story() -> None:
        with rep.group():
            for number in range(120):
                rep.create_customer(name=f"客户{number:03}")
        for turn in range(4):
            field.bridges["rep"].faults = [fault] if turn < 3 else []
            rep.sync()

        assert rep.pending_count == 0
        assert [each.name for each in rep.customers()] == [f"客户{n:03}" for n in range(120)]
        assert rep.refusals() == []

    await in_thread(story)


async def test_a_removed_tag_and_a_deleted_customer_are_gone_everywhere(
    tenant: Tenant, field: Field
) -> None:
    rep, manager = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")

    def story() -> None:
        tag = rep.create_tag(name="重点", meaning="每周拜访")
        shop = rep.create_customer(name="福满楼", tags=[tag.id])
        rep.create_customer(name="得月楼")
        rep.sync()
        manager.sync()

        manager.untag(shop, tag)
        manager.delete(next(iter(manager.customers(search="得月"))))
        report = manager.sync()
        assert report.refused == ()
        rep.sync()

        assert only(rep).tags == []

    await in_thread(story)


async def test_an_edit_revives_what_was_deleted_without_it(tenant: Tenant, field: Field) -> None:
    rep, manager = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")

    def story() -> None:
        shop = rep.create_customer(name="福满楼", city="杭州市")
        rep.add_note(shop, "要两箱")
        rep.sync()
        manager.sync()
        manager.delete(only(manager))
        manager.sync()
        with rep.edit(only(rep)) as draft:
            draft.remark = "还在"
        rep.sync()
        manager.sync()

        back = only(manager)
        assert (back.name, back.city, back.remark) == ("福满楼", "杭州市", "还在")
        assert [note.body for note in manager.notes(back)] == ["要两箱"]
        assert [each.field for each in manager.conflicts()] == ["deleted"]

    await in_thread(story)


async def test_the_phone_of_somebody_who_left_is_signed_out_though_it_only_reads(
    tenant: Tenant, field: Field
) -> None:
    rep = await field.enrol(tenant.rep, "rep")
    await in_thread(rep.sync)
    await identity.disable_user(tenant.owner, tenant.rep.user_id, now=clock.now())

    report = await in_thread(rep.sync)

    assert report.state is SyncState.SIGNED_OUT


async def test_a_device_that_enrols_again_is_answered_what_it_was_answered(
    tenant: Tenant, field: Field
) -> None:
    rep, manager = await field.enrol(tenant.rep, "rep"), await field.enrol(tenant.manager, "boss")
    before = rep.session
    assert before is not None

    def until_signed_out() -> None:
        shop = rep.create_customer(name="福满楼")
        rep.sync()
        with rep.edit(shop) as c:
            c.city = "杭州市"
        field.bridges["rep"].faults = [Fault.LOSE_REPLY]
        assert rep.sync().state is SyncState.OFFLINE
        manager.sync()
        with manager.edit(only(manager)) as c:
            c.city = "宁波市"
        manager.sync()

    await in_thread(until_signed_out)
    await identity.sign_out_everywhere(tenant.rep, now=clock.now())
    code = await identity.new_enrolment_code(
        tenant.rep, user_id=tenant.rep.user_id, now=clock.now()
    )

    def again() -> None:
        assert rep.sync().state is SyncState.SIGNED_OUT
        assert rep.enrol(code.code, device_name="rep").device_id == before.device_id
        report = rep.sync()
        assert (report.state, report.pushed, report.merged) == (SyncState.COMPLETE, 1, ())
        assert only(rep).city == "宁波市"
        assert rep.conflicts() == []

    await in_thread(again)


async def test_a_first_load_tells_what_was_deleted_while_it_ran(
    tenant: Tenant, field: Field
) -> None:
    manager = await field.enrol(tenant.manager, "boss")
    await in_thread(lambda: _make_customers(manager, 12))
    code = await identity.new_enrolment_code(
        tenant.owner, user_id=tenant.owner.user_id, now=clock.now()
    )
    bridge = Bridge(field.app, asyncio.get_running_loop())

    def story() -> None:
        owner = open_client(field._folder / "owner.db", "http://tonglu.test", http=bridge, page=5)
        owner.enrol(code.code, device_name="owner")
        bridge.faults = [cast("Any", None), Fault.LOSE_REPLY]
        assert owner.sync().state is SyncState.OFFLINE
        manager.delete(next(iter(manager.customers())))
        manager.sync()

        assert owner.sync().is_complete
        assert [c.name for c in owner.customers()] == [c.name for c in manager.customers()]

    await in_thread(story)


async def test_a_device_that_was_taken_away_destroys_all_but_what_the_server_can_unseal(
    tenant: Tenant, field: Field
) -> None:
    rep = await field.enrol(tenant.rep, "rep")
    session = rep.session
    assert session is not None

    def work() -> None:
        rep.create_customer(name="福满楼")
        rep.sync()
        rep.create_customer(name="得月楼")

    await in_thread(work)
    await identity.revoke_device(tenant.owner, device_id=UUID(session.device_id), now=clock.now())
    report = await in_thread(rep.sync)

    assert report.state is SyncState.WIPED
    assert report.saved_to is not None
    (left,) = field._folder.iterdir()
    sealed = left.read_bytes()
    assert "得月楼".encode() not in sealed
    opened = device_secrets.unseal(sealed, privates=keys.current().outbox_seals)
    left.write_bytes(opened)
    manager = await field.enrol(tenant.manager, "boss")

    def support() -> None:
        assert manager.import_outbox(left).added == 1
        assert manager.sync().is_complete
        assert {each.name for each in manager.customers()} == {"福满楼", "得月楼"}

    await in_thread(support)
    for spoiled in (sealed[:-1], opened, b"", sealed.replace(b'"version":1', b'"version":2')):
        with pytest.raises(device_secrets.SealedOutboxUnreadable):
            device_secrets.unseal(spoiled, privates=keys.current().outbox_seals)
    with pytest.raises(device_secrets.SealedOutboxUnreadable):
        device_secrets.unseal(sealed, privates=[b"x" * 32])


async def test_a_device_signed_out_for_long_is_told_that_it_was_taken_away(
    tenant: Tenant, field: Field
) -> None:
    rep = await field.enrol(tenant.rep, "rep")
    session = rep.session
    assert session is not None
    await identity.revoke_device(tenant.owner, device_id=UUID(session.device_id), now=clock.now())
    # As after the ten minutes that an access token lives.
    rep.sessions._keep(msgspec.structs.replace(session, expires_at_ms=0))

    report = await in_thread(rep.sync)

    assert report.state is SyncState.WIPED


async def test_a_lease_that_ended_is_given_again_by_the_server(
    tenant: Tenant, field: Field
) -> None:
    rep = await field.enrol(tenant.rep, "rep")

    def story() -> None:
        rep.create_customer(name="福满楼")
        assert rep._protection is not None
        vault = rep._protection.vault
        assert len(vault.record.share or b"") == 32
        vault.end()
        with pytest.raises(LeaseEnded):
            list(rep.customers())

        assert rep.sync().pushed == 1

        assert only(rep).name == "福满楼"
        assert rep.lease is not None
        assert not rep.lease.is_over

    await in_thread(story)


def _make_customers(client: Client, count: int) -> None:
    for number in range(count):
        client.create_customer(name=f"客户{number:03}")
    assert client.sync().is_complete


def _as_of(record: Any, as_of: int) -> Any:
    record.as_of = as_of
    return record


async def test_a_company_that_wants_encrypted_stores_hears_from_each_device_whether_it_has_one(
    tenant: Tenant, field: Field, tmp_path: Path
) -> None:
    await tenants.change_company(tenant.owner, CompanyChange(lease_only=True), now=clock.now())

    rep = await field.enrol(tenant.rep, "rep")
    assert rep.is_protected
    code = await identity.new_enrolment_code(tenant.manager, user_id=None, now=clock.now())
    bridge = field.bridges["rep"]

    def refused() -> None:
        plain = open_client(tmp_path / "plain.db", "http://tonglu.test", http=bridge, protect=False)
        with plain, pytest.raises(ProtectionNeeded):
            plain.enrol(code.code, device_name="plain")

    await in_thread(refused)


async def test_a_device_of_before_waits_until_its_store_is_encrypted(
    tenant: Tenant, field: Field, tmp_path: Path
) -> None:
    code = await identity.new_enrolment_code(tenant.rep, user_id=None, now=clock.now())
    bridge = Bridge(field.app, asyncio.get_running_loop())

    def opened(*, protect: bool, late_ms: int = 0) -> Client:
        return open_client(
            tmp_path / "old.db",
            "http://tonglu.test",
            http=bridge,
            protect=protect,
            clock_ms=lambda: clock.to_ms(clock.now()) + late_ms,
        )

    def before() -> None:
        with opened(protect=False) as plain:
            plain.enrol(code.code, device_name="old")
            plain.create_customer(name="福满楼")

    def meanwhile() -> None:
        # Late enough that its access token is over.
        with opened(protect=False, late_ms=3_600_000) as plain:
            report = plain.sync()
            assert (report.state, report.pending) == (SyncState.PROTECTION_NEEDED, 1)

    def after() -> None:
        with opened(protect=True, late_ms=3_600_000) as sealed:
            report = sealed.sync()
            assert (report.state, report.pushed) == (SyncState.COMPLETE, 1)

    await in_thread(before)
    await tenants.change_company(tenant.owner, CompanyChange(lease_only=True), now=clock.now())
    await in_thread(meanwhile)
    await in_thread(after)
