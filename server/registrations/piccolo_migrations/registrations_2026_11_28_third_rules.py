"""The third version of the published order: one lot for a company, and places that all name."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000900"
VERSION = "1.38.0"
DESCRIPTION = "The third version of the published order."


async def forwards() -> MigrationManager:
    """Publish it where the platform has switched on no order of its own."""
    return sql_migration(ID, "registrations", DESCRIPTION, _STATEMENTS)


_STATEMENTS = [
    "ALTER TABLE registry_entry ADD COLUMN places text[] COLLATE \"C\" NOT NULL DEFAULT '{}'",
    'ALTER TABLE registry_entry ADD COLUMN territory text COLLATE "C"',
    # What came before goes by the second; where nothing has, the third held from the start.
    """
    INSERT INTO registry_rules (
        version, steps, tolerance_ms, edition, hash, proposed_by, proposed_at, switched_on_at
    )
    SELECT (SELECT coalesce(max(version), 1) + 1 FROM registry_rules),
        '["territory", "live", "evidence", "word", "lot"]', 0, 3,
        'a01dec527e983f3f7d545d9ccb74dd36',
        '00000000-0000-0000-0000-000000000000', now(),
        CASE WHEN EXISTS (SELECT FROM registry_entry) THEN now() ELSE 'epoch' END
    WHERE NOT EXISTS (
        SELECT FROM registry_rules WHERE switched_on_at IS NOT NULL
            AND proposed_by <> '00000000-0000-0000-0000-000000000000'
    )
    """,
]
