"""Signing in: one answer for every wrong try, and only so many tries."""

import asyncio
import statistics
import time
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from server.access import Role
from server.audit import queries as audit
from server.identity import hashing, keys, presence, service
from server.identity.rules import known_browsers, throttles
from server.identity.rules.logins import SignInRefused
from server.identity.rules.throttles import TooManyTries
from server.identity.schemas import NewUser, WebSignIn
from server.kit import db
from server.settings import Settings
from tests.factories import NOW, Tenant, join, new_id
from tests.server.identity.conftest import PASSWORD, Person, lock, run_tonglu

ADDRESS = "203.0.113.7"


def address() -> str:
    """Give an address of its own to a story."""
    return f"2001:db8:{new_id().hex[-4:]}:{new_id().hex[-4:]}::1"


async def test_who_signs_in_is_who_the_token_names(tenant: Tenant, rep: Person) -> None:
    tokens = await service.sign_in(rep.login.upper(), rep.password, address=address(), now=NOW)

    actor = await presence.api_actor(tokens.access_token, now=NOW, is_read=True)

    assert (actor.user_id, actor.tenant_id, actor.role) == (
        tenant.rep.user_id,
        tenant.tenant_id,
        tenant.rep.role,
    )
    assert actor.device_id is None
    assert tokens.expires_in_s == 600


async def test_a_wrong_try_is_answered_the_same_whatever_is_wrong(
    tenant: Tenant, owner: Person, rep: Person
) -> None:
    await service.disable_user(tenant.owner, tenant.rep.user_id, now=NOW)
    tries = {
        "unknown": ("nobody." + new_id().hex[-8:], PASSWORD),
        "wrong password": (owner.login, "not the password"),
        "person who left": (rep.login, rep.password),
        "person without password": ("sales_manager." + tenant.manager.user_id.hex[-12:], PASSWORD),
        "unusable name": ("'; DROP TABLE login_name; --", PASSWORD),
    }

    answers = set()
    for login, password in tries.values():
        with pytest.raises(SignInRefused) as refusal:
            await service.sign_in(login, password, address=address(), now=NOW)
        answers.add((refusal.value.code, refusal.value.detail, refusal.value.field))

    assert len(answers) == 1


async def test_an_unknown_name_costs_about_the_same_work(owner: Person) -> None:
    async def cost(login: str) -> float:
        began = time.thread_time()
        clock = time.perf_counter()
        with pytest.raises(SignInRefused):
            await service.sign_in(login, "not the password", address=address(), now=NOW)
        return time.perf_counter() - clock + (time.thread_time() - began)

    # By turns, so that another program's load falls on both.
    costs = [(await cost(owner.login), await cost(f"nobody.{new_id().hex[-8:]}")) for _ in range(7)]
    known, unknown = zip(*costs, strict=True)

    # A hash takes some 20 ms; an answer without one would be ten times faster.
    assert statistics.median(unknown) > 0.4 * statistics.median(known)


async def test_after_many_failures_even_the_right_password_waits(owner: Person) -> None:
    for _ in range(throttles.SIGN_IN_BY_LOGIN.tries_max):
        with pytest.raises(SignInRefused):
            await service.sign_in(owner.login, "not the password", address=address(), now=NOW)

    with pytest.raises(TooManyTries) as refusal:
        await service.sign_in(owner.login, owner.password, address=address(), now=NOW)
    later = NOW + timedelta(seconds=refusal.value.extra["retry_after_s"])

    assert 0 < refusal.value.extra["retry_after_s"] <= 900
    assert await service.sign_in(owner.login, owner.password, address=address(), now=later)


async def guess(login: str, *, times: int, address: str) -> None:
    """Try wrong passwords, refused or not."""
    for _ in range(times):
        with pytest.raises((SignInRefused, TooManyTries)):
            await service.sign_in(login, "not the password", address=address, now=NOW)


def shown(signed_in: WebSignIn) -> dict[str, str]:
    """Give the cookie that a browser shows at its next sign-in."""
    return {signed_in.known.cookie_name: signed_in.known.token}


async def test_a_rival_shuts_nobody_out_from_one_address(owner: Person) -> None:
    await guess(owner.login, times=200, address=address())

    assert await service.sign_in(owner.login, owner.password, address=address(), now=NOW)


@pytest.mark.parametrize("staff", [False, True])
async def test_a_known_browser_gets_through_when_strangers_have_used_the_name_up(
    owner: Person, *, staff: bool
) -> None:
    login, password = owner.login, owner.password
    if staff:
        login = f"staff-{new_id().hex[-12:]}"
        person = NewUser(login=login, name="林知远", role=Role.PLATFORM_OPERATOR)
        await service.add_staff(person, password=password, now=NOW)
    browser = await service.web_sign_in(login, password, address=address(), now=NOW)
    await lock(login)

    with pytest.raises(TooManyTries):
        await service.web_sign_in(login, password, address=address(), now=NOW)
    known = service.known_browser(shown(browser), login.upper(), now=NOW)
    again = await service.web_sign_in(
        login, password, address=address(), known_place=known, now=NOW
    )

    assert again.actor.user_id == browser.actor.user_id


async def test_a_known_browser_has_tries_of_its_own_and_no_more(owner: Person) -> None:
    browser = await service.web_sign_in(owner.login, owner.password, address=address(), now=NOW)
    known = service.known_browser(shown(browser), owner.login, now=NOW)
    refusals = []
    for _ in range(throttles.SIGN_IN_KNOWN.tries_max + 1):
        with pytest.raises((SignInRefused, TooManyTries)) as refusal:
            await service.web_sign_in(
                owner.login, "thief", address=address(), known_place=known, now=NOW
            )
        refusals.append(type(refusal.value))

    assert refusals == [SignInRefused] * 10 + [TooManyTries]
    assert await service.sign_in(owner.login, owner.password, address=address(), now=NOW)


async def test_a_browser_is_known_for_the_names_that_signed_in_there(
    owner: Person, rep: Person
) -> None:
    browser = await service.web_sign_in(owner.login, owner.password, address=address(), now=NOW)
    value = browser.known.token
    name = service.remember_browser(rep.login, now=NOW).cookie_name
    longer = NOW + known_browsers.LIFE

    assert service.known_browser(shown(browser), owner.login, now=NOW) is not None
    assert service.known_browser(shown(browser), owner.login, now=longer) is None
    assert service.known_browser(shown(browser), rep.login, now=NOW) is None
    for forged in (value, "", "令牌", "A" * 75, value[:-2] + "AA", value + "=", "\ud800"):
        assert service.known_browser({name: forged}, rep.login, now=NOW) is None


async def test_an_operator_unlocks_a_name_and_leaves_a_line(
    owner: Person, database: Settings
) -> None:
    home = address()
    await guess(owner.login, times=throttles.SIGN_IN_HERE.tries_max, address=home)
    await lock(owner.login)

    status, said = await run_tonglu(database, "unlock", owner.login.upper())

    assert status == 0, said
    assert await service.sign_in(owner.login, owner.password, address=home, now=NOW)
    trail = await audit.entries(owner.actor)
    assert [line.subject_id for line in trail.items if line.action == "login.unlocked"] == [
        owner.actor.user_id
    ]
    status, said = await run_tonglu(database, "unlock", f"nobody.{new_id().hex[-8:]}")
    assert (status, said[:7]) == (1, "Error: ")


async def test_a_new_password_unlocks_the_name(tenant: Tenant, rep: Person) -> None:
    home = address()
    await guess(rep.login, times=throttles.SIGN_IN_HERE.tries_max, address=home)
    await lock(rep.login)

    await join(tenant.owner, rep.actor, "an even quieter harbour")

    assert await service.sign_in(rep.login, "an even quieter harbour", address=home, now=NOW)


async def test_who_is_inside_may_change_the_password_of_a_locked_name(rep: Person) -> None:
    here = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    await lock(rep.login)

    new = "an even quieter harbour"
    await service.change_password(here.actor, rep.password, new, address=address(), now=NOW)

    assert await service.sign_in(rep.login, new, address=address(), now=NOW)


async def test_a_name_that_nobody_has_is_throttled_the_same(owner: Person) -> None:
    login = f"nobody.{new_id().hex[-8:]}"
    refusals = []
    for _ in range(throttles.SIGN_IN_BY_LOGIN.tries_max + 1):
        with pytest.raises((SignInRefused, TooManyTries)) as refusal:
            await service.sign_in(login, PASSWORD, address=address(), now=NOW)
        refusals.append(type(refusal.value))

    allowed = throttles.SIGN_IN_BY_LOGIN.tries_max
    assert refusals == [SignInRefused] * allowed + [TooManyTries]


async def test_many_tries_at_once_count_as_many(owner: Person) -> None:
    async def attempt() -> type[Exception]:
        with pytest.raises((SignInRefused, TooManyTries)) as refusal:
            await service.sign_in(owner.login, "not the password", address=address(), now=NOW)
        return type(refusal.value)

    answers = await asyncio.gather(*(attempt() for _ in range(25)))

    assert answers.count(SignInRefused) == throttles.SIGN_IN_BY_LOGIN.tries_max


async def test_a_success_forgets_the_failures(owner: Person) -> None:
    for _ in range(3):
        for _ in range(throttles.SIGN_IN_BY_LOGIN.tries_max - 1):
            with pytest.raises(SignInRefused):
                await service.sign_in(owner.login, "not it at all", address=address(), now=NOW)
        await service.sign_in(owner.login, owner.password, address=address(), now=NOW)


async def test_one_address_does_not_try_names_for_ever(
    opened_keys: keys.Keys, tenant: Tenant
) -> None:
    household = address()
    subject = throttles.address_subject(household)
    limit = throttles.Throttle("sign_in_address", 100, throttles.SIGN_IN_BY_ADDRESS.window)
    key = throttles.storage_key(limit, subject, key=opened_keys.mac)
    async with db.global_transaction():
        await db.connection().execute(
            "INSERT INTO throttle_counter VALUES ($1, 100, $2)", key, NOW + timedelta(minutes=9)
        )

    with pytest.raises(TooManyTries) as refusal:
        await service.sign_in(f"nobody.{new_id().hex[-8:]}", PASSWORD, address=household, now=NOW)

    assert refusal.value.extra["retry_after_s"] == 540


async def test_an_office_that_signs_in_is_not_throttled(owner: Person) -> None:
    office = address()

    for _ in range(12):
        await service.sign_in(owner.login, owner.password, address=office, now=NOW)

    key = throttles.storage_key(
        throttles.SIGN_IN_BY_ADDRESS, throttles.address_subject(office), key=keys.current().mac
    )
    async with db.global_transaction():
        tries = await db.connection().fetchval(
            "SELECT tries FROM throttle_counter WHERE key = $1", key
        )
    assert tries == 0


def test_an_ipv6_home_is_one_household() -> None:
    assert throttles.address_subject("2001:db8:1:2:3::4") == throttles.address_subject(
        "2001:db8:1:2:ffff::9"
    )
    assert throttles.address_subject("2001:db8:1:2::1") != throttles.address_subject(
        "2001:db8:1:3::1"
    )
    assert throttles.address_subject("::ffff:203.0.113.7") == "203.0.113.7"
    assert throttles.address_subject("fe80::1%eth0") == "fe80::"
    assert throttles.address_subject("not an address") == "unknown"


async def test_a_password_is_stored_as_argon2id_only(owner: Person) -> None:
    async with db.global_transaction():
        stored = await db.connection().fetchval(
            "SELECT password_hash FROM login_name WHERE login = $1", owner.login
        )

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not hashing.is_outdated(stored)


async def test_a_weaker_hash_is_renewed_at_the_next_sign_in(owner: Person) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with db.global_transaction():
        await db.connection().execute(
            "UPDATE login_name SET password_hash = $2 WHERE login = $1", owner.login, weak
        )

    await service.sign_in(owner.login, PASSWORD, address=address(), now=NOW)

    await test_a_password_is_stored_as_argon2id_only(owner)
    await service.sign_in(owner.login, PASSWORD, address=address(), now=NOW)
