"""The second version of the published order, and what cases must not forget."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000400"
VERSION = "1.38.0"
DESCRIPTION = "The second version of the published order."


async def forwards() -> MigrationManager:
    """Publish it where the platform has switched on no order of its own."""
    return sql_migration(ID, "registrations", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    "ALTER TABLE registry_rules ADD COLUMN edition integer NOT NULL DEFAULT 1",
    "ALTER TABLE registry_rules ALTER COLUMN edition DROP DEFAULT",
    # What was decided before goes by the first; where nothing was, the second held from the start.
    """
    INSERT INTO registry_rules (
        version, steps, tolerance_ms, edition, hash, proposed_by, proposed_at, switched_on_at
    )
    SELECT (SELECT coalesce(max(version), 1) + 1 FROM registry_rules),
        '["territory", "live", "evidence", "word", "lot"]', 0, 2,
        'b853f9514bdf59a60972b88d56df9eee',
        '00000000-0000-0000-0000-000000000000', now(),
        CASE WHEN EXISTS (SELECT FROM registry_entry) THEN now() ELSE 'epoch' END
    WHERE NOT EXISTS (SELECT FROM registry_rules WHERE switched_on_at IS NOT NULL)
    """,
    "ALTER TABLE registry_party ADD COLUMN live_since timestamptz",
    """
    UPDATE registry_party p SET live_since = e.live_since FROM registry_entry e
    WHERE e.id = p.entry_id AND e.state IN ('granted', 'extended', 'converted')
    """,
    # An arbitrator's decision is for one customer, too: the hashes are in the verdicts anyway.
    "GRANT SELECT ON registry_key TO tonglu_platform",
]
