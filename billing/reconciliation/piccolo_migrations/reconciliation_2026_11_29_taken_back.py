"""A compared file may be taken back while nothing of it is settled."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:012500"
VERSION = "1.38.0"
DESCRIPTION = "A file of the wrong month is taken back, and its bytes may come again."


async def forwards() -> MigrationManager:
    """Let a compared file be withdrawn; it still says when it was compared."""
    statements = [
        "ALTER TABLE recon_file DROP CONSTRAINT recon_file_check1",
        """
        ALTER TABLE recon_file ADD CONSTRAINT recon_file_knows_when CHECK (
            CASE state WHEN 'compared' THEN compared_at IS NOT NULL
                WHEN 'withdrawn' THEN true ELSE compared_at IS NULL END
        )
        """,
        """
        CREATE OR REPLACE FUNCTION recon_file_ensure_forward() RETURNS trigger
        LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.state = 'compared' AND NEW.state = 'withdrawn'
                AND to_jsonb(NEW) - 'state' = to_jsonb(OLD) - 'state'
                AND NOT EXISTS (
                    SELECT FROM recon_exception WHERE file_id = OLD.id AND outcome IS NOT NULL
                )
            THEN
                RETURN NEW;
            END IF;
            IF OLD.state <> 'loading' OR NEW.read_until < OLD.read_until THEN
                RAISE EXCEPTION 'a file that was compared or withdrawn stays as it is'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$
        """,
    ]
    return sql_migration(ID, "reconciliation", DESCRIPTION, statements)
