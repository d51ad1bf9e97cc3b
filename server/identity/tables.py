"""Tables of identity, as facts on disk.

Users and devices are a tenant's own. What must be found before the tenant is known (login names,
the hashes of tokens, sessions and codes, the counters of the throttles) is global.
"""

from piccolo.columns import UUID, Array, BigInt, Boolean, Bytea, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class UserAccount(Table, tablename="user_account"):
    """A person of a tenant, or of the platform's staff under the platform's tenant id."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    role = Text()
    team_id = UUID(null=True)
    scope = Text()
    session_version = BigInt()
    """One more signs the person out everywhere."""
    created_at = Timestamptz()
    disabled_at = Timestamptz(null=True)


class Absence(Table, tablename="absence"):
    """Days on which a person is away."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    user_id = UUID()
    starts_on = Date()
    ends_on = Date()
    """The last day."""
    note = Text()
    created_by = UUID()
    created_at = Timestamptz()


class PhoneMask(Table, tablename="phone_mask"):
    """From which roles a company hides phones, and how they are revealed. One row a company."""

    tenant_id = UUID(primary_key=True)
    roles = Array(Text())
    reveals_per_day = Integer(null=True)
    wants_reason = Boolean()
    set_by = UUID()
    set_at = Timestamptz()


class SharingLine(Table, tablename="sharing"):
    """What one team lets another see of its customers. Insert and delete only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    from_team_id = UUID()
    to_team_id = UUID()
    levels = Array(Text())
    cities = Array(Text())
    tag_id = UUID(null=True)
    parts = Array(Text())
    may_write = Boolean()
    made_by = UUID()
    made_at = Timestamptz()


class Device(Table, tablename="device"):
    """A phone or desk app that holds some of a tenant's records for one person."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    user_id = UUID()
    name = Text()
    platform = Text()
    app_version = Text()
    enrolled_at = Timestamptz()
    revoked_at = Timestamptz(null=True)
    last_sync_at = Timestamptz(null=True)
    heard_at = Timestamptz(null=True)
    """When it last asked for anything while nothing waited on it to be sent."""
    last_op = BigInt()
    """Number of the last op that was acknowledged."""
    pending = BigInt()
    """Ops that wait on the device, as it said at its last sync."""
    is_protected = Boolean()
    """Whether its store is encrypted under a lease, as it said; what it has not said is no."""


class LoginName(Table, tablename="login_name"):
    """What a person types to sign in, and the hash of the password. Unique over all tenants."""

    login = Text(primary_key=True)
    tenant_id = UUID()
    user_id = UUID()
    password_hash = Text(null=True)
    """Null while the person signs in by device only."""
    changed_at = Timestamptz()


class RefreshFamily(Table, tablename="refresh_family"):
    """The line of refresh tokens from one sign-in or enrolment; of the tokens only two hashes."""

    id = UUID(primary_key=True)
    tenant_id = UUID()
    user_id = UUID()
    device_id = UUID(null=True)
    session_version = BigInt()
    generation = BigInt()
    current_hash = Bytea()
    previous_hash = Bytea(null=True)
    salt = Bytea()
    created_at = Timestamptz()
    rotated_at = Timestamptz()
    expires_at = Timestamptz()
    revoked_at = Timestamptz(null=True)
    revoked_for = Text(null=True)


class WebSession(Table, tablename="web_session"):
    """A browser that is signed in; of its cookie only the hash."""

    token_hash = Bytea(primary_key=True)
    id = UUID()
    tenant_id = UUID()
    user_id = UUID()
    session_version = BigInt()
    created_at = Timestamptz()
    last_seen_at = Timestamptz()
    expires_at = Timestamptz()
    revoked_at = Timestamptz(null=True)


class EnrolmentCode(Table, tablename="enrolment_code"):
    """A one-time code that makes a device somebody's; only its keyed hash."""

    code_hash = Bytea(primary_key=True)
    tenant_id = UUID()
    user_id = UUID()
    created_by = UUID()
    created_at = Timestamptz()
    expires_at = Timestamptz()
    used_at = Timestamptz(null=True)
    device_id = UUID(null=True)


class Invitation(Table, tablename="invitation"):
    """A one-time code with which a person sets login name and password; only its keyed hash."""

    code_hash = Bytea(primary_key=True)
    tenant_id = UUID()
    user_id = UUID()
    purpose = Text()
    created_by = UUID()
    created_at = Timestamptz()
    expires_at = Timestamptz()
    used_at = Timestamptz(null=True)
    revoked_at = Timestamptz(null=True)


class ThrottleCounter(Table, tablename="throttle_counter"):
    """Tries counted against a limit; the key is a keyed hash of whose tries they are."""

    key = Bytea(primary_key=True)
    tries = BigInt()
    window_ends_at = Timestamptz()
