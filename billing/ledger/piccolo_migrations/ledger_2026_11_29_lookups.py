"""What a line settles or undoes is looked up, however many transfers there are."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:003400"
VERSION = "1.38.0"
DESCRIPTION = "Lines of a journal look their transfers up by key."


async def forwards() -> MigrationManager:
    """Resolve each line by itself.

    Lines and transfers were joined as sets, and what row-level security leaves of a table is
    guessed so low that PostgreSQL read all transfers, six times a journal. OFFSET 0 keeps the
    lookup a lookup. CASE, and not coalesce: a condition must be known not to leak before it may
    reach an index under row-level security, and coalesce is not.
    """
    return sql_migration(ID, "ledger", DESCRIPTION, [_RESOLVE])


_RESOLVE = """
    CREATE OR REPLACE FUNCTION ledger_resolve(p_lines jsonb) RETURNS TABLE (
        id uuid, kind text, debit_id uuid, credit_id uuid, currency text, amount_minor bigint,
        pending_id uuid, reversal_of uuid, event text, dims jsonb, n bigint,
        target_kind text, target_minor bigint, settled_by text, is_reversed boolean,
        same_target bigint
    ) STABLE LANGUAGE sql AS $$
        SELECT line.id, line.kind,
            coalesce(line.debit_id, target.debit_id), coalesce(line.credit_id, target.credit_id),
            coalesce(line.currency, target.currency),
            coalesce(line.amount_minor, target.amount_minor),
            line.pending_id, line.reversal_of, line.event,
            coalesce(target.dims, '{}') || coalesce(line.dims, '{}'), line.n,
            target.kind, target.amount_minor,
            (SELECT s.kind FROM ledger_transfer s WHERE s.pending_id = line.pending_id),
            (SELECT true FROM ledger_transfer s WHERE s.reversal_of = line.reversal_of) IS NOT NULL,
            count(*) OVER (PARTITION BY coalesce(line.pending_id, line.reversal_of, line.id))
        FROM ROWS FROM (
            jsonb_to_recordset(p_lines) AS (
                id uuid, kind text, debit_id uuid, credit_id uuid, currency text,
                amount_minor bigint,
                pending_id uuid, reversal_of uuid, event text, dims jsonb
            )
        ) WITH ORDINALITY AS line (
            id, kind, debit_id, credit_id, currency, amount_minor, pending_id, reversal_of, event,
            dims, n
        )
        LEFT JOIN LATERAL (
            SELECT * FROM ledger_transfer held
            WHERE held.id = CASE WHEN line.pending_id IS NULL THEN line.reversal_of
                ELSE line.pending_id END
            OFFSET 0
        ) target ON true
    $$
    """
