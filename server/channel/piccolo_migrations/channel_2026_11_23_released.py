"""Tallies for the job role, released counts for the platform."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-23T00:00:00:000031"
VERSION = "1.38.0"
DESCRIPTION = "Tallies, released counts, health of agents' devices."


async def forwards() -> MigrationManager:
    """Make the tables; the application's own role is granted none of them."""
    return sql_migration(
        ID,
        "channel",
        DESCRIPTION,
        [
            """
            CREATE TABLE channel_tally (
                tenant_id uuid NOT NULL,
                dimension text COLLATE "C" NOT NULL
                    CHECK (dimension IN ('status', 'city', 'industry')),
                value text COLLATE "C" NOT NULL,
                customers bigint NOT NULL CHECK (customers > 0),
                PRIMARY KEY (tenant_id, dimension, value)
            )
            """,
            "GRANT SELECT, INSERT, DELETE ON channel_tally TO tonglu_job",
            """
            CREATE TABLE counting_run (
                tenant_id uuid PRIMARY KEY,
                taken bigint NOT NULL,
                written bigint NOT NULL DEFAULT 0 CHECK (written <= taken),
                written_at timestamptz
            )
            """,
            "GRANT SELECT, INSERT, UPDATE ON counting_run TO tonglu_job",
            "GRANT SELECT ON counting_run TO tonglu_platform",
            """
            CREATE TABLE released_cell (
                view text COLLATE "C" NOT NULL CHECK (view IN ('funnel', 'city', 'industry')),
                agent_id uuid NOT NULL,
                kind text COLLATE "C" NOT NULL CHECK (kind IN ('part', 'rest', 'total')),
                label text COLLATE "C" NOT NULL,
                customers bigint CHECK (customers = 0 AND kind = 'rest' OR customers >= 10),
                PRIMARY KEY (view, agent_id, kind, label)
            )
            """,
            "GRANT SELECT, INSERT, DELETE ON released_cell TO tonglu_job",
            "GRANT SELECT ON released_cell TO tonglu_platform",
            """
            CREATE TABLE agent_health (
                tenant_id uuid PRIMARY KEY,
                devices bigint NOT NULL,
                last_sync_at timestamptz,
                pending bigint NOT NULL,
                counted_at timestamptz NOT NULL
            )
            """,
            "GRANT SELECT, INSERT, UPDATE ON agent_health TO tonglu_job",
            "GRANT SELECT ON agent_health TO tonglu_platform",
        ],
    )
