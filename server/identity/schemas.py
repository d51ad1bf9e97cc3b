"""What identity takes and gives over HTTP, and to the portal."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from server.access import Actor, Part, Role, Scope, Sharing
from server.identity.rules.invitations import Purpose
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
    is_protected: bool | None = None
    """Whether the device's store is encrypted; none says that this is as it was."""


class Tokens(msgspec.Struct, frozen=True):
    """An access token and the refresh token that follows the one just used."""

    access_token: str
    refresh_token: str
    expires_in_s: int
    lease_ms: int
    """How long a device may work after its last contact before it locks its records."""
    lease_shares: tuple[bytes, ...] = ()
    """The server's share of the key of a device's store, the newest first, in base64."""
    seal_key: bytes | None = None
    """The public key (X25519) for what a device seals for the server, in base64."""
    lease_only: bool = False
    """Whether the company refuses devices whose stores are not encrypted."""
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
    made: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None
    """How many ops the device has made, where it comes back under the id that it had."""
    is_protected: bool = False
    """Whether the device's store is encrypted."""


class EnrolmentView(msgspec.Struct, frozen=True):
    """What a device becomes: somebody's, with tokens of its own."""

    device_id: UUID
    tenant_id: UUID
    user_id: UUID
    access_token: str
    refresh_token: str
    expires_in_s: int
    lease_ms: int
    """How long the device may work after its last contact before it locks its records."""
    lease_shares: tuple[bytes, ...] = ()
    """The server's share of the key of a device's store, the newest first, in base64."""
    seal_key: bytes | None = None
    """The public key (X25519) for what a device seals for the server, in base64."""
    lease_only: bool = False
    """Whether the company refuses devices whose stores are not encrypted."""


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
    """Ops that wait on the device, as it said at its last sync."""
    lease_until: datetime
    """When it locks its records unless it is in contact before; a revoked one has no lease."""


class DeviceHealth(msgspec.Struct, frozen=True):
    """How a tenant's devices are, without saying whose they are. Revoked ones do not count."""

    devices: int
    last_sync_at: datetime | None
    pending: int


class HeldDevice(msgspec.Struct, frozen=True):
    """A device whose row is locked for this transaction."""

    id: UUID
    user_id: UUID
    enrolled_at: datetime
    last_op: int
    last_sync_at: datetime | None
    heard_at: datetime | None = None
    """When it last asked for anything while nothing waited on it."""

    @property
    def last_heard_at(self) -> datetime:
        """Give what all that it sends now was made after."""
        known = (self.enrolled_at, self.last_sync_at, self.heard_at)
        return max(each for each in known if each is not None)


class InvitationView(msgspec.Struct, frozen=True):
    """A one-time invitation, shown once: as code, as link, and as a QR of that link."""

    code: str
    uri: str
    qr_svg: str
    user_id: UUID
    purpose: Purpose
    expires_at: datetime


class InvitationCode(msgspec.Struct, frozen=True):
    """The code of an invitation, as somebody typed it."""

    code: Code


class Invited(msgspec.Struct, frozen=True):
    """To what an open invitation invites its person."""

    company_name: str
    name: str
    role: Role
    login: str | None
    """The login name that is proposed, or that stays when only the password is new."""
    purpose: Purpose
    expires_at: datetime


class Acceptance(msgspec.Struct, frozen=True):
    """Login name and password that a person chooses. The login name may have been proposed."""

    code: Code
    password: Secret
    login: Login | None = None


class Joined(msgspec.Struct, frozen=True):
    """Who may sign in now, and under which name."""

    login: str
    tenant_id: UUID
    user_id: UUID


class NewUser(msgspec.Struct, frozen=True):
    """A person to be. The login name may be proposed, or left to the person's own choice."""

    name: Str
    role: Role
    login: Login | None = None
    id: UUID | None = None
    team_id: UUID | None = None
    scope: Scope | None = None


class UserChange(msgspec.Struct, frozen=True):
    """What changes of a person; what is left out stays."""

    name: Str | msgspec.UnsetType = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET
    team_id: UUID | msgspec.UnsetType | None = msgspec.UNSET
    scope: Scope | msgspec.UnsetType = msgspec.UNSET


class UserView(msgspec.Struct, frozen=True):
    """A person of the tenant."""

    id: UUID
    login: str | None
    name: str
    role: Role
    team_id: UUID | None
    scope: Scope
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool
    invited_until: datetime | None
    """Until when an open invitation is good."""
    devices: Int
    """Devices that are not revoked."""
    last_sync_at: datetime | None


class PasswordChange(msgspec.Struct, frozen=True):
    """One's own new password, with the present one as proof."""

    current_password: Secret
    new_password: Secret


class Directory(msgspec.Struct, frozen=True):
    """Names for the ids that records carry: people, also former ones, and devices."""

    people: dict[UUID, str]
    devices: dict[UUID, str]
    keepers: frozenset[UUID] = frozenset()
    """The people to whom a record may be given: who work here and see records at all."""

    def offered(self, *held: UUID | str | None) -> list[tuple[str, str]]:
        """Give the ids and names to choose of, by name: the keepers, and who has it now.

        :param held: whoever is named in what is changed, also when gone; null for nobody.
        """
        now = {str(person) for person in held if person}
        named = [
            (str(person), name)
            for person, name in self.people.items()
            if person in self.keepers or str(person) in now
        ]
        return sorted(named, key=lambda each: each[1])


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
    login: str | None
    """Null for somebody who signs in by device only."""
    has_password: bool


class KnownBrowser(msgspec.Struct, frozen=True):
    """The cookie of a browser in which a login name has signed in before."""

    cookie_name: str
    token: str
    is_secure: bool
    max_age_s: int


class WebSignIn(msgspec.Struct, frozen=True):
    """A browser that has just signed in: what its cookie holds, and how the cookie is set."""

    token: str
    csrf_token: str
    actor: Actor
    cookie_name: str
    is_secure: bool
    max_age_s: int
    known: KnownBrowser
    """A second cookie, by which the browser is known when this name signs in again."""


class WebPresence(msgspec.Struct, frozen=True):
    """The session behind a cookie: who acts, and the token that its forms carry."""

    actor: Actor
    csrf_token: str
    fingerprint: bytes


class NewAbsence(msgspec.Struct, frozen=True, kw_only=True):
    """Days on which a person is away, the first and the last included."""

    starts_on: date
    ends_on: date
    note: Str = ""
    id: UUID | None = None


class Colleague(msgspec.Struct, frozen=True):
    """Somebody of a company, as far as others are told."""

    id: UUID
    role: Role
    team_id: UUID | None


class AbsenceView(msgspec.Struct, frozen=True, kw_only=True):
    """Days on which a person is away."""

    id: UUID
    user_id: UUID
    starts_on: date
    ends_on: date
    note: str


class PhoneMaskView(msgspec.Struct, frozen=True, kw_only=True):
    """From whom phones of others' customers are hidden, and how they are revealed."""

    roles: list[Literal["sales_manager", "sales_rep"]] = []
    reveals_per_day: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    """Of how many customers a person; null is no limit."""
    wants_reason: bool = False


class NewSharing(msgspec.Struct, frozen=True, kw_only=True):
    """What the people of one team are let see of another team's customers."""

    from_team_id: UUID
    to_team_id: UUID
    levels: Annotated[list[Literal["A", "B", "C", "D"]], msgspec.Meta(max_length=4)] = []
    """Of which levels; none named means every customer."""
    cities: Annotated[list[Str], msgspec.Meta(max_length=20)] = []
    tag_id: UUID | None = None
    parts: Annotated[list[Part], msgspec.Meta(max_length=20)] = []
    """What is seen besides name, status, level, place, industry, source, tags and owner."""
    may_write: bool = False
    """Whether what is seen of a customer, but for owner and team, may be changed as well."""
    id: UUID | None = None


class SharingView(msgspec.Struct, frozen=True):
    """A line of policy between two teams."""

    line: Sharing
    made_by: UUID
    made_at: datetime
