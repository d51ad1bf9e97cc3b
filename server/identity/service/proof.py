"""Prove who somebody is by login name and password.

The answer and the work are the same whether the name is unknown, the password wrong or the person
gone. The try is counted before it is looked at, and forgotten when it was right.

Strangers' tries are counted by name and address, and by name over all addresses. Where the name has
signed in before, tries are counted apart from theirs: strangers cannot shut anybody out of a known
browser, and a stranger who is refused does not learn from it whether there is such a name.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.access import Role, of_the_product
from server.audit import service as audit
from server.identity import hashing, standings
from server.identity.rules import logins, throttles
from server.identity.rules.logins import SignInRefused
from server.identity.rules.standing import Standing
from server.identity.schemas import Tokens
from server.identity.service import throttles as counters
from server.identity.service import tokens
from server.identity.service.throttles import Counted
from server.kit import db, outbox

SWEEP: Final = "identity.sweep"
"""Somebody signs in, so there will be something to sweep; once a day is enough."""
_SWEEP_EVERY: Final = timedelta(days=1)

_FIND: Final = """
SELECT tenant_id, user_id, password_hash FROM login_name WHERE login = $1
"""
_WHOSE: Final = "SELECT tenant_id, user_id FROM login_name WHERE login = $1"
_REHASH: Final = """
UPDATE login_name SET password_hash = $3 WHERE login = $1 AND password_hash = $2
"""


async def sign_in(
    login: str, password: str, *, address: str, known_place: str | None = None, now: datetime
) -> Tokens:
    """Sign in to the API without a device.

    :param known_place: what `known_browser` says.
    :raises SignInRefused: when they do not belong together.
    :raises TooManyTries: for this name or from this address.
    """
    standing = await prove(login, password, address=address, known_place=known_place, now=now)
    return await tokens.start(standing, device_id=None, now=now)


async def prove(
    login: str, password: str, *, address: str, known_place: str | None, now: datetime
) -> Standing:
    """Give the person whose login and password these are.

    :param known_place: a browser or a session in which this name has signed in before, if the try
        comes from one.
    """
    name, household = logins.compared(login), throttles.address_subject(address)
    by_login = _limits(name, household, known_place)
    by_address = (throttles.SIGN_IN_BY_ADDRESS, household)
    await counters.count([*by_login[:2], by_address, *by_login[2:]], now=now)

    async with db.global_transaction():
        row = await db.connection().fetchrow(_FIND, name)
    stored = None if row is None else row["password_hash"]
    is_right = await hashing.is_right(password, stored)
    standing = await _standing(row["tenant_id"], row["user_id"]) if row and is_right else None
    if row is None or standing is None:
        raise SignInRefused("Login name and password do not belong together.")

    outdated = stored if stored and hashing.is_outdated(stored) else None
    renewed = await hashing.hash_password(password) if outdated else None
    async with db.global_transaction():
        await counters.clear(by_login)
        await counters.give_back(throttles.SIGN_IN_BY_ADDRESS, household)
        await outbox.add(SWEEP, {}, tenant_id=None, now=now, key=SWEEP, run_at=now + _SWEEP_EVERY)
        if outdated:
            await db.connection().execute(_REHASH, name, outdated, renewed)
    return standing


def _limits(name: str, household: str, known_place: str | None) -> list[Counted]:
    """Say what a try for a name counts against, the narrowest first."""
    if known_place is not None:
        here = throttles.login_subject(name, known_place)
        return [(throttles.SIGN_IN_KNOWN, here), (throttles.SIGN_IN_KNOWN_LONG, here)]
    here, anywhere = throttles.login_subject(name, household), throttles.login_subject(name)
    return [
        (throttles.SIGN_IN_HERE, here),
        (throttles.SIGN_IN_HERE_LONG, here),
        (throttles.SIGN_IN_BY_LOGIN, anywhere),
        (throttles.SIGN_IN_BY_LOGIN_LONG, anywhere),
    ]


async def _standing(tenant_id: UUID, user_id: UUID) -> Standing | None:
    """Give the standing of somebody who may still come in."""
    standing = await standings.read(tenant_id, user_id)
    return standing if standing is not None and standing.disabled_at is None else None


async def unlock(login: str, *, now: datetime) -> bool:
    """Forget the failures at a login name; for the operator's shell, which has no Actor.

    :returns: whether anybody has the name; the line goes into the trail of the person's company.
    """
    name = logins.compared(login)
    async with db.global_transaction():
        await counters.clear_login(name)
        row = await db.connection().fetchrow(_WHOSE, name)
    if row is None:
        return False
    async with db.tenant_transaction(row["tenant_id"]):
        await audit.record(
            of_the_product(row["tenant_id"], role=Role.PLATFORM_OPERATOR, name="operator"),
            "login.unlocked",
            subject_id=row["user_id"],
            now=now,
        )
    return True
