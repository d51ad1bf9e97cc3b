"""Files that wait to be read, and what agents say of differences."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:002700"
VERSION = "1.38.0"
DESCRIPTION = "Agents' files on their way into a reconciliation, and their answers."

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Make both tables."""
    return sql_migration(ID, "reconciling", DESCRIPTION, [*_PART, *_ANSWER])


_PART = [
    """
    CREATE TABLE recon_part (
        file_id uuid NOT NULL REFERENCES recon_file (id),
        agent_id uuid NOT NULL,
        number bigint NOT NULL CHECK (number >= 0),
        rows bytea,
        problems jsonb,
        PRIMARY KEY (file_id, number),
        CHECK ((rows IS NULL) = (problems IS NOT NULL))
    )
    """,
    "CREATE INDEX recon_part_waiting ON recon_part (file_id, number) WHERE problems IS NULL",
    *reachable("recon_part", select=_OWN),
    "GRANT SELECT ON recon_part TO tonglu_app",
    "GRANT SELECT, INSERT ON recon_part TO tonglu_platform",
    "GRANT UPDATE (rows, problems) ON recon_part TO tonglu_platform",
]

_ANSWER = [
    """
    CREATE TABLE recon_answer (
        exception_id uuid PRIMARY KEY REFERENCES recon_exception (id),
        agent_id uuid NOT NULL,
        said text NOT NULL,
        said_by uuid NOT NULL,
        said_at timestamptz NOT NULL
    )
    """,
    *append_only("recon_answer"),
    *reachable("recon_answer", select=_OWN, insert=_OWN),
    "GRANT SELECT, INSERT ON recon_answer TO tonglu_app",
    "GRANT SELECT ON recon_answer TO tonglu_platform",
]
