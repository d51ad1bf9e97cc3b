"""People, their devices, and how they prove who they are."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.access import PLATFORM_TENANT
from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-23T00:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "Users, devices, login names, token families, web sessions, codes."

_USERS = f"""
CREATE TABLE user_account (
    tenant_id uuid NOT NULL REFERENCES tenant (tenant_id),
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN (
        'platform_operator', 'platform_finance', 'agent_owner', 'sales_manager', 'sales_rep'
    )),
    team_id uuid,
    scope text NOT NULL CHECK (scope IN ('mine', 'team', 'tenant')),
    session_version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, team_id) REFERENCES team (tenant_id, id),
    CONSTRAINT user_account_staff_apart CHECK (
        (tenant_id = '{PLATFORM_TENANT}') = (role IN ('platform_operator', 'platform_finance'))
    ),
    CONSTRAINT user_account_team_scope CHECK (scope <> 'team' OR team_id IS NOT NULL)
)
"""
_DEVICES = """
CREATE TABLE device (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    platform text NOT NULL,
    app_version text NOT NULL DEFAULT '',
    enrolled_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_sync_at timestamptz,
    last_op bigint NOT NULL DEFAULT 0 CHECK (last_op >= 0),
    pending bigint NOT NULL DEFAULT 0 CHECK (pending >= 0),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES user_account (tenant_id, id)
)
"""
_GLOBAL = [
    """
    CREATE TABLE login_name (
        login text COLLATE "C" PRIMARY KEY,
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        password_hash text,
        changed_at timestamptz NOT NULL,
        UNIQUE (tenant_id, user_id)
    )
    """,
    """
    CREATE TABLE refresh_family (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        device_id uuid,
        session_version bigint NOT NULL,
        generation bigint NOT NULL CHECK (generation >= 1),
        current_hash bytea NOT NULL,
        previous_hash bytea,
        salt bytea NOT NULL,
        created_at timestamptz NOT NULL,
        rotated_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        revoked_for text
    )
    """,
    "CREATE INDEX refresh_family_user ON refresh_family (tenant_id, user_id)",
    "CREATE INDEX refresh_family_over ON refresh_family (expires_at)",
    """
    CREATE TABLE web_session (
        token_hash bytea PRIMARY KEY,
        id uuid NOT NULL UNIQUE,
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        session_version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        last_seen_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz
    )
    """,
    "CREATE INDEX web_session_over ON web_session (expires_at)",
    """
    CREATE TABLE enrolment_code (
        code_hash bytea PRIMARY KEY,
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        created_by uuid NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        used_at timestamptz,
        device_id uuid
    )
    """,
    "CREATE INDEX enrolment_code_over ON enrolment_code (expires_at)",
    """
    CREATE TABLE invitation (
        code_hash bytea PRIMARY KEY,
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        purpose text NOT NULL CHECK (purpose IN ('join', 'reset')),
        created_by uuid NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        used_at timestamptz,
        revoked_at timestamptz
    )
    """,
    """
    CREATE UNIQUE INDEX invitation_open ON invitation (tenant_id, user_id)
    WHERE used_at IS NULL AND revoked_at IS NULL
    """,
    "CREATE INDEX invitation_over ON invitation (expires_at)",
    """
    CREATE TABLE throttle_counter (
        key bytea PRIMARY KEY,
        tries bigint NOT NULL,
        window_ends_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX throttle_counter_over ON throttle_counter (window_ends_at)",
]
_GRANTS = [
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tonglu_app"
    for table in (
        "login_name",
        "refresh_family",
        "web_session",
        "enrolment_code",
        "invitation",
        "throttle_counter",
    )
]


async def forwards() -> MigrationManager:
    """Make the tenant's tables under their policy and the global ones with their grants."""
    return sql_migration(
        ID,
        "identity",
        DESCRIPTION,
        [
            _USERS,
            *tenant_table("user_account", app="SELECT, INSERT, UPDATE"),
            _DEVICES,
            "CREATE INDEX device_user ON device (tenant_id, user_id, enrolled_at)",
            *tenant_table("device", app="SELECT, INSERT, UPDATE"),
            *_GLOBAL,
            *_GRANTS,
        ],
    )
