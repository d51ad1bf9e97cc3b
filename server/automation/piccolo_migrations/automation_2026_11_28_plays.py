"""A company's own rules, what they did, and what systems outside tell."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration, tenant_table

ID = "2026-11-28T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "Plays with their versions and firings; sources of signals, and signals."


async def forwards() -> MigrationManager:
    """Make the tables."""
    return sql_migration(ID, "automation", DESCRIPTION, [*_PLAYS, *_SIGNALS])


_PLAYS = [
    """
    CREATE TABLE play (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL CHECK (version > 0),
        is_on bigint NOT NULL CHECK (is_on IN (0, 1)),
        seen_until timestamptz NOT NULL,
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *tenant_table("play", app="SELECT, INSERT, UPDATE"),
    """
    CREATE TABLE play_version (
        tenant_id uuid NOT NULL,
        play_id uuid NOT NULL,
        version bigint NOT NULL CHECK (version > 0),
        terms jsonb NOT NULL,
        published_by uuid NOT NULL,
        published_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, play_id, version),
        FOREIGN KEY (tenant_id, play_id) REFERENCES play (tenant_id, id)
    )
    """,
    *tenant_table("play_version", app="SELECT, INSERT"),
    """
    CREATE TABLE play_firing (
        tenant_id uuid NOT NULL,
        play_id uuid NOT NULL,
        key text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        customer_id uuid NOT NULL,
        at timestamptz NOT NULL,
        fired_at timestamptz NOT NULL,
        outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('task', 'told', 'nobody')),
        task_id uuid,
        person_id uuid,
        why jsonb NOT NULL,
        PRIMARY KEY (tenant_id, play_id, key),
        FOREIGN KEY (tenant_id, play_id) REFERENCES play (tenant_id, id)
    )
    """,
    "CREATE INDEX play_firing_customer ON play_firing (tenant_id, play_id, customer_id, at)",
    "CREATE INDEX play_firing_time ON play_firing (tenant_id, play_id, fired_at)",
    "CREATE INDEX play_firing_person ON play_firing (tenant_id, person_id, fired_at)",
    *tenant_table("play_firing", app="SELECT, INSERT"),
]
_SIGNALS = [
    """
    CREATE TABLE signal_source (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        account_field text COLLATE "C",
        made_by uuid NOT NULL,
        made_at timestamptz NOT NULL,
        closed_at timestamptz,
        PRIMARY KEY (tenant_id, id)
    )
    """,
    *tenant_table("signal_source", app="SELECT, INSERT, UPDATE"),
    """
    CREATE TABLE signal (
        tenant_id uuid NOT NULL,
        source_id uuid NOT NULL,
        event_id text COLLATE "C" NOT NULL,
        event text COLLATE "C" NOT NULL,
        customer_id uuid NOT NULL,
        happened_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, source_id, event_id)
    )
    """,
    "CREATE INDEX signal_event ON signal (tenant_id, event, received_at)",
    *tenant_table("signal", app="SELECT, INSERT, DELETE"),
]
