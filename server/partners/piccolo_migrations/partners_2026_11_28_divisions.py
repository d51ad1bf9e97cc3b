"""Territories on the tree of divisions."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit import divisions
from server.kit.db import ENGINE

ID = "2026-11-28T00:00:00:000300"
VERSION = "1.38.0"
DESCRIPTION = "Territories are codes of the tree of divisions."

_HELD = "SELECT DISTINCT city, district FROM territory"


async def forwards() -> MigrationManager:
    """Write the code of each territory's city and district; the words are left out."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)
    manager.add_raw(_run)
    return manager


async def _run() -> None:
    """Give each place its code, and end where one is not on the map."""
    await ENGINE.run_ddl('ALTER TABLE territory ADD COLUMN division text COLLATE "C"')
    for row in await ENGINE.run_ddl(_HELD):
        words = (row["city"], row["district"])
        found = divisions.locate(city=row["city"], district=row["district"])
        if not found.is_whole:
            raise RuntimeError(
                f"No division of China is called {words}: correct city and district of this "
                "territory, then migrate again."
            )
        values = (found.code, *words)
        told = ["NULL" if each is None else "'" + each.replace("'", "''") + "'" for each in values]
        await ENGINE.run_ddl(
            f"UPDATE territory SET division = {told[0]} "
            f"WHERE city = {told[1]} AND district IS NOT DISTINCT FROM {told[2]}"
        )
    for statement in (
        "ALTER TABLE territory ALTER COLUMN division SET NOT NULL",
        "ALTER TABLE territory DROP COLUMN city, DROP COLUMN district",
        "CREATE INDEX territory_division ON territory (division)",
        "GRANT SELECT ON territory TO tonglu_job",
    ):
        await ENGINE.run_ddl(statement)
