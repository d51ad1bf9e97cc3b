"""Prove who somebody is by login name and password.

The answer and the work are the same whether the name is unknown, the password wrong or the person
gone. The try is counted before it is looked at, and forgotten when it was right.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.identity import hashing, standings
from server.identity.rules import logins, throttles
from server.identity.rules.logins import SignInRefused
from server.identity.rules.standing import Standing
from server.identity.schemas import Tokens
from server.identity.service import throttles as counters
from server.identity.service import tokens
from server.kit import db, outbox

SWEEP: Final = "identity.sweep"
"""Somebody signs in, so there will be something to sweep; once a day is enough."""
_SWEEP_EVERY: Final = timedelta(days=1)

_FIND: Final = """
SELECT tenant_id, user_id, password_hash FROM login_name WHERE login = $1
"""
_REHASH: Final = """
UPDATE login_name SET password_hash = $3 WHERE login = $1 AND password_hash = $2
"""


async def sign_in(login: str, password: str, *, address: str, now: datetime) -> Tokens:
    """Sign in to the API without a device.

    :raises SignInRefused: when they do not belong together.
    :raises TooManyTries: for this name or from this address.
    """
    standing = await prove(login, password, address=address, now=now)
    return await tokens.start(standing, device_id=None, now=now)


async def prove(login: str, password: str, *, address: str, now: datetime) -> Standing:
    """Give the person whose login and password these are."""
    name, household = logins.compared(login), throttles.address_subject(address)
    by_login = (throttles.SIGN_IN_BY_LOGIN, name)
    by_login_long = (throttles.SIGN_IN_BY_LOGIN_LONG, name)
    # Only tries that are looked at count for the long one, or anybody could lock a name at once.
    by_address = (throttles.SIGN_IN_BY_ADDRESS, household)
    await counters.count([by_address, by_login, by_login_long], now=now)

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
        await counters.clear([by_login, by_login_long])
        await counters.give_back(throttles.SIGN_IN_BY_ADDRESS, household)
        await outbox.add(SWEEP, {}, tenant_id=None, now=now, key=SWEEP, run_at=now + _SWEEP_EVERY)
        if outdated:
            await db.connection().execute(_REHASH, name, outdated, renewed)
    return standing


async def _standing(tenant_id: UUID, user_id: UUID) -> Standing | None:
    """Give the standing of somebody who may still come in."""
    standing = await standings.read(tenant_id, user_id)
    return standing if standing is not None and standing.disabled_at is None else None
