"""Standing: what is true now of a person, a device and a session, and the Actor that it makes.

A token or a cookie says who somebody was; the standing, read from the database, says who somebody
is. Role, team and scope come from here, never from the token, so that a change takes effect
without a new sign-in.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Role, Scope, Sharing
from server.identity.rules.access_tokens import AccessTokenRefused, Claims
from server.kit.errors import Forbidden

CACHE_S: Final = 30
"""A read may rely on a standing that was read so long ago; a write reads it anew."""


class SessionOver(AccessTokenRefused):
    """The person, the device or the session was ended."""

    code = "session_over"


class DeviceRevoked(SessionOver):
    """The device was taken away: what it was sent is to be destroyed there."""

    code = "device_revoked"


class NotYours(Forbidden):
    """This person or device is not in the actor's charge."""

    code = "not_in_your_charge"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says of a person, and of the device and session of the request."""

    tenant_id: UUID
    user_id: UUID
    name: str
    role: Role
    team_id: UUID | None
    scope: Scope
    session_version: int
    disabled_at: datetime | None
    masks_phones: bool = False
    shared: tuple[Sharing, ...] = ()
    shared_mark: int = 0
    """Another one wherever another set of lines is shared."""
    device_id: UUID | None = None
    device_user_id: UUID | None = None
    device_revoked_at: datetime | None = None
    session_user_id: UUID | None = None
    session_revoked_at: datetime | None = None


def actor_from_claims(standing: Standing | None, claims: Claims) -> Actor:
    """Make the Actor of an API request.

    :raises DeviceRevoked: when the device was taken away; it destroys what it holds.
    :raises SessionOver: when person, device or session do not stand any more.
    """
    if standing is not None and _is_taken_away(standing, claims):
        raise DeviceRevoked("This device was signed out; it keeps nothing.")
    is_good = (
        standing is not None
        and standing.disabled_at is None
        and standing.session_version == claims.session_version
        and standing.session_user_id == claims.user_id
        and standing.session_revoked_at is None
        and _has_device(standing, claims)
    )
    if standing is None or not is_good:
        raise SessionOver("You were signed out; sign in or enrol this device again.")
    return actor(standing, device_id=claims.device_id, session_id=claims.session_id)


def _is_taken_away(standing: Standing, claims: Claims) -> bool:
    is_this = claims.device_id is not None and standing.device_user_id == claims.user_id
    return is_this and standing.device_revoked_at is not None


def _has_device(standing: Standing, claims: Claims) -> bool:
    """Say whether the device that the token names is still this person's."""
    if claims.device_id is None:
        return True
    return standing.device_user_id == claims.user_id and standing.device_revoked_at is None


def actor(standing: Standing, *, device_id: UUID | None, session_id: UUID | None) -> Actor:
    """Make the Actor of somebody whose standing has been checked.

    A device of somebody from whom phones are hidden holds the person's own customers alone, and
    none holds what other teams share: what is seen in part is seen in a browser.
    """
    is_narrowed = standing.masks_phones and device_id is not None
    return Actor(
        user_id=standing.user_id,
        tenant_id=standing.tenant_id,
        role=standing.role,
        scope=Scope.MINE if is_narrowed else standing.scope,
        name=standing.name,
        team_id=standing.team_id,
        device_id=device_id,
        session_id=session_id,
        masks_phones=standing.masks_phones,
        shared=standing.shared if device_id is None else (),
    )


def ensure_in_charge(actor: Actor, user_id: UUID, *, role: Role, team_id: UUID | None) -> None:
    """Refuse unless the person is the actor, or an owner's anybody, or a manager's rep.

    :param user_id: the person, with their role and team.
    """
    if user_id == actor.user_id or actor.role is Role.AGENT_OWNER:
        return
    is_own_rep = (
        actor.role is Role.SALES_MANAGER
        and role is Role.SALES_REP
        and team_id is not None
        and team_id == actor.team_id
    )
    if not is_own_rep:
        raise NotYours("This person is not in your team.")
