"""What identity takes and gives over HTTP, and to the portal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from server.access import Actor, Role, Scope
from server.kit.text import PRINTABLE, Int, Str

Secret = Annotated[str, msgspec.Meta(max_length=400, pattern=PRINTABLE)]
"""A password as somebody sends it; what is too long is not even looked at."""
Code = Annotated[str, msgspec.Meta(max_length=40, pattern=PRINTABLE)]
Login = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]


class SignIn(msgspec.Struct, frozen=True):
    """Login name and password."""

    login: Login
    password: Secret


class Refresh(msgspec.Struct, frozen=True):
    """A refresh token to be turned over; a device says which one it is."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=2048, pattern=PRINTABLE)]
    device_id: UUID | None = None


class Tokens(msgspec.Struct, frozen=True):
    """An access token and the refresh token that follows the one just used."""

    access_token: str
    refresh_token: str
    expires_in_s: int
    token_type: str = "Bearer"  # noqa: S105 - the name of the scheme, not a secret


class NewEnrolmentCode(msgspec.Struct, frozen=True):
    """Whose device the code is for; the actor's own when left out."""

    user_id: UUID | None = None


class EnrolmentCodeView(msgspec.Struct, frozen=True):
    """A one-time code, shown once: as text, as address, and as a QR of that address."""

    code: str
    uri: str
    qr_svg: str
    user_id: UUID
    expires_at: datetime


class Enrolment(msgspec.Struct, frozen=True):
    """A device that presents its code. With an `id` of its own, it may repeat a lost request."""

    code: Code
    device_name: Str
    platform: Annotated[str, msgspec.Meta(max_length=40, pattern=PRINTABLE)]
    id: UUID | None = None
    app_version: Annotated[str, msgspec.Meta(max_length=40, pattern=PRINTABLE)] = ""


class EnrolmentView(msgspec.Struct, frozen=True):
    """What a device becomes: somebody's, with tokens of its own."""

    device_id: UUID
    tenant_id: UUID
    user_id: UUID
    access_token: str
    refresh_token: str
    expires_in_s: int


class DeviceView(msgspec.Struct, frozen=True):
    """A device as people see it."""

    id: UUID
    user_id: UUID
    user_name: str
    name: str
    platform: str
    app_version: str
    enrolled_at: datetime
    revoked_at: datetime | None
    last_sync_at: datetime | None
    last_op: Int
    pending: Int


class DeviceHealth(msgspec.Struct, frozen=True):
    """How a tenant's devices are, without saying whose they are. Revoked ones do not count."""

    devices: int
    last_sync_at: datetime | None
    pending: int


class HeldDevice(msgspec.Struct, frozen=True):
    """A device whose row is locked for this transaction."""

    id: UUID
    user_id: UUID
    last_op: int
    last_sync_at: datetime | None


class NewUser(msgspec.Struct, frozen=True):
    """A person whom the owner invites. Without a password the person signs in by device only."""

    login: Login
    name: Str
    role: Role
    id: UUID | None = None
    team_id: UUID | None = None
    scope: Scope | None = None
    password: Secret | None = None


class UserChange(msgspec.Struct, frozen=True):
    """What changes of a person; what is left out stays."""

    name: Str | msgspec.UnsetType = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET
    team_id: UUID | msgspec.UnsetType | None = msgspec.UNSET
    scope: Scope | msgspec.UnsetType = msgspec.UNSET


class UserView(msgspec.Struct, frozen=True):
    """A person of the tenant."""

    id: UUID
    login: str
    name: str
    role: Role
    team_id: UUID | None
    scope: Scope
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool


class NewPassword(msgspec.Struct, frozen=True):
    """A password that an owner gives to somebody."""

    password: Secret


class PasswordChange(msgspec.Struct, frozen=True):
    """One's own new password, with the present one as proof."""

    current_password: Secret
    new_password: Secret


class Directory(msgspec.Struct, frozen=True):
    """Names for the ids that records carry: people, also former ones, and devices."""

    people: dict[UUID, str]
    devices: dict[UUID, str]


class Me(msgspec.Struct, frozen=True):
    """Who is signed in, and where."""

    user_id: UUID
    tenant_id: UUID
    tenant_name: str
    name: str
    role: Role
    scope: Scope
    team_id: UUID | None
    device_id: UUID | None
    must_change_password: bool
    """The password was made by somebody else, who still knows it."""


class WebSignIn(msgspec.Struct, frozen=True):
    """A browser that has just signed in: what its cookie holds, and how the cookie is set."""

    token: str
    csrf_token: str
    actor: Actor
    cookie_name: str
    is_secure: bool
    max_age_s: int


class WebPresence(msgspec.Struct, frozen=True):
    """The session behind a cookie: who acts, and the token that its forms carry."""

    actor: Actor
    csrf_token: str
    fingerprint: bytes
