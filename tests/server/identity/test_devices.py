"""Devices: enrolled by a code that works once, ended everywhere within a minute."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from server.access import Role
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.identity import keys, presence, queries, service, standings
from server.identity.rules import throttles
from server.identity.rules.access_tokens import AccessTokenRefused
from server.identity.rules.enrolment_codes import EnrolmentCodeMistyped, EnrolmentCodeRefused
from server.identity.rules.people import HoldsNoRecords
from server.identity.rules.protection import StoreUnprotected
from server.identity.rules.refresh_tokens import RefreshTokenRefused
from server.identity.rules.standing import DeviceRevoked, NotYours, SessionOver
from server.identity.rules.throttles import TooManyTries
from server.identity.schemas import Enrolment, EnrolmentView, UserChange
from server.kit import db
from server.kit.errors import IdReused, NotFound
from server.kit.remembered import Remembered
from server.tenants import service as tenants
from server.tenants.schemas import CompanyChange
from tests.factories import NOW, Tenant, new_id, new_user
from tests.server.identity.test_sign_in import address

pytestmark = pytest.mark.usefixtures("opened_keys")
HOUR_MS = 3_600_000


def presenting(code: str, device_id: UUID | None = None) -> Enrolment:
    """Write what a phone sends."""
    return Enrolment(code=code, device_name="王芳的手机", platform="android", id=device_id)


async def enrolled(tenant: Tenant, device_id: UUID | None = None) -> EnrolmentView:
    """Enrol a phone of the company's rep."""
    made = await service.new_enrolment_code(tenant.rep, now=NOW)
    return await service.enrol(presenting(made.code, device_id), address=address(), now=NOW)


async def test_a_code_makes_a_device_somebodys(tenant: Tenant) -> None:
    made = await service.new_enrolment_code(tenant.owner, user_id=tenant.rep.user_id, now=NOW)

    view = await service.enrol(presenting(made.code.lower()), address=address(), now=NOW)

    actor = await presence.api_actor(view.access_token, now=NOW, is_read=False)
    assert (actor.user_id, actor.device_id) == (tenant.rep.user_id, view.device_id)
    devices = await queries.devices(tenant.rep)
    assert [(device.id, device.user_name) for device in devices.items] == [
        (view.device_id, tenant.rep.name)
    ]
    assert made.qr_svg.startswith("<svg")
    assert made.uri == f"http://tonglu.test/enrol#{made.code.replace('-', '')}"


async def test_a_code_works_once(tenant: Tenant) -> None:
    made = await service.new_enrolment_code(tenant.rep, now=NOW)
    await service.enrol(presenting(made.code), address=address(), now=NOW)

    with pytest.raises(EnrolmentCodeRefused):
        await service.enrol(presenting(made.code), address=address(), now=NOW)
    with pytest.raises(EnrolmentCodeRefused):
        await service.enrol(presenting(made.code, new_id()), address=address(), now=NOW)


async def test_a_code_is_over_after_a_quarter_of_an_hour(tenant: Tenant) -> None:
    made = await service.new_enrolment_code(tenant.rep, now=NOW)

    with pytest.raises(EnrolmentCodeRefused):
        await service.enrol(
            presenting(made.code), address=address(), now=NOW + timedelta(minutes=15)
        )


async def test_an_enrolment_whose_reply_was_lost_is_repeated(tenant: Tenant) -> None:
    made, device_id = await service.new_enrolment_code(tenant.rep, now=NOW), new_id()
    lost = await service.enrol(presenting(made.code, device_id), address=address(), now=NOW)

    again = await service.enrol(presenting(made.code, device_id), address=address(), now=NOW)

    assert again.device_id == lost.device_id == device_id
    assert len((await queries.devices(tenant.rep)).items) == 1
    with pytest.raises(RefreshTokenRefused):
        await service.refresh(lost.refresh_token, now=NOW)
    turned = await service.refresh(again.refresh_token, now=NOW)
    assert turned.refresh_token
    # From now on the tokens have arrived, so whoever repeats is somebody else.
    with pytest.raises(EnrolmentCodeRefused):
        await service.enrol(presenting(made.code, device_id), address=address(), now=NOW)


async def test_an_old_image_of_a_device_does_not_come_back_under_its_id(tenant: Tenant) -> None:
    first = await enrolled(tenant)
    device = msgspec.structs.replace(tenant.rep, device_id=first.device_id)
    async with db.tenant_transaction(tenant.tenant_id):
        await service.device_synced(device, last_op=7, now=NOW)
    made = await service.new_enrolment_code(tenant.rep, now=NOW)

    with pytest.raises(IdReused):
        await service.enrol(
            msgspec.structs.replace(presenting(made.code, first.device_id), made=6),
            address=address(),
            now=NOW,
        )
    again = await service.enrol(
        msgspec.structs.replace(presenting(made.code, first.device_id), made=7),
        address=address(),
        now=NOW,
    )

    assert again.device_id == first.device_id
    with pytest.raises(RefreshTokenRefused):
        await service.refresh(first.refresh_token, now=NOW)


async def test_a_mistyped_code_costs_no_try(tenant: Tenant) -> None:
    household = address()
    made = await service.new_enrolment_code(tenant.rep, now=NOW)
    wrong = made.code[:-1] + ("2" if made.code[-1] != "2" else "3")

    for _ in range(throttles.ENROLMENT_BY_ADDRESS.tries_max + 5):
        with pytest.raises(EnrolmentCodeMistyped):
            await service.enrol(presenting(wrong), address=household, now=NOW)

    assert await service.enrol(presenting(made.code), address=household, now=NOW)


async def test_guessing_is_limited(tenant: Tenant) -> None:
    household = address()
    guess = "22222222" + "7"  # 2 is worth 0, so the check symbol is 2
    guess = guess[:8] + "2"
    for _ in range(throttles.ENROLMENT_BY_ADDRESS.tries_max):
        with pytest.raises(EnrolmentCodeRefused):
            await service.enrol(presenting(guess), address=household, now=NOW)

    made = await service.new_enrolment_code(tenant.rep, now=NOW)

    with pytest.raises(TooManyTries):
        await service.enrol(presenting(made.code), address=household, now=NOW)


async def test_the_database_does_not_hold_the_code(tenant: Tenant) -> None:
    made = await service.new_enrolment_code(tenant.rep, now=NOW)

    async with db.global_transaction():
        rows = await db.connection().fetch(
            "SELECT * FROM enrolment_code WHERE tenant_id = $1", tenant.tenant_id
        )

    assert made.code.replace("-", "") not in str([list(row.values()) for row in rows])


async def test_a_rep_makes_codes_for_nobody_else(tenant: Tenant, rival: Tenant) -> None:
    with pytest.raises(NotYours):
        await service.new_enrolment_code(tenant.rep, user_id=tenant.manager.user_id, now=NOW)
    with pytest.raises(NotYours):
        await service.new_enrolment_code(tenant.manager, user_id=tenant.owner.user_id, now=NOW)
    for stranger in (rival.rep.user_id, new_id()):
        with pytest.raises(NotFound):
            await service.new_enrolment_code(tenant.owner, user_id=stranger, now=NOW)
    assert await service.new_enrolment_code(tenant.manager, user_id=tenant.rep.user_id, now=NOW)


async def test_a_revoked_device_is_refused_within_a_minute_in_another_process(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await enrolled(tenant)
    # The other process has served the device a moment ago, and hears nothing of the revocation.
    elsewhere: Remembered[object] = Remembered(timedelta(seconds=30))
    monkeypatch.setattr(standings, "REMEMBERED", elsewhere)
    monkeypatch.setattr(standings, "forget_on_commit", lambda: None)
    await presence.api_actor(view.access_token, now=NOW, is_read=True)

    await service.revoke_device(tenant.manager, view.device_id, now=NOW)

    with pytest.raises(SessionOver):
        await presence.api_actor(view.access_token, now=NOW, is_read=False)
    for seconds in (31, 45, 60):
        with pytest.raises(SessionOver):
            await presence.api_actor(
                view.access_token, now=NOW + timedelta(seconds=seconds), is_read=True
            )
    with pytest.raises(DeviceRevoked):
        await service.refresh(view.refresh_token, now=NOW)


async def test_a_read_may_rely_on_what_was_true_thirty_seconds_ago(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await enrolled(tenant)
    monkeypatch.setattr(standings, "REMEMBERED", Remembered(timedelta(seconds=30)))
    monkeypatch.setattr(standings, "forget_on_commit", lambda: None)
    await presence.api_actor(view.access_token, now=NOW, is_read=True)

    await service.revoke_device(tenant.rep, view.device_id, now=NOW)

    soon = NOW + timedelta(seconds=29)
    assert await presence.api_actor(view.access_token, now=soon, is_read=True)


async def test_a_revoked_device_is_refused_at_once_in_the_same_process(tenant: Tenant) -> None:
    view = await enrolled(tenant)
    await presence.api_actor(view.access_token, now=NOW, is_read=True)

    await service.revoke_device(tenant.owner, view.device_id, now=NOW)

    with pytest.raises(SessionOver):
        await presence.api_actor(view.access_token, now=NOW, is_read=True)


async def test_revoking_is_repeated_without_effect_and_only_by_who_may(
    tenant: Tenant, rival: Tenant
) -> None:
    view = await enrolled(tenant)
    colleague = tenant.actor(Role.SALES_REP)
    await service.invite(tenant.owner, new_user(colleague, team_id=tenant.team_id), now=NOW)

    with pytest.raises(NotYours):
        await service.revoke_device(colleague, view.device_id, now=NOW)
    with pytest.raises(NotFound):
        await service.revoke_device(rival.owner, view.device_id, now=NOW)
    await service.revoke_device(tenant.owner, view.device_id, now=NOW)
    await service.revoke_device(tenant.owner, view.device_id, now=NOW + timedelta(hours=1))

    (device,) = (await queries.devices(tenant.owner)).items
    assert device.revoked_at == NOW


async def test_a_revoked_device_does_not_come_back(tenant: Tenant) -> None:
    view = await enrolled(tenant)
    await service.revoke_device(tenant.owner, view.device_id, now=NOW)

    with pytest.raises(IdReused):
        await enrolled(tenant, view.device_id)


async def test_nobody_takes_over_a_colleagues_device(tenant: Tenant) -> None:
    view = await enrolled(tenant)
    made = await service.new_enrolment_code(tenant.manager, now=NOW)

    with pytest.raises(IdReused):
        await service.enrol(presenting(made.code, view.device_id), address=address(), now=NOW)

    (device,) = (await queries.devices(tenant.rep)).items
    assert device.user_id == tenant.rep.user_id


async def test_a_device_that_comes_back_goes_on_with_its_ops(tenant: Tenant) -> None:
    view = await enrolled(tenant)
    actor = await presence.api_actor(view.access_token, now=NOW, is_read=False)
    async with db.tenant_transaction(tenant.tenant_id):
        assert (await service.hold_device(actor)).last_op == 0
        await service.device_synced(actor, last_op=17, pending=3, app_version="1.2", now=NOW)

    await enrolled(tenant, view.device_id)

    async with db.tenant_transaction(tenant.tenant_id):
        assert (await service.hold_device(actor)).last_op == 17
    (device,) = (await queries.devices(tenant.manager)).items
    assert (device.pending, device.app_version, device.last_sync_at) == (3, "", NOW)


async def test_the_sync_refuses_a_revoked_device_without_any_cache(tenant: Tenant) -> None:
    view = await enrolled(tenant)
    actor = await presence.api_actor(view.access_token, now=NOW, is_read=True)
    await service.revoke_device(tenant.owner, view.device_id, now=NOW)

    with pytest.raises(SessionOver):
        async with db.tenant_transaction(tenant.tenant_id):
            await service.hold_device(actor)


async def test_a_token_names_its_device_to_the_end(tenant: Tenant, opened_keys: keys.Keys) -> None:
    view = await enrolled(tenant)

    turned = await service.refresh(view.refresh_token, device_id=view.device_id, now=NOW)
    actor = await presence.api_actor(turned.access_token, now=NOW, is_read=True)

    assert actor.device_id == view.device_id
    with pytest.raises(RefreshTokenRefused):
        await service.refresh(turned.refresh_token, device_id=new_id(), now=NOW)
    with pytest.raises(AccessTokenRefused):
        await presence.api_actor(turned.refresh_token, now=NOW, is_read=True)


async def test_an_owner_sees_all_devices_a_manager_the_teams_a_rep_their_own(
    tenant: Tenant, rival: Tenant
) -> None:
    await enrolled(tenant)
    outsider = tenant.actor(Role.SALES_REP)
    await service.invite(tenant.owner, new_user(outsider, team_id=None), now=NOW)
    for actor in (outsider, tenant.owner, tenant.manager):
        made = await service.new_enrolment_code(actor, now=NOW)
        await service.enrol(presenting(made.code), address=address(), now=NOW)

    seen = {
        actor.role: {device.user_id for device in (await queries.devices(actor)).items}
        for actor in (tenant.owner, tenant.manager, tenant.rep)
    }

    assert len(seen[Role.AGENT_OWNER]) == 4
    assert seen[Role.SALES_MANAGER] == {tenant.manager.user_id, tenant.rep.user_id}
    assert seen[Role.SALES_REP] == {tenant.rep.user_id}
    assert (await queries.devices(rival.owner)).items == []


async def test_the_owner_sees_when_a_silent_device_locks_and_each_token_tells_the_lease(
    tenant: Tenant, rival: Tenant
) -> None:
    phone = await enrolled(tenant)
    assert phone.lease_ms == 72 * HOUR_MS
    await tenants.change_company(tenant.owner, CompanyChange(lease_hours=8), now=NOW)

    device = await queries.device(tenant.owner, phone.device_id)
    assert device.lease_until == NOW + timedelta(hours=8)
    later = NOW + timedelta(hours=2)
    actor = await presence.api_actor(phone.access_token, now=NOW, is_read=False)
    async with db.tenant_transaction(tenant.tenant_id):
        await service.device_synced(actor, last_op=3, pending=2, app_version="1.5", now=later)

    turned = await service.refresh(phone.refresh_token, now=NOW, device_id=phone.device_id)
    assert turned.lease_ms == 8 * HOUR_MS
    device = await queries.device(tenant.manager, phone.device_id)
    assert (device.pending, device.app_version) == (2, "1.5")
    assert device.lease_until == later + timedelta(hours=8)
    for stranger in (rival.owner, tenant.actor(Role.SALES_REP)):
        with pytest.raises(NotFound):
            await queries.device(stranger, phone.device_id)


async def test_a_company_that_wants_leases_takes_no_device_that_has_not_said_it_is_protected(
    tenant: Tenant,
) -> None:
    before = await enrolled(tenant)
    assert not before.lease_only
    await tenants.change_company(tenant.owner, CompanyChange(lease_only=True), now=NOW)
    made = await service.new_enrolment_code(tenant.rep, now=NOW)
    plain = presenting(made.code)

    with pytest.raises(StoreUnprotected):
        await service.enrol(plain, address=address(), now=NOW)
    with pytest.raises(StoreUnprotected):
        await service.refresh(before.refresh_token, now=NOW, device_id=before.device_id)

    # Neither the code nor the token was used up.
    guarded = msgspec.structs.replace(plain, is_protected=True)
    assert (await service.enrol(guarded, address=address(), now=NOW)).lease_only
    turned = await service.refresh(
        before.refresh_token, now=NOW, device_id=before.device_id, is_protected=True
    )
    again = await service.refresh(turned.refresh_token, now=NOW, device_id=before.device_id)
    assert (turned.lease_only, again.lease_only) == (True, True)
    with pytest.raises(StoreUnprotected):
        await service.refresh(
            again.refresh_token, now=NOW, device_id=before.device_id, is_protected=False
        )


async def test_only_who_manages_people_decides_about_stores_and_the_trail_tells(
    tenant: Tenant,
) -> None:
    with pytest.raises(NotPermitted):
        await tenants.change_company(tenant.manager, CompanyChange(lease_only=True), now=NOW)

    held = await tenants.change_company(tenant.owner, CompanyChange(lease_only=True), now=NOW)

    assert (held.lease_only, held.lease_hours) == (True, 72)
    entries = await audit.entries(tenant.owner)
    assert "company.protection_changed" in {entry.action for entry in entries.items}


async def test_s109_whoever_becomes_an_analyst_loses_the_devices(tenant: Tenant) -> None:
    phone = await enrolled(tenant)

    await service.change_user(
        tenant.owner, tenant.rep.user_id, UserChange(role=Role.ANALYST), now=NOW
    )

    with pytest.raises(DeviceRevoked):
        await presence.api_actor(phone.access_token, now=NOW, is_read=True)
    with pytest.raises(HoldsNoRecords):
        await service.new_enrolment_code(tenant.owner, user_id=tenant.rep.user_id, now=NOW)
