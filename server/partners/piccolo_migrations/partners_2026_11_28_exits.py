"""Agents that leave the channel: since when they are frozen, and their last day."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001100"
VERSION = "1.38.0"
DESCRIPTION = "Exits of agents."

_OWN = "agent_id = (SELECT current_setting('app.tenant_id')::uuid)"
_SEEN = (
    "id, agent_id, reason, last_day, frozen_from, state, successors, opened_by, opened_at, ended_at"
)


async def forwards() -> MigrationManager:
    """Make the table: the platform writes it and never reads its key, an agent reads its own."""
    return sql_migration(
        ID,
        "partners",
        DESCRIPTION,
        [
            """
            CREATE TABLE agent_exit (
                id uuid PRIMARY KEY,
                agent_id uuid NOT NULL REFERENCES agent (tenant_id),
                reason text NOT NULL,
                last_day date NOT NULL,
                frozen_from timestamptz NOT NULL,
                state text NOT NULL CHECK (state IN ('open', 'carrying', 'done', 'cancelled')),
                successors jsonb NOT NULL,
                token_key bytea NOT NULL CHECK (length(token_key) = 32),
                opened_by uuid NOT NULL,
                opened_at timestamptz NOT NULL,
                ended_at timestamptz
            )
            """,
            """
            CREATE UNIQUE INDEX agent_exit_once ON agent_exit (agent_id)
            WHERE state <> 'cancelled'
            """,
            "ALTER TABLE agent_exit ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE agent_exit FORCE ROW LEVEL SECURITY",
            """
            CREATE POLICY agent_exit_platform ON agent_exit TO tonglu_platform
            USING (current_user = 'tonglu_platform') WITH CHECK (current_user = 'tonglu_platform')
            """,
            f"CREATE POLICY agent_exit_agent ON agent_exit TO tonglu_app USING ({_OWN})",
            """
            CREATE POLICY agent_exit_job ON agent_exit TO tonglu_job
            USING (current_user = 'tonglu_job')
            """,
            f"GRANT SELECT ({_SEEN}), INSERT ON agent_exit TO tonglu_platform",
            "GRANT UPDATE (state, ended_at) ON agent_exit TO tonglu_platform",
            "GRANT SELECT ON agent_exit TO tonglu_app",
            f"GRANT SELECT ({_SEEN}) ON agent_exit TO tonglu_job",
            "GRANT UPDATE (state, ended_at) ON agent_exit TO tonglu_job",
        ],
    )
