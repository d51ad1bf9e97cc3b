"""Usage events, each once, and the hours that they come to."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from billing.schema import AGENT, append_only, reachable, sql_migration

ID = "2026-11-28T00:00:00:002310"
VERSION = "1.38.0"
DESCRIPTION = "Usage events and hourly buckets."

_OWN = f"agent_id = {AGENT}"


async def forwards() -> MigrationManager:
    """Make the tables; an agent's transaction tells its own usage, the platform reads."""
    return sql_migration(ID, "metering", DESCRIPTION, [*_EVENT, *_BUCKET])


_EVENT = [
    """
    CREATE TABLE usage_event (
        agent_id uuid NOT NULL,
        id uuid NOT NULL,
        meter text COLLATE "C" NOT NULL,
        at timestamptz NOT NULL,
        amount bigint NOT NULL CHECK (amount <> 0),
        recorded_at timestamptz NOT NULL,
        CHECK (at <= recorded_at),
        PRIMARY KEY (agent_id, id)
    )
    """,
    "CREATE INDEX usage_event_of_hour ON usage_event (agent_id, meter, at)",
    *append_only("usage_event"),
    *reachable("usage_event", select=_OWN, insert=_OWN),
    "GRANT SELECT, INSERT ON usage_event TO tonglu_app",
    "GRANT SELECT, INSERT ON usage_event TO tonglu_platform",
]

_BUCKET = [
    """
    CREATE TABLE usage_bucket (
        agent_id uuid NOT NULL,
        meter text COLLATE "C" NOT NULL,
        hour timestamptz NOT NULL,
        events integer NOT NULL CHECK (events > 0),
        amount bigint NOT NULL,
        gained bigint NOT NULL CHECK (gained >= 0),
        weighted bigint NOT NULL,
        PRIMARY KEY (agent_id, meter, hour)
    )
    """,
    *reachable("usage_bucket", select=_OWN, insert=_OWN, update=_OWN),
    "GRANT SELECT, INSERT ON usage_bucket TO tonglu_app",
    "GRANT SELECT, INSERT ON usage_bucket TO tonglu_platform",
    "GRANT UPDATE (events, amount, gained, weighted) ON usage_bucket TO tonglu_app",
    "GRANT UPDATE (events, amount, gained, weighted) ON usage_bucket TO tonglu_platform",
]
