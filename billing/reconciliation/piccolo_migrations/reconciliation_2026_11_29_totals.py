"""A compared file knows what its sides come to."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:004251"
VERSION = "1.38.0"
DESCRIPTION = "Sides of a file are added up once, when it is compared."


async def forwards() -> MigrationManager:
    """Keep what stays as it is; only what came of the exceptions is added up anew."""
    return sql_migration(ID, "reconciliation", DESCRIPTION, [_TOTALS, *_KEPT])


# Lines and their matches are grouped and not joined: where most files are short, a join is planned
# for a short one, and would look through all matches of a long one for each of its lines.
_TOTALS = """
    CREATE FUNCTION recon_totals(of_file uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
        WITH told AS (
            SELECT side, number, currency, false AS is_matched,
                CASE WHEN state = 'active' THEN amount_minor ELSE 0 END AS minor
            FROM recon_line WHERE file_id = of_file
            UNION ALL
            SELECT 'here', unnest(here), NULL, true, 0 FROM recon_match WHERE file_id = of_file
            UNION ALL
            SELECT 'there', unnest(there), NULL, true, 0 FROM recon_match WHERE file_id = of_file
        ), line AS (
            SELECT side, max(currency) AS currency, sum(minor) AS minor,
                bool_or(is_matched) AS is_matched
            FROM told GROUP BY side, number
        ), total AS (
            SELECT side, currency, count(*) AS lines, sum(minor) AS counting_minor,
                coalesce(sum(minor) FILTER (WHERE is_matched), 0) AS matched_minor
            FROM line GROUP BY side, currency
        )
        SELECT coalesce(jsonb_agg(to_jsonb(total)), '[]') FROM total
    $$
"""

_KEPT = [
    "GRANT EXECUTE ON FUNCTION recon_totals TO tonglu_platform",
    "ALTER TABLE recon_file ADD COLUMN totals jsonb",
    "GRANT UPDATE (totals) ON recon_file TO tonglu_platform",
    # Under FORCE the owner sees no rows, and what was compared stays as it is but for this.
    *(
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
        for table in ("recon_file", "recon_line", "recon_match")
    ),
    "ALTER TABLE recon_file DISABLE TRIGGER recon_file_goes_forward",
    "UPDATE recon_file SET totals = recon_totals(id) WHERE state = 'compared'",
    "ALTER TABLE recon_file ENABLE TRIGGER recon_file_goes_forward",
    *(
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        for table in ("recon_file", "recon_line", "recon_match")
    ),
]
