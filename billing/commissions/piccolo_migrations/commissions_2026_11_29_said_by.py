"""Who said what of payments and of agents, in which order: the next one's second person sees it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import sql_migration

ID = "2026-11-29T00:00:00:013100"
VERSION = "1.38.0"
DESCRIPTION = "Who said what became of a payment, and who is a natural person, in order."


async def forwards() -> MigrationManager:
    """Count what was said of agents in the order of its rows, and add who said it of payments."""
    return sql_migration(ID, "commissions", DESCRIPTION, [*_NUMBERED, *_SAID])


_NUMBERED = [
    # Said one at a time: a larger number was said later, whatever servers' clocks told.
    # What is there is numbered as it stands; from now on whoever adds a row counts.
    "ALTER TABLE natural_person ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE natural_person ALTER COLUMN n DROP IDENTITY",
    "CREATE UNIQUE INDEX natural_person_in_order ON natural_person (n)",
    "DROP INDEX natural_person_of_agent",
    "CREATE UNIQUE INDEX natural_person_of_agent ON natural_person (agent_id, n)",
    "ALTER TABLE payout_batch ADD COLUMN declared_n bigint",
    "GRANT UPDATE (declared_n) ON payout_batch TO tonglu_platform",
]

_SAID = [
    "ALTER TABLE payout_payment ADD COLUMN settled_by uuid",
    "GRANT UPDATE (settled_by) ON payout_payment TO tonglu_platform",
    "CREATE INDEX payout_item_freed ON payout_item (item_id) WHERE NOT is_live",
]
