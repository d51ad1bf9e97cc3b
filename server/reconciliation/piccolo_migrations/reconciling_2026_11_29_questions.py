"""What finance asks an agent about differences, and what its owner replies."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-29T00:00:00:010010"
VERSION = "1.38.0"
DESCRIPTION = "Questions about differences, and their replies."

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Make both tables."""
    return sql_migration(ID, "reconciling", DESCRIPTION, [*_QUESTION, *_REPLY])


_QUESTION = [
    """
    CREATE TABLE recon_question (
        id uuid PRIMARY KEY,
        exception_id uuid NOT NULL REFERENCES recon_exception (id),
        agent_id uuid NOT NULL,
        asked text NOT NULL,
        asked_by uuid NOT NULL,
        asked_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX recon_question_of ON recon_question (exception_id, asked_at)",
    "CREATE INDEX recon_question_of_agent ON recon_question (agent_id, asked_at, id)",
    *append_only("recon_question"),
    *reachable("recon_question", select=_OWN),
    "GRANT SELECT ON recon_question TO tonglu_app",
    "GRANT SELECT, INSERT ON recon_question TO tonglu_platform",
]

_REPLY = [
    """
    CREATE TABLE recon_reply (
        question_id uuid PRIMARY KEY REFERENCES recon_question (id),
        agent_id uuid NOT NULL,
        said text NOT NULL,
        said_by uuid NOT NULL,
        said_at timestamptz NOT NULL
    )
    """,
    *append_only("recon_reply"),
    *reachable("recon_reply", select=_OWN, insert=_OWN),
    "GRANT SELECT, INSERT ON recon_reply TO tonglu_app",
    "GRANT SELECT ON recon_reply TO tonglu_platform",
]
