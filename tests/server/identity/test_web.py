"""Browsers: a cookie for the session, and a token in every form."""

from datetime import timedelta

import pytest

from server.identity import keys, presence, service, standings
from server.identity.rules import web_sessions
from server.identity.rules.logins import SignInRefused
from server.identity.rules.refresh_tokens import RefreshTokenRefused
from server.identity.rules.web_sessions import SignInNeeded
from server.identity.schemas import Enrolment
from server.kit import db
from server.kit.remembered import Remembered
from tests.factories import NOW, Tenant, join
from tests.server.identity.conftest import Person
from tests.server.identity.test_sign_in import address

NEW = "an even quieter harbour"


async def test_a_browser_is_who_signed_in(rep: Person) -> None:
    browser = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)

    found = await presence.web_presence(browser.token, now=NOW, is_read=False)

    assert found.actor == browser.actor
    assert found.csrf_token == browser.csrf_token
    assert browser.cookie_name == service.web_cookie_name() == "tonglu_session"


def test_over_tls_the_browser_holds_the_cookie_to_this_host() -> None:
    assert web_sessions.cookie_name(is_secure=True) == "__Host-tonglu_session"


async def test_the_database_does_not_hold_the_cookie(rep: Person) -> None:
    browser = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)

    async with db.global_transaction():
        rows = await db.connection().fetch(
            "SELECT * FROM web_session WHERE user_id = $1", rep.actor.user_id
        )

    assert len(rows) == 1
    assert browser.token not in str([list(row.values()) for row in rows])


@pytest.mark.parametrize("token", ["", "x", "令牌", "\ud800", "A" * 43])
async def test_no_cookie_of_ours_is_nobody(opened_keys: keys.Keys, token: str) -> None:
    with pytest.raises(SignInNeeded):
        await presence.web_presence(token, now=NOW, is_read=True)


async def test_a_session_that_rests_is_over(rep: Person) -> None:
    browser = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)

    with pytest.raises(SignInNeeded):
        await presence.web_presence(browser.token, now=NOW + web_sessions.IDLE, is_read=False)


async def test_a_session_that_is_used_lives_on_but_not_for_ever(rep: Person) -> None:
    browser = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    now = NOW
    while now + web_sessions.IDLE / 2 < NOW + web_sessions.ABSOLUTE:
        now += web_sessions.IDLE / 2
        await presence.web_presence(browser.token, now=now, is_read=False)

    with pytest.raises(SignInNeeded):
        await presence.web_presence(browser.token, now=NOW + web_sessions.ABSOLUTE, is_read=False)


async def test_signing_out_ends_the_session_at_once(rep: Person) -> None:
    browser = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    await presence.web_presence(browser.token, now=NOW, is_read=True)

    await service.web_sign_out(browser.actor, now=NOW)

    with pytest.raises(SignInNeeded):
        await presence.web_presence(browser.token, now=NOW, is_read=True)


async def test_another_process_feels_the_end_within_half_a_minute(
    rep: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    monkeypatch.setattr(standings, "REMEMBERED_WEB", Remembered(timedelta(seconds=30)))
    monkeypatch.setattr(standings, "forget_on_commit", lambda: None)
    await presence.web_presence(browser.token, now=NOW, is_read=True)

    await service.web_sign_out(browser.actor, now=NOW)

    for seconds, is_read in ((0, False), (30, True), (60, True)):
        with pytest.raises(SignInNeeded):
            await presence.web_presence(
                browser.token, now=NOW + timedelta(seconds=seconds), is_read=is_read
            )


async def test_a_new_password_signs_other_browsers_out_and_leaves_this_one(rep: Person) -> None:
    here = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    there = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)

    await service.change_password(here.actor, rep.password, NEW, address=address(), now=NOW)

    assert await presence.web_presence(here.token, now=NOW, is_read=False)
    with pytest.raises(SignInNeeded):
        await presence.web_presence(there.token, now=NOW, is_read=False)
    with pytest.raises(SignInRefused):
        await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    assert await service.web_sign_in(rep.login, NEW, address=address(), now=NOW)


async def test_signing_out_elsewhere_leaves_this_browser_and_the_devices(
    tenant: Tenant, rep: Person
) -> None:
    here = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    there = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    desk = await service.sign_in(rep.login, rep.password, address=address(), now=NOW)
    made = await service.new_enrolment_code(tenant.rep, now=NOW)
    asked = Enrolment(code=made.code, device_name="phone", platform="ios")
    phone = await service.enrol(asked, address=address(), now=NOW)

    await service.sign_out_elsewhere(here.actor, now=NOW)

    assert await presence.web_presence(here.token, now=NOW, is_read=False)
    assert await service.refresh(phone.refresh_token, now=NOW)
    with pytest.raises(SignInNeeded):
        await presence.web_presence(there.token, now=NOW, is_read=False)
    with pytest.raises(RefreshTokenRefused):
        await service.refresh(desk.refresh_token, now=NOW)


async def test_a_new_password_leaves_enrolled_devices_alone(tenant: Tenant, rep: Person) -> None:
    made = await service.new_enrolment_code(tenant.rep, now=NOW)
    phone = await service.enrol(
        Enrolment(code=made.code, device_name="phone", platform="ios"),
        address=address(),
        now=NOW,
    )
    desk = await service.sign_in(rep.login, rep.password, address=address(), now=NOW)

    await join(tenant.owner, rep.actor, NEW)

    assert await service.refresh(phone.refresh_token, now=NOW)
    with pytest.raises(RefreshTokenRefused):
        await service.refresh(desk.refresh_token, now=NOW)


async def test_the_present_password_is_asked_for_and_its_tries_are_counted(rep: Person) -> None:
    here = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)

    with pytest.raises(SignInRefused):
        await service.change_password(here.actor, "wrong", NEW, address=address(), now=NOW)

    assert await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
