"""An agent's owner hands its own company's files in."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, sql_migration

ID = "2026-11-29T00:00:00:010020"
VERSION = "1.38.0"
DESCRIPTION = (
    "An agent's transaction saves its own sources, and adds its own files with their rows."
)

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Let an agent's transaction reach its own sources, and add what waits to be read."""
    statements = [
        f"""
        CREATE POLICY recon_source_agent_select ON recon_source FOR SELECT TO tonglu_app
        USING ({_OWN})
        """,
        "GRANT SELECT ON recon_source TO tonglu_app",
    ]
    for table in ("recon_source", "recon_file", "recon_part"):
        statements += [
            f"""
            CREATE POLICY {table}_agent_insert ON {table} FOR INSERT TO tonglu_app
            WITH CHECK ({_OWN})
            """,
            f"GRANT INSERT ON {table} TO tonglu_app",
        ]
    return sql_migration(ID, "reconciling", DESCRIPTION, statements)
