"""What matching a rival would cost: the question, the business it was asked of, and the answer."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import reachable, sql_migration

ID = "2026-11-29T00:00:00:004410"
VERSION = "1.38.0"
DESCRIPTION = "Counter-offers that were simulated."


async def forwards() -> MigrationManager:
    """Make the table; it is the platform's alone."""
    return sql_migration(ID, "commissions", DESCRIPTION, _OFFER)


_OFFER = [
    """
    CREATE TABLE counter_offer (
        id uuid PRIMARY KEY,
        question bytea NOT NULL,
        inputs bytea NOT NULL,
        asked_by uuid NOT NULL,
        asked_at timestamptz NOT NULL,
        answer bytea,
        hash bytea CHECK (length(hash) = 32),
        answered_at timestamptz,
        CHECK (num_nulls(answer, hash, answered_at) IN (0, 3))
    )
    """,
    "CREATE INDEX counter_offer_by_time ON counter_offer (asked_at, id)",
    *reachable("counter_offer"),
    "GRANT SELECT, INSERT ON counter_offer TO tonglu_platform",
    "GRANT UPDATE (answer, hash, answered_at) ON counter_offer TO tonglu_platform",
]
