"""Signing in: one answer for every wrong try, and only so many tries."""

import asyncio
import statistics
import time
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from server.identity import hashing, keys, presence, service
from server.identity.rules import throttles
from server.identity.rules.logins import SignInRefused
from server.identity.rules.throttles import TooManyTries
from server.kit import db
from tests.factories import NOW, Tenant, new_id
from tests.server.identity.conftest import PASSWORD, Person

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

    known = [await cost(owner.login) for _ in range(7)]
    unknown = [await cost(f"nobody.{new_id().hex[-8:]}") for _ in range(7)]

    # A hash takes some 20 ms; an answer without one would be ten times faster.
    assert statistics.median(unknown) > 0.4 * statistics.median(known)


async def test_after_ten_failures_even_the_right_password_waits(owner: Person) -> None:
    for _ in range(throttles.SIGN_IN_BY_LOGIN.tries_max):
        with pytest.raises(SignInRefused):
            await service.sign_in(owner.login, "not the password", address=address(), now=NOW)

    with pytest.raises(TooManyTries) as refusal:
        await service.sign_in(owner.login, owner.password, address=address(), now=NOW)
    later = NOW + timedelta(seconds=refusal.value.extra["retry_after_s"])

    assert 0 < refusal.value.extra["retry_after_s"] <= 900
    assert await service.sign_in(owner.login, owner.password, address=address(), now=later)


async def test_a_name_that_nobody_has_is_throttled_the_same(owner: Person) -> None:
    login = f"nobody.{new_id().hex[-8:]}"
    refusals = []
    for _ in range(throttles.SIGN_IN_BY_LOGIN.tries_max + 1):
        with pytest.raises((SignInRefused, TooManyTries)) as refusal:
            await service.sign_in(login, PASSWORD, address=address(), now=NOW)
        refusals.append(type(refusal.value))

    assert refusals == [SignInRefused] * 10 + [TooManyTries]


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
