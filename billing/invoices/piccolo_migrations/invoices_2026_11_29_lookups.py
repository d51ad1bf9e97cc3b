"""Whether lines are of a draft is looked up, however many invoices there are."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:003410"
VERSION = "1.38.0"
DESCRIPTION = "Lines look their invoices up by key."


async def forwards() -> MigrationManager:
    """Ask for each line's invoice by itself; joined with the lines, all invoices were read."""
    return sql_migration(ID, "invoices", DESCRIPTION, [_ENSURE_DRAFT])


_ENSURE_DRAFT = """
    CREATE OR REPLACE FUNCTION invoice_line_ensure_draft() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM added
            WHERE (SELECT state FROM invoice WHERE invoice.id = added.invoice_id) = 'final'
        ) THEN
            RAISE EXCEPTION 'a final invoice takes no further lines'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """
