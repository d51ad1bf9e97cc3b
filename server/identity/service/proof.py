"""Prove who somebody is by login name and password.

The answer and the work are the same whether the name is unknown, the password wrong or the person
gone. The try is counted before it is looked at, and forgotten when it was right.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from server.audit import service as audit
from server.identity import hashing, standings
from server.identity.rules import logins, throttles
from server.identity.rules.logins import SignInRefused
from server.identity.rules.passwords import PasswordMaker
from server.identity.rules.standing import Standing
from server.identity.rules.standing import actor as actor_of
from server.identity.schemas import Tokens
from server.identity.service import throttles as counters
from server.identity.service import tokens
from server.kit import db, outbox

SWEEP: Final = "identity.sweep"
"""Somebody signs in, so there will be something to sweep; once a day is enough."""
PROVISIONAL: Final = "session.began_with_provisional_password"
"""The entry of a session whose password the platform has made."""
_SWEEP_EVERY: Final = timedelta(days=1)

_FIND: Final = """
SELECT tenant_id, user_id, password_hash, password_made_by FROM login_name WHERE login = $1
"""
_REHASH: Final = """
UPDATE login_name SET password_hash = $3 WHERE login = $1 AND password_hash = $2
"""


class Proven(msgspec.Struct, frozen=True):
    """Somebody who knows a login's password."""

    standing: Standing
    made_by: PasswordMaker


async def sign_in(login: str, password: str, *, address: str, now: datetime) -> Tokens:
    """Sign in to the API without a device.

    :raises SignInRefused: when they do not belong together.
    :raises TooManyTries: for this name or from this address.
    """
    proven = await prove(login, password, address=address, now=now)
    async with db.tenant_transaction(proven.standing.tenant_id):
        await tell_if_known(proven, now=now)
        return await tokens.start(proven.standing, device_id=None, now=now)


async def tell_if_known(proven: Proven, *, now: datetime) -> None:
    """Leave a line with the agent, in the open transaction, when the platform knows the password.

    It stands in the feed of platform reads as well, for the platform may have signed in with it.
    """
    if proven.made_by is PasswordMaker.PLATFORM:
        who = actor_of(proven.standing, device_id=None, session_id=None)
        await audit.record(who, PROVISIONAL, subject_id=who.user_id, now=now)


async def prove(login: str, password: str, *, address: str, now: datetime) -> Proven:
    """Give the person whose login and password these are, and who made the password."""
    name, household = logins.compared(login), throttles.address_subject(address)
    by_login = (throttles.SIGN_IN_BY_LOGIN, name)
    by_login_long = (throttles.SIGN_IN_BY_LOGIN_LONG, name)
    await counters.count([by_login, (throttles.SIGN_IN_BY_ADDRESS, household)], now=now)
    # Only tries that are looked at count here, or anybody could lock a name for a day at once.
    await counters.count([by_login_long], now=now)

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
    return Proven(standing, PasswordMaker(row["password_made_by"]))


async def _standing(tenant_id: UUID, user_id: UUID) -> Standing | None:
    """Give the standing of somebody who may still come in."""
    standing = await standings.read(tenant_id, user_id)
    return standing if standing is not None and standing.disabled_at is None else None
